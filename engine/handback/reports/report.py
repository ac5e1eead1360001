"""What a report is: a name, what may be asked, the columns of its rows, and where each leads on.

A report is declared once. Whoever shows one (the wire, the command line, a workbook) reads the
declaration and knows no report by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from handback.reports.declaring import FRAME_TYPE, Column, ColumnKind, Drill, Parameter, Rows
from handback.reports.reading import Reading


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `rows` gives frames with its columns; those of ids hold their numbers."""

    name: str
    sentence: str
    parameters: Sequence[Parameter]
    columns: Sequence[Column]
    rows: Callable[[Reading], Rows]
    drills: Sequence[Drill] = ()

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def frame(self, rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
        """Rows by name as a frame such as `rows` gives."""
        kinds = {
            one.name: pl.Int64() if one.kind is ColumnKind.ID else FRAME_TYPE[one.kind]
            for one in self.columns
        }
        return pl.DataFrame(rows, schema=kinds)
