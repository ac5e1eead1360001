"""Reports over the wire: in pieces, a few at a time, and never for nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import grpc
import polars as pl
import pytest
import pytest_asyncio

from handback.reports import declaring as d
from handback.reports import run
from handback.reports.reading import Reading
from handback.reports.report import Report
from handback_server._stubs.v1 import reports_pb2, reports_pb2_grpc
from server.calls import PROGRAMME, Callers, reason_of, refused

PIECES = 50


class Slow:
    """A report whose pieces come when the test says so."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.given = 0
        self.ended = threading.Event()
        columns = (d.integer("number", "It is."),)
        self.report = Report("slow", "It waits.", (), columns, self._rows)

    def _rows(self, asked: Reading) -> Iterator[pl.DataFrame]:
        try:
            self.begun.release()
            for number in range(PIECES):
                assert self.go_on.wait(30)
                self.given += 1
                yield pl.DataFrame({"number": [number]})
        finally:
            self.ended.set()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """The only report there is."""
    slow = Slow()
    monkeypatch.setattr(run, "REPORTS", {"slow": slow.report})
    yield slow
    slow.go_on.set()


@pytest_asyncio.fixture
async def reports(
    callers: Callers, partner: None
) -> AsyncIterator[reports_pb2_grpc.ReportServiceStub]:
    """The stub of a server that has a partner."""
    yield reports_pb2_grpc.ReportServiceStub(callers.channel)


def asked(name: str) -> reports_pb2.RunReportRequest:
    return reports_pb2.RunReportRequest(programme=PROGRAMME, report=name)


async def test_rows_come_in_pieces_between_header_and_footer(
    reports: reports_pb2_grpc.ReportServiceStub, callers: Callers
) -> None:
    await callers.submit_many(2_500)
    parts = [part async for part in reports.RunReport(asked("events"))]
    kinds = [part.WhichOneof("part") for part in parts]
    assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("header", "footer", {"rows"})
    sizes = [part.rows.row_count for part in parts[1:-1]]
    assert sum(sizes) == parts[-1].footer.row_count == 2_500
    assert max(sizes) <= run.PIECE_ROWS
    assert parts[-1].footer.totals.row_count == 1


async def test_only_some_run_at_a_time(
    reports: reports_pb2_grpc.ReportServiceStub, slow: Slow
) -> None:
    running = [reports.RunReport(asked("slow")) for _ in range(4)]
    firsts = [asyncio.ensure_future(one.read()) for one in running]
    for _ in firsts:
        assert await asyncio.to_thread(slow.begun.acquire, timeout=30)
    async with refused() as told:
        await reports.RunReport(asked("slow")).read()
    assert (told.reason, told.facts["limit"]) == ("LIMIT_REACHED", "4 reports at a time")
    slow.go_on.set()
    assert [(await one).WhichOneof("part") for one in firsts] == ["header"] * 4


async def test_a_run_whose_caller_has_gone_ends(
    reports: reports_pb2_grpc.ReportServiceStub, slow: Slow
) -> None:
    call = reports.RunReport(asked("slow"))
    first = asyncio.ensure_future(call.read())
    await asyncio.to_thread(slow.begun.acquire, timeout=30)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await _settled(reports)
    slow.go_on.set()
    assert await asyncio.to_thread(slow.ended.wait, 30)
    assert slow.given < PIECES


async def test_a_run_counts_until_it_ends_whoever_still_waits(
    reports: reports_pb2_grpc.ReportServiceStub, slow: Slow
) -> None:
    running = [reports.RunReport(asked("slow")) for _ in range(4)]
    firsts = [asyncio.ensure_future(one.read()) for one in running]
    for _ in firsts:
        assert await asyncio.to_thread(slow.begun.acquire, timeout=30)
    for call in running:
        call.cancel()
    await asyncio.gather(*firsts, return_exceptions=True)
    await _settled(reports)
    assert await reason_of(reports.RunReport(asked("slow")).read()) == "LIMIT_REACHED"
    slow.go_on.set()
    async with asyncio.timeout(30):
        while await _is_refused(reports.RunReport(asked("slow"))):
            pass


async def _is_refused(call: grpc.aio.UnaryStreamCall) -> bool:
    try:
        await call.read()
    except grpc.aio.AioRpcError as refused:
        assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        return True
    return False


async def _settled(reports: reports_pb2_grpc.ReportServiceStub) -> None:
    """The server has seen all that was sent before."""
    await reports.ListReports(reports_pb2.ListReportsRequest(programme=PROGRAMME))
