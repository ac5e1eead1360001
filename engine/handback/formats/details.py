"""Details put together: fields of their own, of their addenda, and of the headers above them.

Where several of them name the same field, the nearest to the detail wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from handback.formats.findings import DETAIL, FindingCode, findings_of
from handback.formats.layout import BATCH, GROUP, HEADER_KINDS, Kind, Layout, Record, Repeats
from handback.formats.reading import POSITION, column_of
from handback.formats.references import ReferenceTemplate
from handback.formats.structure import FactValue, Mark
from handback.formats.texts import SEVERAL

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
    joined = frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal").sort("ordinal")
    missing = [name for name in _COLUMNS if name not in joined.columns]
    return joined.with_columns(pl.lit(None, dtype=_COLUMNS[name]).alias(name) for name in missing)


def with_addenda(
    details: pl.DataFrame, addenda: Sequence[tuple[Record, pl.DataFrame]]
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Fill details from the addenda of the same ordinal; findings for missing and repeated ones."""
    findings = []
    for record, decoded in addenda:
        values = _meaningful(decoded)
        names = [name for name in values.columns if name in _COLUMNS]
        if names and record.repeats is Repeats.REJECT:
            repeated = values.filter(~pl.col("ordinal").is_first_distinct())
            message = "a second addenda record of this kind for one detail"
            findings.append(findings_of(repeated, FindingCode.ADDENDA_REPEATED, message))
        texts = values.group_by("ordinal", maintain_order=True).agg(
            pl.col("raw").str.join("\n").alias("addenda_raw"),
            *(_of_several(name, record.repeats) for name in names),
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
        # What a header stands for is no record that could have any.
        own = pl.col(column_of("scope")).is_null()
        missing = details.filter(own & ~pl.col("ordinal").is_in(owners.implode()))
        message = "the detail lacks its addenda record"
        findings.append(findings_of(missing, FindingCode.ADDENDA_MISSING, message))
    return findings


def _of_several(name: str, repeats: Repeats) -> pl.Expr:
    """The value that counts where a detail has several addenda of one kind."""
    values = pl.col(name).drop_nulls()
    if repeats is Repeats.LAST:
        return values.last()
    if repeats is Repeats.EVERY and _COLUMNS[name] == pl.String():
        return values.unique(maintain_order=True).str.join(SEVERAL).replace("", None)
    return values.first()


class Carried:
    """Header fields marked `carry`, kept for the details that follow."""

    def __init__(self, layout: Layout) -> None:
        fields = [one for record in layout.records for one in record.fields if one.carry]
        self._schema = {column_of(one.name): one.type.dtype for one in fields}
        self._headers = [
            index for index, record in enumerate(layout.records) if record.kind in HEADER_KINDS
        ]
        self._of_file: dict[str, FactValue] = {}
        self._of_part = {
            level.column: pl.DataFrame(schema={level.column: pl.Int64(), **self._schema})
            for level in (BATCH, GROUP)
        }

    def take(
        self,
        marks: Sequence[Mark],
        groups: Sequence[tuple[int, pl.DataFrame]],
        batches: Sequence[tuple[int, pl.DataFrame]],
    ) -> None:
        """Take in the headers of a chunk, of file, groups and batches, before its details are
        filled."""
        for mark in marks:
            if mark.record.kind is Kind.HEADER:
                self._of_file |= {column_of(name): value for name, value in mark.values.items()}
        for column, parts in ((GROUP.column, groups), (BATCH.column, batches)):
            known = [column, *self._schema]
            headers = [values for index, values in parts if index in self._headers]
            frames = [
                frame.select(one for one in frame.columns if one in known) for frame in headers
            ]
            latest = self._of_part[column].sort(column).tail(1)
            self._of_part[column] = pl.concat([latest, *frames], how="diagonal")

    def fill(self, details: pl.DataFrame) -> pl.DataFrame:
        """Details whose own fields are empty get those of their batch header, then of their group,
        then of the file."""
        names = [name for name in self._schema if name in details.columns]
        if not names:
            return details
        columns = details.columns
        for column, headers in self._of_part.items():
            if headers.height:
                there = headers.select(column, *names)
                details = (
                    details.join(there, on=column, how="left", suffix="|", maintain_order="left")
                    .with_columns(pl.coalesce(name, f"{name}|") for name in names)
                    .select(columns)
                )
        return details.with_columns(
            pl.coalesce(name, pl.lit(self._of_file.get(name), dtype=self._schema[name]))
            for name in names
        )


def canonical(details: pl.DataFrame, template: ReferenceTemplate | None) -> pl.DataFrame:
    """Details in the canonical columns (schema DETAIL), with the keys their references carry."""
    columns = details.select(
        pl.col(name if name in POSITION else column_of(name)).alias(name)
        for name in DETAIL
        if name not in _OF_REFERENCE
    ).with_columns(_codes(details).alias("code"))
    if template is None:
        return columns.with_columns(_NO_KEY).select(list(DETAIL))
    found = template.read(columns["reference"])
    columns = columns.with_columns(
        found["redemption_id"],
        found["attempt"],
        pl.coalesce("batch", found["batch"]),
        pl.coalesce("batch_ordinal", found["batch_ordinal"]),
    ).select(list(DETAIL))
    return _with_batches(columns, template.of_batch) if template.of_batch else columns


def _with_batches(columns: pl.DataFrame, of_batch: ReferenceTemplate) -> pl.DataFrame:
    """Answers to a batch as a whole with the number of the batch that their references name."""
    whole = columns["scope"].is_not_null()
    if not whole.any():
        return columns
    named = of_batch.read(columns["reference"])["batch"]
    return columns.with_columns(pl.when(whole).then(pl.coalesce("batch", named)).otherwise("batch"))


def _codes(details: pl.DataFrame) -> pl.Series:
    """Code and sub-code as one; of several sub-codes each with the code before it."""
    codes, sub_codes = details[column_of("code")], details[column_of("sub_code")]
    if sub_codes.null_count() == details.height:
        return codes.alias("code")
    pairs = details.select(code=codes, sub_code=sub_codes)
    several = pairs.unique()
    joined = [_each(*pair) for pair in several.iter_rows()]
    known = several.with_columns(pl.Series("both", joined, dtype=pl.String))
    keys = ["code", "sub_code"]
    return pairs.join(known, on=keys, how="left", nulls_equal=True, maintain_order="left")["both"]


def _each(code: str | None, sub_codes: str | None) -> str | None:
    if not sub_codes or code is None:
        return code
    return SEVERAL.join(f"{code}/{one}" for one in sub_codes.split(SEVERAL))


_POSITIONS: Final = {
    "ordinal": pl.Int64(),
    "line": pl.Int64(),
    "group": pl.Int64(),
    "segment": pl.Int64(),
    "raw": pl.String(),
}


def _meaningful(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(name for name in frame.columns if name in POSITION or name in _COLUMNS)
