# Generated from handback_client/aio by async_to_sync.py; do not edit.
"""Reports: which there are, and running one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

from handback_client._stubs.v1 import reports_pb2
from handback_client._stubs.v1.reports_pb2_grpc import ReportServiceStub
from handback_client.convert.reports import report, report_footer, report_header, report_rows
from handback_client.models.reports import Report, ReportFooter, ReportHeader, ReportRow
from handback_client.sync.connection import Connection
from handback_client.sync.stream import Stream

# A run says nothing before all of it is known.
SILENCE_S = 600.0


class Reports:
    """The calls about reports."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reports = ReportServiceStub(connection.channel)

    def list(self, *, page_size: int = 500) -> Iterator[Report]:
        """The reports there are, with what may be asked and what their rows say."""
        request = reports_pb2.ListReportsRequest(
            programme=self._connection.programme, page_size=page_size
        )
        for page in self._connection.pages(self._reports.ListReports, request):
            for one in page.reports:
                yield report(one)

    def run(
        self,
        name: str,
        parameters: Mapping[str, str] | None = None,
        *,
        silence_s: float = SILENCE_S,
    ) -> ReportRun:
        """Run a report: its rows come as they are asked for, then the footer.

        There is no deadline; a run that says nothing for `silence_s` is given up. The run raises
        NotFound, LimitReached; ServerUnreachable where it ends before its footer.
        """
        request = reports_pb2.RunReportRequest(
            programme=self._connection.programme, report=name, parameters=parameters or {}
        )
        return ReportRun(self._connection, request, silence_s)


class ReportRun:
    """The rows of a report, one after the other, in memory by the batch.

    Iterate over it once; then `footer` says what the rows came to. Use it as a context manager, or
    `close` it, where not all rows are wanted.
    """

    def __init__(
        self, connection: Connection, request: reports_pb2.RunReportRequest, silence_s: float
    ) -> None:
        call = ReportServiceStub(connection.channel).RunReport(
            request, metadata=connection.call_metadata()
        )
        self._stream: Stream[reports_pb2.RunReportResponse] = Stream(call, silence_s)
        self._header: ReportHeader | None = None
        self._footer: ReportFooter | None = None
        self._rows: list[ReportRow] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave; rows that were not taken yet are not sent."""
        self._stream.close()

    def header(self) -> ReportHeader:
        """What the run is of."""
        if self._header is None:
            self._header = report_header((self._stream.next()).header)
        return self._header

    @property
    def footer(self) -> ReportFooter | None:
        """What the rows came to, once all of them were taken."""
        return self._footer

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ReportRow:
        header = self.header()
        while not self._rows and self._footer is None:
            response = self._stream.next()
            if response.HasField("footer"):
                self._footer = report_footer(header, response.footer)
                self.close()
            else:
                self._rows = report_rows(header, response.rows)
                self._rows.reverse()
        if not self._rows:
            raise StopIteration
        return self._rows.pop()
