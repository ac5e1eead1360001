"""Reports as files and tables: what programs that show tables make of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zipfile import ZipFile

import click
import grpc
import polars as pl
import pytest

from client.conftest import MakeClient, Run
from client.scripted_server import Refuse, ScriptedServer
from handback_client import errors
from handback_client._stubs.v1 import reports_pb2
from handback_client.cli.exporting import FORMULA_BEGINS, CsvWriter, JsonWriter
from handback_client.cli.tables import columns_of
from handback_client.cli.workbook import Workbook
from handback_client.models.reports import (
    Behind,
    ColumnKind,
    Report,
    ReportColumn,
    ReportDrill,
    ReportFooter,
    ReportHeader,
    ReportRow,
)

KINDS = ("text", "integer", "quantity", "instant", "day", "id", "share", "duration")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
VALUES: dict[str, Any] = {
    "text": "Grüße",
    "integer": -7,
    "quantity": 12_000,
    "instant": NOON,
    "day": date(2026, 3, 2),
    "id": "rdm_0000000000a3k",
    "share": Decimal("0.142857"),
    "duration": timedelta(hours=54),
}
HEADER = ReportHeader(
    report=Report(
        name="everything",
        sentence="One column of each kind.",
        parameters=(),
        columns=tuple(
            ReportColumn(
                name=kind, kind=ColumnKind(kind), sentence="It is.", total=kind == "quantity"
            )
            for kind in KINDS
        ),
        drills=(
            ReportDrill(
                figures=("quantity",),
                report="events",
                columns={"redemption": "id", "from": "instant", "code": "text"},
                fixed={"trigger": "confirm"},
                kept=("zone", "partner"),
            ),
        ),
    ),
    parameters={"zone": "Europe/Lisbon"},
    zone="Pacific/Auckland",
)
PAIRED = replace(
    HEADER,
    report=replace(
        HEADER.report,
        columns=tuple(
            ReportColumn(name=name, kind=kind, sentence="It is.", total=True)
            for name, kind in (
                ("sent", ColumnKind.INTEGER),
                ("sent_quantity", ColumnKind.QUANTITY),
            )
        ),
    ),
)
FOOTER = ReportFooter(row_count=1, totals=(), as_of_position=9, as_of_at=NOON)


def row(**changes: Any) -> ReportRow:
    return ReportRow(HEADER, tuple((VALUES | changes)[kind] for kind in KINDS))


def cells(*rows: ReportRow) -> list[dict[str, str]]:
    """What a reader of CSV gets."""
    target = io.StringIO()
    writer = CsvWriter(target, HEADER)
    for one in rows:
        writer.row(one)
    writer.close(FOOTER)
    return list(csv.DictReader(io.StringIO(target.getvalue())))


def workbook(*rows: ReportRow, sheet_rows: int = 100) -> bytes:
    target = io.BytesIO()
    writer = Workbook(target, HEADER, sheet_rows)
    for one in rows:
        writer.row(one)
    writer.close(FOOTER)
    return target.getvalue()


def test_what_is_behind_a_figure_is_named_by_the_row() -> None:
    found = row().behind("quantity")
    assert found == Behind(
        report="events",
        parameters={
            "zone": "Europe/Lisbon",
            "trigger": "confirm",
            "redemption": "rdm_0000000000a3k",
            "from": "2026-03-02T12:00:00+00:00",
            "code": "Grüße",
        },
    )
    assert "code" not in row(text=None).behind("quantity").parameters  # type: ignore[union-attr]
    assert row(text="").behind("quantity").parameters["code"] == ""  # type: ignore[union-attr]
    assert row().behind("day") is None


def test_cells_of_csv_are_plain() -> None:
    assert cells(row(), row(share=None)) == [
        {
            "text": "Grüße",
            "integer": "-7",
            "quantity": "12000",
            "instant": "2026-03-02T12:00:00+00:00",
            "day": "2026-03-02",
            "id": "rdm_0000000000a3k",
            "share": "0.142857",
            "duration": "194400",
        },
        {**cells(row())[0], "share": ""},
    ]


@pytest.mark.parametrize("begin", FORMULA_BEGINS)
def test_no_text_of_csv_is_a_formula(begin: str) -> None:
    harmful = begin + 'HYPERLINK("http://example.org","x")'
    assert cells(row(text=harmful))[0]["text"] == f"'{harmful}"


def test_a_workbook_has_real_numbers_and_days_in_the_zone_of_the_report() -> None:
    content = workbook(row(), row(**dict.fromkeys(KINDS[1:])))
    sheet = pl.read_excel(io.BytesIO(content), sheet_name="everything")
    first, nothing = sheet.iter_rows(named=True)
    # Noon in UTC is one in the morning of the next day in Auckland.
    assert str(first["instant"]) == "2026-03-03 01:00:00"
    assert (first["quantity"], first["day"]) == (12_000, date(2026, 3, 2))
    assert first["share"] == pytest.approx(0.142857)
    assert {name for name, value in nothing.items() if value is not None} == {"text"}
    about = pl.read_excel(io.BytesIO(content), sheet_name="about", has_header=False)
    assert "Pacific/Auckland" in about.get_columns()[1].to_list()


def test_no_text_of_a_workbook_is_a_formula_and_no_number_is_rounded() -> None:
    content = workbook(row(text="=1+1", quantity=2**60 + 1))
    with ZipFile(io.BytesIO(content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "=1+1" in sheet and str(2**60 + 1) in sheet


def test_a_full_sheet_is_followed_by_another() -> None:
    content = workbook(*[row(integer=number) for number in range(5)], sheet_rows=3)
    sheets = pl.read_excel(io.BytesIO(content), sheet_id=0)
    assert list(sheets) == ["everything", "everything 2", "everything 3", "about"]
    assert sheets["everything 3"]["integer"].to_list() == [4]


def test_an_object_of_json_is_whole_without_rows_too() -> None:
    for count in (0, 2):
        target = io.StringIO()
        writer = JsonWriter(target, HEADER, behind=False)
        for _ in range(count):
            writer.row(row())
        writer.close(FOOTER)
        told = json.loads(target.getvalue())
        assert len(told["rows"]) == count
        assert (told["zone"], told["as_of_position"]) == ("Pacific/Auckland", 9)


RUNS = reports_pb2.ReportHeader(
    report=reports_pb2.Report(
        name="runs",
        columns=[
            reports_pb2.ReportColumn(
                name="file_id", kind=reports_pb2.REPORT_COLUMN_KIND_ID, sentence="It is."
            ),
            reports_pb2.ReportColumn(
                name="records", kind=reports_pb2.REPORT_COLUMN_KIND_INTEGER, total=True
            ),
        ],
        drills=[
            reports_pb2.ReportDrill(
                figures=["records"], report="records", columns={"file": "file_id"}
            )
        ],
    ),
    zone="UTC",
)


def rows_of(*counts: int | None) -> reports_pb2.ReportRows:
    return reports_pb2.ReportRows(
        row_count=len(counts),
        columns=[
            reports_pb2.ReportValues(texts=[f"hbf_{place}" for place in range(len(counts))]),
            reports_pb2.ReportValues(
                numbers=[count or 0 for count in counts],
                absent=[place for place, count in enumerate(counts) if count is None],
            ),
        ],
    )


TOTALS = reports_pb2.ReportRows(
    row_count=1,
    columns=[
        reports_pb2.ReportValues(texts=[""], absent=[0]),
        reports_pb2.ReportValues(numbers=[1_234]),
    ],
)


def whole(request: Any, context: grpc.ServicerContext) -> Iterator[reports_pb2.RunReportResponse]:
    yield reports_pb2.RunReportResponse(header=RUNS)
    yield reports_pb2.RunReportResponse(rows=rows_of(1_234, None))
    footer = reports_pb2.ReportFooter(row_count=2, totals=TOTALS, as_of_position=9)
    yield reports_pb2.RunReportResponse(footer=footer)


def cut(request: Any, context: grpc.ServicerContext) -> Iterator[reports_pb2.RunReportResponse]:
    yield from list(whole(request, context))[:2]


def test_a_terminal_shows_totals_and_the_way_down(run: Run, server: ScriptedServer) -> None:
    server.on("RunReport", whole, whole)
    shown = run("report", "runs", "--partner", "skyways", "--behind", terminal=True).stdout
    table, said = shown.split("total: ")
    assert "1,234" in table
    assert said.splitlines() == [
        "records 1,234",
        "behind records: handback report records --file FILE_ID",
        "2 rows, as of position 9, times in UTC",
    ]
    assert dict(server.calls["RunReport"][0].requests[0].parameters) == {"partner": "skyways"}
    piped = run("report", "runs").stdout
    assert piped.splitlines() == ["file_id\trecords", "hbf_0\t1234", "hbf_1\t"]


def test_rows_too_wide_for_a_terminal_become_cards(run: Run, server: ScriptedServer) -> None:
    server.on("RunReport", whole, whole)
    shown = click.unstyle(run("report", "runs", terminal=True, COLUMNS="19").stdout)
    titles = [line.split() for line in shown.splitlines() if line.strip()][:2]
    assert titles == [["file"], ["id", "records"]]
    shown = run("report", "runs", terminal=True, COLUMNS="15").stdout
    cards = [line.split() for line in shown.splitlines() if line.strip()][:3]
    assert cards == [["file", "id", "hbf_0"], ["records", "1,234"], ["file", "id", "hbf_1"]]


def test_a_count_and_its_quantity_stand_together() -> None:
    parts = list(columns_of(PAIRED, [ReportRow(PAIRED, (4, 1_000)), ReportRow(PAIRED, (12, 9))]))
    assert [(one.title, one.aligned()) for one in parts] == [("sent", ["4 / 1,000", "12 /     9"])]
    assert parts[0].cell(1) == "12 / 9"


async def test_a_report_that_is_cut_off_is_no_report(
    make_client: MakeClient, server: ScriptedServer
) -> None:
    server.on("RunReport", cut)
    found = make_client().reports.run("runs")
    with pytest.raises(errors.ServerUnreachable):
        async for _ in found:
            pass
    assert found._inner.footer is None if hasattr(found, "_inner") else found.footer is None


async def test_a_refusal_comes_with_its_reason(
    make_client: MakeClient, server: ScriptedServer
) -> None:
    server.on("RunReport", Refuse(grpc.StatusCode.NOT_FOUND, "NOT_FOUND", {"kind": "report"}))
    with pytest.raises(errors.NotFound):
        async for _ in make_client().reports.run("nothing"):
            pass


def test_a_file_appears_once_it_is_whole(run: Run, server: ScriptedServer, tmp_path: Any) -> None:
    server.on("RunReport", cut, whole)
    path = tmp_path / "runs.csv"
    assert run("report", "runs", "-o", str(path)).exit_code == 1
    assert list(tmp_path.iterdir()) == []
    assert run("report", "runs", "-o", str(path)).exit_code == 0
    assert path.read_text() == "file_id,records\nhbf_0,1234\nhbf_1,\n"
    server.on("RunReport", whole)
    nowhere = run("report", "runs", "-o", str(tmp_path / "nowhere" / "runs.csv"))
    assert nowhere.exit_code == 1
    assert nowhere.stderr.endswith("runs.csv: No such file or directory\n")
