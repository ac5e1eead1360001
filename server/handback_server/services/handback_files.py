"""HandbackFileService: taking files in over the wire, and what became of each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from tempfile import TemporaryFile
from typing import BinaryIO

from handback.intake import quarantine, queries
from handback.intake.context import PlacedFinding, placed_finding
from handback.intake.masking import masked_findings, masked_place
from handback.intake.queries import FileFilter
from handback.intake.receive import Origin, ReceivedFile, receive
from handback.intake.records import PlacedRecord, placed_record
from handback.intake.states import FileState
from handback.reconcile.report import run_report
from handback.store.requests import Command
from handback_server import convert
from handback_server._stubs.v1 import handback_files_pb2 as pb
from handback_server._stubs.v1.handback_files_pb2_grpc import HandbackFileServiceServicer
from handback_server.callers import Context, command_of, sees_restricted
from handback_server.paging import page_of
from handback_server.runtime import Runtime
from handback_server.uploads import header_of, spool


class HandbackFiles(HandbackFileServiceServicer):
    """Receives uploads, reads files and their reports, lets files out of quarantine."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._bridge = runtime.bridge

    async def UploadHandbackFile(
        self, request_iterator: AsyncIterator[pb.UploadHandbackFileRequest], context: Context
    ) -> pb.UploadHandbackFileResponse:
        """Take in a file chunk by chunk; the engine sees it once it is whole."""
        requests = aiter(request_iterator)
        header = await header_of(requests)
        command = command_of(context, header.request_key)
        # A caller may take its time; only what is whole takes a thread of the engine's.
        with TemporaryFile(dir=self._runtime.settings.home) as spooled:
            await spool(self._bridge, requests, spooled, self._runtime.settings.max_file_bytes)
            received = await self._bridge.run(self._receive, header, spooled, command)
        file = convert.handback_file(received.file)
        return pb.UploadHandbackFileResponse(file=file, replayed=received.replayed)

    def _receive(
        self, header: pb.HandbackFileHeader, spooled: BinaryIO, command: Command
    ) -> ReceivedFile:
        programme = convert.named(header.programme, "header.programme")
        partner = convert.named(header.partner, "header.partner")
        name = convert.named(header.file_name, "header.file_name")
        with self._runtime.store.read() as tx:
            terms = self._runtime.agreements.current(tx, programme, partner)
        return receive(self._runtime.desk, terms, spooled, Origin(name, "upload"), command)

    async def GetHandbackFile(
        self, request: pb.GetHandbackFileRequest, context: Context
    ) -> pb.GetHandbackFileResponse:
        """Give one file."""
        programme = convert.named(request.programme, "programme")
        number = convert.file_number(request.file_id)
        view = await self._bridge.read(queries.get, programme, number)
        return pb.GetHandbackFileResponse(file=convert.handback_file(view))

    async def ListHandbackFiles(
        self, request: pb.ListHandbackFilesRequest, context: Context
    ) -> pb.ListHandbackFilesResponse:
        """Give a page of files."""
        page = page_of(request, 0)
        wanted = FileFilter(
            programme=convert.named(request.programme, "programme"),
            partner=request.partner or None,
            states=convert.members(request.states, FileState, "states"),
        )
        found = await self._bridge.read(queries.page, wanted, page.after, page.fetch)
        views, token = page.cut(found, lambda view: view.file_id)
        files = map(convert.handback_file, views)
        return pb.ListHandbackFilesResponse(files=files, next_page_token=token)

    async def ListFindings(
        self, request: pb.ListFindingsRequest, context: Context
    ) -> pb.ListFindingsResponse:
        """Give a page of findings."""
        page = page_of(request, 0)
        programme = convert.named(request.programme, "programme")
        number = convert.file_number(request.file_id)
        found = await self._bridge.read(
            queries.findings_page, programme, number, page.after, page.fetch
        )
        views, token = page.cut(found, lambda view: view.number)
        if not self._sees_restricted(context):
            desk = self._runtime.desk
            views = await self._bridge.run(masked_findings, desk, programme, number, views)
        findings = map(convert.finding, views)
        return pb.ListFindingsResponse(findings=findings, next_page_token=token)

    async def GetFinding(
        self, request: pb.GetFindingRequest, context: Context
    ) -> pb.GetFindingResponse:
        """Give one finding in its place."""
        programme = convert.named(request.programme, "programme")
        file_id = convert.file_number(request.file_id)
        desk, number = self._runtime.desk, request.number
        found: PlacedFinding = await self._bridge.run(
            placed_finding, desk, programme, file_id, number
        )
        if not self._sees_restricted(context):
            found = await self._bridge.run(masked_place, desk, programme, file_id, found)
        return pb.GetFindingResponse(
            finding=convert.finding(found.finding), lines=map(convert.file_line, found.lines)
        )

    async def GetRecord(
        self, request: pb.GetRecordRequest, context: Context
    ) -> pb.GetRecordResponse:
        """Give one record in its place."""
        programme = convert.named(request.programme, "programme")
        file_id = convert.file_number(request.file_id)
        desk, ordinal = self._runtime.desk, request.ordinal
        found: PlacedRecord = await self._bridge.run(
            placed_record,
            desk,
            programme,
            file_id,
            ordinal,
            unmasked=self._sees_restricted(context),
        )
        return pb.GetRecordResponse(
            record=convert.file_record(found.record), lines=map(convert.file_line, found.lines)
        )

    def _sees_restricted(self, context: Context) -> bool:
        return sees_restricted(context, self._runtime.settings.restricted_readers)

    async def GetRunReport(
        self, request: pb.GetRunReportRequest, context: Context
    ) -> pb.GetRunReportResponse:
        """Give what became of a file's records."""
        programme = convert.named(request.programme, "programme")
        number = convert.file_number(request.file_id)
        report = await self._bridge.read(run_report, programme, number)
        return pb.GetRunReportResponse(report=convert.run_report(report))

    async def ReleaseHandbackFile(
        self, request: pb.ReleaseHandbackFileRequest, context: Context
    ) -> pb.ReleaseHandbackFileResponse:
        """Apply a quarantined file despite its findings."""
        programme = convert.named(request.programme, "programme")
        number = convert.file_number(request.file_id)
        command = command_of(context, request.request_key, request.comment)
        released = await self._bridge.run(
            quarantine.release, self._runtime.desk, programme, number, command
        )
        file = convert.handback_file(released.file)
        return pb.ReleaseHandbackFileResponse(file=file, replayed=released.replayed)

    async def ReplayHandbackFile(
        self, request: pb.ReplayHandbackFileRequest, context: Context
    ) -> pb.ReplayHandbackFileResponse:
        """Decode a quarantined file anew."""
        programme = convert.named(request.programme, "programme")
        number = convert.file_number(request.file_id)
        command = command_of(context, request.request_key)
        version = request.agreement_version or None
        replayed = await self._bridge.run(
            quarantine.replay, self._runtime.desk, programme, number, version, command
        )
        file = convert.handback_file(replayed.file)
        return pb.ReplayHandbackFileResponse(file=file, replayed=replayed.replayed)

    async def DiscardHandbackFile(
        self, request: pb.DiscardHandbackFileRequest, context: Context
    ) -> pb.DiscardHandbackFileResponse:
        """Ask to discard a quarantined file, or do so where somebody else has asked for it."""
        programme = convert.named(request.programme, "programme")
        number = convert.file_number(request.file_id)
        command = command_of(context, request.request_key, request.comment)
        discarded = await self._bridge.run(
            quarantine.discard, self._runtime.desk, programme, number, command
        )
        file = convert.handback_file(discarded.file)
        return pb.DiscardHandbackFileResponse(file=file, replayed=discarded.replayed)
