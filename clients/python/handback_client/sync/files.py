# Generated from handback_client/aio by async_to_sync.py; do not edit.
"""Hand-back files: sending one in, what became of it, what was found wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from handback_client import convert
from handback_client._stubs.v1 import handback_files_pb2
from handback_client._stubs.v1.handback_files_pb2_grpc import HandbackFileServiceStub
from handback_client.convert import inspection
from handback_client.keys import new_request_key
from handback_client.models import Finding, HandbackFile, RunReport
from handback_client.models.inspection import PlacedFinding, PlacedRecord
from handback_client.sync.connection import Connection
from handback_client.upload import Upload


class Files:
    """The calls about hand-back files."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._files = HandbackFileServiceStub(connection.channel)

    def upload(
        self,
        partner: str,
        source: str | Path | bytes,
        *,
        file_name: str = "",
        request_key: str = "",
    ) -> HandbackFile:
        """Send a partner's file in: the file at a path, or bytes that have a `file_name`.

        The deadline grows by a second for each MiB. That a file was refused or quarantined is no
        error, its `state` and `verdict` say so. Raises NotFound, LimitReached, RequestKeyReused;
        OSError for a path that cannot be read.
        """
        upload = Upload(
            source,
            programme=self._connection.programme,
            partner=partner,
            file_name=file_name,
            request_key=request_key or new_request_key(),
        )
        answer = self._connection.attempt(
            lambda left_s: self._files.UploadHandbackFile(
                upload.parts(), timeout=left_s, metadata=self._connection.call_metadata()
            ),
            self._connection.deadline_s + upload.extra_s,
        )
        return convert.handback_file(answer.file, answer.replayed)

    def list(
        self, *, partner: str = "", states: Iterable[str] = (), page_size: int = 500
    ) -> Iterator[HandbackFile]:
        """Hand-back files, oldest first; filters left empty let everything pass."""
        request = handback_files_pb2.ListHandbackFilesRequest(
            programme=self._connection.programme,
            partner=partner,
            states=convert.file_states(states),
            page_size=page_size,
        )
        for page in self._connection.pages(self._files.ListHandbackFiles, request):
            for file in page.files:
                yield convert.handback_file(file)

    def get(self, file_id: str) -> HandbackFile:
        """One hand-back file. Raises NotFound."""
        request = handback_files_pb2.GetHandbackFileRequest(
            programme=self._connection.programme, file_id=file_id
        )
        answer = self._connection.call(self._files.GetHandbackFile, request)
        return convert.handback_file(answer.file)

    def findings(self, file_id: str, *, page_size: int = 500) -> Iterator[Finding]:
        """What was found wrong or odd in a file, in the order it was found. Raises NotFound."""
        request = handback_files_pb2.ListFindingsRequest(
            programme=self._connection.programme, file_id=file_id, page_size=page_size
        )
        for page in self._connection.pages(self._files.ListFindings, request):
            for finding in page.findings:
                yield convert.finding(finding)

    def finding(self, file_id: str, number: int) -> PlacedFinding:
        """One finding with the lines around its place. Raises NotFound."""
        request = handback_files_pb2.GetFindingRequest(
            programme=self._connection.programme, file_id=file_id, number=number
        )
        answer = self._connection.call(self._files.GetFinding, request)
        return inspection.placed_finding(answer)

    def record(self, file_id: str, ordinal: int) -> PlacedRecord:
        """One record of a file with the lines around its place. Raises NotFound."""
        request = handback_files_pb2.GetRecordRequest(
            programme=self._connection.programme, file_id=file_id, ordinal=ordinal
        )
        answer = self._connection.call(self._files.GetRecord, request)
        return inspection.placed_record(answer)

    def report(self, file_id: str) -> RunReport:
        """What became of the records of a file, as of now. Raises NotFound."""
        request = handback_files_pb2.GetRunReportRequest(
            programme=self._connection.programme, file_id=file_id
        )
        answer = self._connection.call(self._files.GetRunReport, request)
        return convert.run_report(answer.report)

    def release(self, file_id: str, *, comment: str, request_key: str = "") -> HandbackFile:
        """Apply a quarantined file despite its findings; `comment` says why that is right.

        Raises NotFound, FileQuarantined, RequestKeyReused.
        """
        request = handback_files_pb2.ReleaseHandbackFileRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            file_id=file_id,
            comment=comment,
        )
        answer = self._connection.call(self._files.ReleaseHandbackFile, request)
        return convert.handback_file(answer.file, answer.replayed)

    def replay(
        self, file_id: str, *, agreement_version: int = 0, request_key: str = ""
    ) -> HandbackFile:
        """Decode a file anew under a version of the agreement, the latest where it is 0.

        Raises NotFound, FileQuarantined, RequestKeyReused.
        """
        request = handback_files_pb2.ReplayHandbackFileRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            file_id=file_id,
            agreement_version=agreement_version,
        )
        answer = self._connection.call(self._files.ReplayHandbackFile, request)
        return convert.handback_file(answer.file, answer.replayed)

    def discard(self, file_id: str, *, comment: str, request_key: str = "") -> HandbackFile:
        """Ask to discard a quarantined file, or do so where somebody else has asked for it.

        Raises NotFound, NotAllowed where one has asked for it already, FileQuarantined,
        RequestKeyReused.
        """
        request = handback_files_pb2.DiscardHandbackFileRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            file_id=file_id,
            comment=comment,
        )
        answer = self._connection.call(self._files.DiscardHandbackFile, request)
        return convert.handback_file(answer.file, answer.replayed)
