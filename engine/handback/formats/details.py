"""Details put together: fields of their own, of their addenda, and of the headers above them.

Where several of them name the same field, the nearest to the detail wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from handback.formats.findings import DETAIL, FindingCode, findings_of
from handback.formats.layout import Kind, Layout, Record
from handback.formats.reading import POSITION, column_of
from handback.formats.references import ReferenceTemplate
from handback.formats.structure import FactValue, Mark

_OF_REFERENCE: Final = ("redemption_id", "attempt")
_NO_KEY: Final = [pl.lit(0, dtype=DETAIL[name]).alias(name) for name in _OF_REFERENCE]
_COLUMNS: Final = {
    column_of(name): DETAIL[name] for name in DETAIL if name not in (*POSITION, *_OF_REFERENCE)
} | {column_of("sub_code"): pl.String()}
"""Columns of fields that mean something to us; every other field is checked and forgotten."""


def together(details: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Details of several record kinds in the order of the file, with all meaningful columns."""
    frames = [_meaningful(frame) for frame in details]
    if not frames:
        return pl.DataFrame(schema={name: _POSITIONS[name] for name in POSITION} | _COLUMNS)
    joined = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal").sort("line")
    missing = [name for name in _COLUMNS if name not in joined.columns]
    return joined.with_columns(pl.lit(None, dtype=_COLUMNS[name]).alias(name) for name in missing)


def with_addenda(
    details: pl.DataFrame, addenda: Sequence[tuple[Record, pl.DataFrame]]
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Fill details from the addenda of the same ordinal; findings for missing and repeated ones."""
    findings = []
    for _, decoded in addenda:
        values = _meaningful(decoded)
        names = [name for name in values.columns if name in _COLUMNS]
        if names:
            repeated = values.filter(~pl.col("ordinal").is_first_distinct())
            message = "a second addenda record of this kind for one detail"
            findings.append(findings_of(repeated, FindingCode.ADDENDA_REPEATED, message))
        texts = values.group_by("ordinal", maintain_order=True).agg(
            pl.col("raw").str.join("\n").alias("addenda_raw"),
            *(pl.col(name).first() for name in names),
        )
        joined = details.join(texts, on="ordinal", how="left", suffix="|", maintain_order="left")
        raw = pl.concat_str("raw", "addenda_raw", separator="\n", ignore_nulls=True)
        details = joined.with_columns(
            raw.alias("raw"), *(pl.coalesce(name, f"{name}|") for name in names)
        ).select(details.columns)
    return details, findings


def without_addenda(
    details: pl.DataFrame, addenda: Sequence[tuple[Record, pl.DataFrame]], layout: Layout
) -> list[pl.DataFrame]:
    """Findings for details that lack an addenda record which the layout requires."""
    findings = []
    for required in (record for record in layout.of(Kind.ADDENDA) if record.required):
        there = [values["ordinal"] for record, values in addenda if record is required]
        owners = pl.concat(there) if there else pl.Series(dtype=pl.Int64)
        missing = details.filter(~pl.col("ordinal").is_in(owners.implode()))
        message = "the detail lacks its addenda record"
        findings.append(findings_of(missing, FindingCode.ADDENDA_MISSING, message))
    return findings


class Carried:
    """Header fields marked `carry`, kept for the details that follow."""

    def __init__(self, layout: Layout) -> None:
        fields = [one for record in layout.records for one in record.fields if one.carry]
        self._schema = {column_of(one.name): one.type.dtype for one in fields}
        kinds = [record.kind for record in layout.records]
        self._headers = [i for i, kind in enumerate(kinds) if kind is Kind.BATCH_HEADER]
        self._of_file: dict[str, FactValue] = {}
        self._of_batch = pl.DataFrame(schema={"segment": pl.Int64(), **self._schema})

    def take(self, marks: Sequence[Mark], batches: Sequence[tuple[int, pl.DataFrame]]) -> None:
        """Take in the headers of a chunk, of file and batches, before its details are filled."""
        for mark in marks:
            if mark.record.kind is Kind.HEADER:
                self._of_file |= {column_of(name): value for name, value in mark.values.items()}
        known = ["segment", *self._schema]
        headers = [values for index, values in batches if index in self._headers]
        frames = [frame.select(one for one in frame.columns if one in known) for frame in headers]
        latest = self._of_batch.sort("segment").tail(1)
        self._of_batch = pl.concat([latest, *frames], how="diagonal")

    def fill(self, details: pl.DataFrame) -> pl.DataFrame:
        """Details whose own fields are empty get those of their batch header, then the header."""
        names = [name for name in self._schema if name in details.columns]
        if not names:
            return details
        joined = details.join(
            self._of_batch, on="segment", how="left", suffix="|", maintain_order="left"
        )
        return joined.with_columns(
            pl.coalesce(name, f"{name}|", pl.lit(self._of_file.get(name), dtype=self._schema[name]))
            for name in names
        ).select(details.columns)


def canonical(details: pl.DataFrame, template: ReferenceTemplate | None) -> pl.DataFrame:
    """Details in the canonical columns (schema DETAIL), with the keys their references carry."""
    code, sub_code = pl.col(column_of("code")), pl.col(column_of("sub_code"))
    both = pl.concat_str(code, pl.lit("/"), sub_code)
    columns = details.select(
        pl.col(name if name in POSITION else column_of(name)).alias(name)
        for name in DETAIL
        if name not in _OF_REFERENCE
    ).with_columns(details.select(code=pl.when(sub_code.is_null()).then(code).otherwise(both)))
    if template is None:
        return columns.with_columns(_NO_KEY).select(list(DETAIL))
    found = template.read(columns["reference"])
    return columns.with_columns(
        found["redemption_id"],
        found["attempt"],
        pl.coalesce("batch", found["batch"]),
        pl.coalesce("batch_ordinal", found["batch_ordinal"]),
    ).select(list(DETAIL))


_POSITIONS: Final = {
    "ordinal": pl.Int64(),
    "line": pl.Int64(),
    "segment": pl.Int64(),
    "raw": pl.String(),
}


def _meaningful(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(name for name in frame.columns if name in POSITION or name in _COLUMNS)
