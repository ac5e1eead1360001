"""Formats: trying files under agreements, and drafting layouts from samples."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path

from handback_client._stubs.v1 import formats_pb2
from handback_client._stubs.v1.formats_pb2_grpc import FormatServiceStub
from handback_client.aio.connection import Connection
from handback_client.convert import inspection
from handback_client.models.inspection import FileCheck, Format, FormatDraft, GoldenResult
from handback_client.upload import Content


class AsyncFormats:
    """The calls for whoever takes on a partner. None of them writes anything."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._formats = FormatServiceStub(connection.channel)

    async def check(
        self,
        source: str | Path | bytes,
        *,
        partner: str = "",
        agreement_version: int = 0,
        agreement: str = "",
        file_name: str = "",
    ) -> FileCheck:
        """What a hand-back file would be: under a partner's agreement, or under a TOML document.

        Give either `partner`, with a version or for the latest, or `agreement`, a document that
        need not have been applied. Raises NotFound, InvalidAgreement, LimitReached; OSError for a
        path that cannot be read.
        """
        content = Content(source, file_name)
        header = formats_pb2.FileCheckHeader(
            programme=self._connection.programme,
            partner=partner,
            agreement_version=agreement_version,
            source=agreement,
            file_name=content.file_name,
        )
        answer = await self._connection.attempt(
            lambda left_s: self._formats.CheckHandbackFile(
                _check_parts(header, content),
                timeout=left_s,
                metadata=self._connection.call_metadata(),
            ),
            self._connection.deadline_s + content.extra_s,
        )
        return inspection.file_check(answer.check)

    async def list(self, *, page_size: int = 500) -> AsyncIterator[Format]:
        """The formats that Handback brings along, by name, without their layouts."""
        request = formats_pb2.ListFormatsRequest(
            programme=self._connection.programme, page_size=page_size
        )
        async for page in self._connection.pages(self._formats.ListFormats, request):
            for one in page.formats:
                yield inspection.format_of(one)

    async def get(self, name: str, *, partner: str = "", agreement_version: int = 0) -> Format:
        """One of them with its layout: as it is today, or as an agreement of `partner` keeps it,
        the latest unless `agreement_version` says which. Raises NotFound."""
        request = formats_pb2.GetFormatRequest(
            programme=self._connection.programme,
            name=name,
            partner=partner,
            agreement_version=agreement_version,
        )
        answer = await self._connection.call(self._formats.GetFormat, request)
        return inspection.format_of(answer.format)

    async def test(self, name: str) -> tuple[GoldenResult, ...]:
        """What its golden files give, against what is expected of them. Raises NotFound."""
        request = formats_pb2.TestFormatRequest(programme=self._connection.programme, name=name)
        answer = await self._connection.call(self._formats.TestFormat, request)
        return tuple(map(inspection.golden_result, answer.results))

    async def draft(self, samples: Iterable[str | Path], *, name: str = "handback") -> FormatDraft:
        """A layout proposed for sample files of one kind, to be called `name`.

        Raises LimitReached for samples of more than 16 MiB together; OSError for a path that
        cannot be read.
        """
        contents = [Content(sample) for sample in samples]
        header = formats_pb2.DraftHeader(programme=self._connection.programme, name=name)
        answer = await self._connection.attempt(
            lambda left_s: self._formats.DraftFormat(
                _draft_parts(header, contents),
                timeout=left_s,
                metadata=self._connection.call_metadata(),
            ),
            self._connection.deadline_s,
        )
        return inspection.format_draft(answer)


def _check_parts(
    header: formats_pb2.FileCheckHeader, content: Content
) -> Iterator[formats_pb2.CheckHandbackFileRequest]:
    yield formats_pb2.CheckHandbackFileRequest(header=header)
    for chunk in content.chunks():
        yield formats_pb2.CheckHandbackFileRequest(chunk=chunk)


def _draft_parts(
    header: formats_pb2.DraftHeader, contents: Sequence[Content]
) -> Iterator[formats_pb2.DraftFormatRequest]:
    yield formats_pb2.DraftFormatRequest(header=header)
    for content in contents:
        sample = formats_pb2.SampleHeader(file_name=content.file_name)
        yield formats_pb2.DraftFormatRequest(sample=sample)
        for chunk in content.chunks():
            yield formats_pb2.DraftFormatRequest(chunk=chunk)
