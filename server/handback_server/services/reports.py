"""ReportService: named questions, answered in rows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from tempfile import SpooledTemporaryFile
from typing import Final

from google.protobuf.message import Message

from handback.errors import LimitReached
from handback.reports.registry import REPORTS
from handback.reports.run import running
from handback_server import convert
from handback_server._stubs.v1 import reports_pb2 as pb
from handback_server._stubs.v1.reports_pb2_grpc import ReportServiceServicer
from handback_server.callers import Context, sees_restricted
from handback_server.paging import page_of
from handback_server.runtime import Runtime

# Of one run; what is larger waits on the disk until the caller takes it.
_IN_MEMORY_BYTES: Final = 1 << 20
_SIZE_BYTES: Final = 4


class Reports(ReportServiceServicer):
    """Runs reports, a few at a time.

    A run is written down as a whole before it is sent: its transaction is as short as the database
    makes it, however slowly a caller reads, and memory holds a batch of rows and no more.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._bridge = runtime.bridge
        # Threads are left for everybody else.
        self._at_once = self._free = max(1, runtime.settings.workers // 2)

    async def ListReports(
        self, request: pb.ListReportsRequest, context: Context
    ) -> pb.ListReportsResponse:
        """Give a page of declarations."""
        page = page_of(request, 0)
        convert.named(request.programme, "programme")
        behind = [*enumerate(REPORTS.values(), start=1)][page.after :]
        numbered, token = page.cut(behind[: page.fetch], lambda one: one[0])
        reports = [convert.report(declared) for _, declared in numbered]
        return pb.ListReportsResponse(reports=reports, next_page_token=token)

    async def RunReport(
        self, request: pb.RunReportRequest, context: Context
    ) -> AsyncIterator[pb.RunReportResponse]:
        """Send a report as it was written down."""
        programme = convert.named(request.programme, "programme")
        name = convert.named(request.report, "report")
        home = self._runtime.settings.home
        with SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=str(home)) as spooled:
            unmasked = sees_restricted(context, self._runtime.settings.restricted_readers)
            asked = (programme, name, dict(request.parameters))
            run = _Run(self._runtime, spooled, *asked, unmasked=unmasked)
            await self._write(run)
            while response := await self._bridge.run(run.read):
                yield response

    async def _write(self, run: _Run) -> None:
        if not self._free:
            raise LimitReached(f"{self._at_once} reports at a time", retry_after_s=1.0)
        self._free -= 1
        # It holds its thread until it ends, also where the caller has long gone.
        writing = asyncio.ensure_future(self._bridge.run(run.write))
        writing.add_done_callback(self._over)
        try:
            await asyncio.shield(writing)
        except BaseException:
            run.unwanted.set()
            raise

    def _over(self, writing: asyncio.Future[None]) -> None:
        self._free += 1
        if not writing.cancelled():
            writing.exception()  # its caller was told, if there still was one


class _Run:
    """One run: the parts of its answer, each behind its size."""

    def __init__(
        self,
        runtime: Runtime,
        spooled: SpooledTemporaryFile[bytes],
        programme: str,
        name: str,
        parameters: Mapping[str, str],
        *,
        unmasked: bool,
    ) -> None:
        self._desk = runtime.desk
        self._unmasked = unmasked
        self._spooled = spooled
        self._asked = (programme, name, parameters)
        self.unwanted = threading.Event()

    def write(self) -> None:
        """Write the parts down, unless the caller leaves meanwhile. Raises what a run raises."""
        if self.unwanted.is_set():
            return
        with running(self._desk, *self._asked, unmasked=self._unmasked) as run:
            header = convert.report_header(run.report, run.parameters, run.zone.key)
            self._part(pb.RunReportResponse(header=header))
            for rows in run:
                if self.unwanted.is_set():
                    return
                self._part(pb.RunReportResponse(rows=convert.report_rows(run.report, rows)))
            footer = convert.report_footer(run.report, run.footer())
            self._part(pb.RunReportResponse(footer=footer))
        self._spooled.seek(0)

    def _part(self, message: Message) -> None:
        content = message.SerializeToString()
        self._spooled.write(len(content).to_bytes(_SIZE_BYTES))
        self._spooled.write(content)

    def read(self) -> pb.RunReportResponse | None:
        """The next part, None behind the last."""
        size = self._spooled.read(_SIZE_BYTES)
        if not size:
            return None
        return pb.RunReportResponse.FromString(self._spooled.read(int.from_bytes(size)))
