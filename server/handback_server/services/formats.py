"""FormatService: tools for whoever takes on a partner; none of them writes anything."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final

from handback.errors import InvalidRequest, LimitReached, NotFound, Violation
from handback.formats.builtin import Builtin, builtin, list_builtin
from handback.ids import Prefix, public_id
from handback.onboarding.check import CodeShare, FileCheck, check
from handback.onboarding.draft import Draft, Sample, draft
from handback.onboarding.golden import check_golden
from handback.partners.agreement import Agreement
from handback.partners.reading import parse
from handback.partners.registry import Terms
from handback_server import convert
from handback_server._stubs.v1 import formats_pb2 as pb
from handback_server._stubs.v1 import handback_files_pb2, lifecycle_pb2, payouts_pb2
from handback_server._stubs.v1.formats_pb2_grpc import FormatServiceServicer
from handback_server.callers import Context, sees_restricted
from handback_server.paging import page_of
from handback_server.runtime import Runtime
from handback_server.uploads import check_size, header_of, spool

MAX_SAMPLE_BYTES: Final = 16 << 20


class Formats(FormatServiceServicer):
    """Tries files under agreements and drafts layouts from samples."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._bridge = runtime.bridge

    async def CheckHandbackFile(
        self, request_iterator: AsyncIterator[pb.CheckHandbackFileRequest], context: Context
    ) -> pb.CheckHandbackFileResponse:
        """Try a file under an agreement."""
        requests = aiter(request_iterator)
        header = await header_of(requests)
        settings = self._runtime.settings
        with TemporaryFile(dir=settings.home) as spooled:
            await spool(self._bridge, requests, spooled, settings.max_file_bytes)
            readers = settings.restricted_readers
            unmasked = sees_restricted(context, readers)
            found = await self._bridge.run(self._check, header, spooled, unmasked)
        return pb.CheckHandbackFileResponse(check=_file_check(found))

    def _check(self, header: pb.FileCheckHeader, spooled: BinaryIO, unmasked: bool) -> FileCheck:
        name = convert.named(header.file_name, "header.file_name")
        agreement, partner_id = self._terms(header)
        desk = self._runtime.desk
        return check(desk, agreement, partner_id, spooled, name, unmasked=unmasked)

    def _terms(self, header: pb.FileCheckHeader) -> tuple[Agreement, int | None]:
        """The agreement and, where it is there already, the number of its partner."""
        programme = convert.named(header.programme, "header.programme")
        if bool(header.partner) == bool(header.source):
            expected = "expected either a partner or a document"
            raise InvalidRequest([Violation("header.partner", expected)])
        if header.partner:
            terms = self._agreement(programme, header.partner, header.agreement_version)
            return terms.agreement, terms.partner_id
        agreement = parse(header.source)
        if agreement.programme != programme:
            told = f"expected {programme} in the document"
            raise InvalidRequest([Violation("header.programme", told)])
        try:
            return agreement, self._agreement(programme, agreement.partner, 0).partner_id
        except NotFound:
            return agreement, None

    async def ListFormats(
        self, request: pb.ListFormatsRequest, context: Context
    ) -> pb.ListFormatsResponse:
        """Give a page of the formats that Handback brings along."""
        page = page_of(request, [""])
        convert.named(request.programme, "programme")
        behind = [name for name in list_builtin() if name > page.after[0]]
        names, token = page.cut(behind[: page.fetch], lambda name: [name])
        found = await self._bridge.run(lambda: [builtin(name) for name in names])
        formats = [pb.Format(name=one.name, framing=one.layout.framing) for one in found]
        return pb.ListFormatsResponse(formats=formats, next_page_token=token)

    async def GetFormat(
        self, request: pb.GetFormatRequest, context: Context
    ) -> pb.GetFormatResponse:
        """Give one format."""
        programme = convert.named(request.programme, "programme")
        name = convert.named(request.name, "name")
        if request.partner:
            found = await self._bridge.run(self._kept, programme, request)
        elif request.agreement_version:
            raise InvalidRequest([Violation("partner", "expected beside a version")])
        else:
            found = await self._bridge.run(builtin, name)
        shown = pb.Format(
            name=found.name,
            framing=found.layout.framing,
            source=found.source,
            codes=found.codes,
            policies=_policies(found.policy),
        )
        return pb.GetFormatResponse(format=shown)

    def _kept(self, programme: str, request: pb.GetFormatRequest) -> Builtin:
        """A format as a version of an agreement keeps it. Raises NotFound."""
        agreement = self._agreement(programme, request.partner, request.agreement_version).agreement
        try:
            return agreement.builtins[request.name]
        except KeyError:
            raise NotFound(kind="format", id=request.name) from None

    def _agreement(self, programme: str, partner: str, version: int) -> Terms:
        """A version of a partner's agreement, the latest where it is 0. Raises NotFound."""
        agreements = self._runtime.agreements
        with self._runtime.store.read() as tx:
            terms = agreements.current(tx, programme, partner)
            return agreements.at_version(tx, terms.partner_id, version) if version else terms

    async def TestFormat(
        self, request: pb.TestFormatRequest, context: Context
    ) -> pb.TestFormatResponse:
        """Read the golden files of a format."""
        convert.named(request.programme, "programme")
        found = await self._bridge.run(check_golden, convert.named(request.name, "name"))
        results = [
            pb.GoldenResult(
                file_name=one.file_name,
                record_count=one.record_count,
                differences=one.differences,
            )
            for one in found
        ]
        return pb.TestFormatResponse(results=results)

    async def DraftFormat(
        self, request_iterator: AsyncIterator[pb.DraftFormatRequest], context: Context
    ) -> pb.DraftFormatResponse:
        """Propose a layout for sample files."""
        requests = aiter(request_iterator)
        header = await header_of(requests)
        convert.named(header.programme, "header.programme")
        name = convert.named(header.name, "header.name")
        samples = await _samples(requests)
        made: Draft = await self._bridge.run(draft, samples, name)
        return pb.DraftFormatResponse(
            source=made.source, remarks=made.remarks, unsure_count=made.unsure_count
        )


async def _samples(requests: AsyncIterator[pb.DraftFormatRequest]) -> list[Sample]:
    """The samples of a request. Raises InvalidRequest, LimitReached."""
    samples: list[Sample] = []
    left = MAX_SAMPLE_BYTES
    async for request in requests:
        if request.HasField("sample"):
            samples.append(Sample(request.sample.file_name, b""))
        elif request.HasField("chunk") and samples:
            check_size(request.chunk)
            left -= len(request.chunk)
            if left < 0:
                raise LimitReached(f"{MAX_SAMPLE_BYTES} bytes of samples")
            begun = samples[-1]
            samples[-1] = Sample(begun.name, begun.content + request.chunk)
        else:
            raise InvalidRequest([Violation("sample", "expected ahead of its bytes")])
    if not samples:
        raise InvalidRequest([Violation("sample", "expected at least one")])
    return samples


def _file_check(found: FileCheck) -> pb.FileCheck:
    return pb.FileCheck(
        verdict=str(found.verdict),
        state=handback_files_pb2.HandbackFileState.ValueType(found.state),
        repeats_file_id=convert.optional_id(Prefix.HANDBACK_FILE, found.repeats_file_id),
        envelope=found.envelope or "",
        fingerprint=found.content.key,
        content_bytes=found.content.size_bytes,
        header=found.header,
        control=found.control,
        records=payouts_pb2.Tally(count=found.record_count, quantity=found.quantity),
        rejected_count=found.rejected_count,
        referenced_count=found.referenced_count,
        finding_count=found.finding_count,
        findings=[
            handback_files_pb2.Finding(number=number, **row)
            for number, row in enumerate(found.findings.iter_rows(named=True), 1)
        ],
        codes=map(_code_share, found.codes),
        first_records=map(_record, found.details.iter_rows(named=True)),
    )


def _code_share(share: CodeShare) -> pb.CodeShare:
    return pb.CodeShare(
        code=share.code,
        outcome=share.outcome,
        reason_class=lifecycle_pb2.ReasonClass.ValueType(share.reason_class),
        mapped=share.mapped,
        trigger=lifecycle_pb2.Trigger.ValueType(share.trigger or 0),
        action="" if share.action is None else str(share.action),
        records=payouts_pb2.Tally(count=share.count, quantity=share.quantity),
    )


def _policies(policy: Mapping[str, Any]) -> dict[str, str]:
    """The tables of a format's policy by name, each with its keys as lines of TOML."""
    tables = {name: table for name, table in policy.items() if name != "codes"}
    for code, table in policy.get("codes", {}).items():
        tables[f"codes.{json.dumps(code)}"] = table
    return {
        name: "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    }


def _record(row: dict[str, Any]) -> pb.DecodedRecord:
    """A row of DETAIL; nulls stay unset."""
    said = {name: value for name, value in row.items() if value is not None}
    said.pop("raw", None)
    if number := said.pop("redemption_id"):  # 0 where the reference carries no key
        said["redemption_id"] = public_id(Prefix.REDEMPTION, number)
    if "answered_on" in said:
        said["answered_on"] = str(said["answered_on"])
    return pb.DecodedRecord(**said)
