"""Batches within a file, and groups of them: whether each is framed as the layout wants, and holds
what it says.

A file may have as many batches as details, so they are columns too: one row per batch, added up
over the chunks it spans, and judged when the next batch begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from handback.formats.controls import HALF, LINE, half_sums, line_count, measured
from handback.formats.findings import FINDINGS, FindingCode, severity_of
from handback.formats.layout import Field, Kind, Layout, Level, Total
from handback.formats.reading import column_of

_MISSING: Final = {
    Kind.GROUP_HEADER: FindingCode.GROUP_HEADER_MISSING,
    Kind.GROUP_CONTROL: FindingCode.GROUP_CONTROL_MISSING,
    Kind.BATCH_HEADER: FindingCode.BATCH_HEADER_MISSING,
    Kind.BATCH_CONTROL: FindingCode.BATCH_CONTROL_MISSING,
}


class Batches:
    """Follows what one level of a file is parted into; `segment` is the number of a row's part."""

    def __init__(self, layout: Layout, level: Level) -> None:
        self._layout = layout
        self._level = level
        self._kinds = (level.header, level.control)
        self._measures = layout.measures()
        self._framed = any(layout.of(*self._kinds))
        closing = (one for record in layout.of(level.control) for one in record.fields)
        self._repeated = {one.same_as for one in closing}
        self._open = pl.DataFrame(schema={"segment": pl.Int64()})
        self._told_bare = False

    def follow(
        self,
        rows: pl.DataFrame,
        details: Sequence[pl.DataFrame],
        frames: Sequence[tuple[int, pl.DataFrame]],
        unreadable: pl.DataFrame,
    ) -> list[pl.DataFrame]:
        """Take in one chunk, and judge the batches that ended in it.

        `rows` are all records (line, rec), `details` the decoded details and addenda, `frames` the
        headers and controls of this level by index, `unreadable` (line, field) the values of them
        that cannot be read, field '' for whole records.
        """
        if not self._framed or rows.is_empty():
            return []
        rows = self._parted(rows)
        details = [self._parted(frame) for frame in details]
        frames = [(index, self._parted(frame)) for index, frame in frames]
        pieces = [self._open, self._counts(rows)]
        pieces += [self._sums(frame) for frame in details]
        pieces += [self._said(index, values) for index, values in frames]
        pieces += self._unreadable(rows, unreadable)
        batches = (
            pl.concat(pieces, how="diagonal").group_by("segment").agg(_added_up(pieces))
        ).sort("segment")
        ended = pl.col("segment") < rows["segment"][-1]
        self._open = batches.filter(~ended)
        return self._judge(batches.filter(ended))

    def finish(self) -> list[pl.DataFrame]:
        """Judge the last batch."""
        return self._judge(self._open) if self._framed and self._open.height else []

    def _parted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the numbers of this level as `segment`."""
        return frame.with_columns(pl.col(self._level.column).alias("segment"))

    def _counts(self, rows: pl.DataFrame) -> pl.DataFrame:
        records = [(i, one) for i, one in enumerate(self._layout.records) if not one.implied]
        return rows.group_by("segment").agg(
            pl.col("line").min().alias("first_line"),
            line_count(rows).alias(_count(LINE)),
            *(
                pl.col("rec").is_in([i for i, one in records if one.kind is kind]).sum()
                .cast(pl.Int64).alias(_count(kind))
                for kind in Kind
            ),
        )  # fmt: skip

    def _sums(self, details: pl.DataFrame) -> pl.DataFrame:
        values = [(number, measured(details, one)) for number, one in enumerate(self._measures)]
        return details.group_by("segment").agg(
            half
            for number, value in values
            if value is not None
            for half in half_sums(value, _sum(number))
        )

    def _said(self, index: int, values: pl.DataFrame) -> pl.DataFrame:
        """What the headers or controls of the layout's record `index` say, one a batch."""
        fields = self._layout.records[index].fields
        compared = [one for one in fields if one.total or one.same_as or one.name in self._repeated]
        named = [column_of(one.name) for one in compared]
        return values.select(
            "segment",
            pl.col("line").alias(f"{index}.line"),
            *(pl.col(name).alias(f"{index}.{name}") for name in named),
        )

    def _unreadable(self, rows: pl.DataFrame, unreadable: pl.DataFrame) -> list[pl.DataFrame]:
        if unreadable.is_empty():
            return []
        placed = unreadable.join(rows.select("line", "segment"), on="line")
        return [
            placed.filter(
                pl.col("field").is_in([measure.field, *(name for name, _ in measure.where), ""])
            )
            .group_by("segment")
            .agg(pl.len().cast(pl.Int64).alias(_unread(number)))
            for number, measure in enumerate(self._measures)
        ]

    def _judge(self, batches: pl.DataFrame) -> list[pl.DataFrame]:
        """Findings of batches that are complete."""
        if batches.is_empty():
            return []
        findings = self._framing(batches)
        for index, record in enumerate(self._layout.records):
            if record.kind in self._kinds and f"{index}.line" in batches.columns:
                there = batches.filter(pl.col(f"{index}.line").is_not_null())
                for one in record.fields:
                    if one.total and not one.total.of_original:
                        findings.append(self._disagreeing(there, index, one, one.total))
                    if one.same_as:
                        findings.append(self._differing(there, index, one))
        return findings

    def _framing(self, batches: pl.DataFrame) -> list[pl.DataFrame]:
        """Details outside a batch, and batches that nothing closes."""
        findings = []
        has_details = pl.col(_count(Kind.DETAIL)) > 0
        header, control = self._kinds
        has_header = pl.col(_count(header)) > 0
        bare = batches.filter(has_details & ~has_header)
        if self._layout.is_required(header) and bare.height and not self._told_bare:
            self._told_bare = True
            message = pl.lit(f"details stand outside a {self._level.name}")
            code = _MISSING[header]
            findings.append(_findings(bare.head(1), "first_line", "", code, message))
        if self._layout.is_required(control):
            unclosed = pl.col(_count(control)) == 0
            message = pl.lit(f"the {self._level.name} has no control record")
            code = _MISSING[control]
            left = batches.filter(unclosed & (has_details | has_header))
            findings.append(_findings(left, "first_line", "", code, message))
        return findings

    def _differing(self, batches: pl.DataFrame, index: int, field: Field) -> pl.DataFrame:
        """Findings for batches whose control does not repeat what the header says."""
        records = enumerate(self._layout.records)
        headers = [i for i, one in records if one.kind is self._level.header]
        names = [f"{i}.{column_of(field.same_as)}" for i in headers]
        there = [name for name in names if name in batches.columns]
        header = pl.coalesce(there) if there else pl.lit(None)
        said = pl.col(f"{index}.{column_of(field.name)}")
        has_header = pl.col(_count(self._level.header)) > 0
        wrong = batches.filter(has_header & said.ne_missing(header))
        message = pl.format(
            "the record says {}, its header {}",
            *(value.cast(pl.String).fill_null("nothing") for value in (said, header)),
        )
        return _findings(wrong, f"{index}.line", field.name, FindingCode.CONTROL_DIFFERS, message)

    def _disagreeing(
        self, batches: pl.DataFrame, index: int, field: Field, total: Total
    ) -> pl.DataFrame:
        """Findings for batches whose record `index` says another total than was counted.

        Numbers are compared in halves, as sums may not fit 64 bits.
        """
        said = pl.col(f"{index}.{column_of(field.name)}")
        number = self._measures.index(total.measure) if total.measure else None
        high, low = _halves(batches, total, number)
        agrees = (said // HALF == high) & (said % HALF == low)
        wrong = batches.filter(~agrees.fill_null(False))
        message = pl.format(
            f"the record says {{}}, the {self._level.name} holds {{}}",
            said.cast(pl.String).fill_null("nothing"),
            high * HALF + low,
        )
        line = f"{index}.line"
        if number is None or total.measure is None:
            return _findings(wrong, line, field.name, FindingCode.COUNT_MISMATCH, message)
        sums = bool(total.measure.field)
        code = FindingCode.SUM_MISMATCH if sums else FindingCode.COUNT_MISMATCH
        unread = pl.col(_unread(number)) if _unread(number) in wrong.columns else pl.lit(0)
        frames = [
            _findings(wrong.filter(unread == 0), line, field.name, code, message),
            _findings(
                wrong.filter(unread > 0), line, field.name, FindingCode.SUM_UNVERIFIED, message
            ),
        ]
        return pl.concat(frames)


def _halves(batches: pl.DataFrame, total: Total, number: int | None) -> tuple[pl.Expr, pl.Expr]:
    """The upper and lower nine digits of what a total must say; `number` is that of its measure."""
    if number is not None:
        names = [f"{_sum(number)}_{half}" for half in ("high", "low")]
        there = names[0] in batches.columns
        high, low = (pl.col(name) if there else pl.lit(0) for name in names)
    else:
        high, low = pl.lit(0), pl.sum_horizontal(_count(kind) for kind in total.kinds)
    high, low = high + low // HALF, low % HALF
    if total.digits:
        high = high % 10 ** max(total.digits - 9, 0)
        low = low % 10 ** min(total.digits, 9)
    return high, low


def _added_up(pieces: Sequence[pl.DataFrame]) -> list[pl.Expr]:
    """How the rows of one batch become one: counts and sums add, what was said stays."""
    names = sorted({name for piece in pieces for name in piece.columns} - {"segment"})
    return [
        pl.col(name).min()
        if name == "first_line"
        else pl.col(name).drop_nulls().first()
        if name[0].isdigit()
        else pl.col(name).sum()
        for name in names
    ]


def _findings(
    batches: pl.DataFrame, line: str, field: str, code: FindingCode, message: pl.Expr
) -> pl.DataFrame:
    return batches.select(
        pl.lit(0, dtype=pl.Int64).alias("ordinal"),
        pl.col(line).alias("line"),
        pl.lit(field).alias("field"),
        pl.lit(code.value).alias("code"),
        pl.lit(int(severity_of(code)), dtype=pl.Int8).alias("severity"),
        message.alias("message"),
        pl.lit("").alias("raw"),
    ).select(list(FINDINGS))


def _count(kind: str) -> str:
    return f"count.{kind}"


def _sum(number: int) -> str:
    return f"sum.{number}"


def _unread(number: int) -> str:
    return f"unread.{number}"
