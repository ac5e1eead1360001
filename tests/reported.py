"""Reports as tests run them: their rows as dictionaries, and the way down from a figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handback.reports.declaring import ColumnKind, Drill
from handback.reports.registry import REPORTS
from handback.reports.report import Report
from handback.reports.run import running
from world import PROGRAMME, World

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Reported:
    """What a report said."""

    rows: list[Row]
    row_count: int
    totals: list[Row]
    as_of_position: int

    def total(self, name: str) -> int:
        """The sum of a column over all units."""
        return sum(row[name] for row in self.totals)


def reported(
    world: World, name: str, *, unmasked: bool = True, programme: str = PROGRAMME, **asked: str
) -> Reported:
    """Run a report; `from_` stands for `from`, `class_` for `class`."""
    parameters = {key.rstrip("_"): value for key, value in asked.items()}
    with running(world.desk, programme, name, parameters, unmasked=unmasked) as run:
        rows = [row for piece in run for row in piece.iter_rows(named=True)]
        footer = run.footer()
    totals = list(footer.totals.iter_rows(named=True))
    return Reported(rows, footer.row_count, totals, footer.as_of_position)


def asked_behind(drill: Drill, row: Row, asked: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the report that is behind a row."""
    told = {name: row[column] for name, column in drill.columns.items()}
    given = {name: _text(value) for name, value in told.items() if value is not None}
    kept = {name: asked[name] for name in drill.kept if name in asked}
    return kept | dict(drill.fixed) | given


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def assert_followed_down(world: World, name: str, *, unmasked: bool = True, **asked: str) -> int:
    """Every figure of a report is what its drill shows; how many were compared."""
    compared = 0
    parameters = {key.rstrip("_"): value for key, value in asked.items()}
    report = REPORTS[name]
    for row in reported(world, name, unmasked=unmasked, **parameters).rows:
        for drill in report.drills:
            figures = list(_figures(report, drill))
            if figures:
                wanted = asked_behind(drill, row, parameters)
                behind = reported(world, drill.report, unmasked=unmasked, **wanted)
                for figure, kind in figures:
                    found = _figure(REPORTS[drill.report], behind, figure, kind)
                    assert found == row[figure], (name, figure, row, drill, wanted)
                    compared += 1
    return compared


def _figures(report: Report, drill: Drill) -> Iterator[tuple[str, ColumnKind]]:
    for name in drill.figures:
        column = report.column(name)
        if column.kind in (ColumnKind.INTEGER, ColumnKind.QUANTITY) and (
            column.total or name.endswith("quantity")
        ):
            yield name, column.kind


def _figure(report: Report, behind: Reported, figure: str, kind: ColumnKind) -> int:
    if kind is ColumnKind.INTEGER:
        return behind.row_count
    names = {column.name for column in report.columns}
    return behind.total(figure if figure in names else "quantity")
