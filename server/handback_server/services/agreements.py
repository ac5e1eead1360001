"""AgreementService: partners and the versions of their agreements."""

from __future__ import annotations

from handback.errors import InvalidAgreement, Violation
from handback.partners import queries
from handback.partners.queries import VersionView
from handback.partners.reading import parse
from handback.partners.registry import apply
from handback.store.requests import Command
from handback_server import convert
from handback_server._stubs.v1 import agreements_pb2 as pb
from handback_server._stubs.v1.agreements_pb2_grpc import AgreementServiceServicer
from handback_server.callers import Context, command_of
from handback_server.paging import page_of
from handback_server.runtime import Runtime


class Agreements(AgreementServiceServicer):
    """Applies, checks and reads agreement documents."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._bridge = runtime.bridge

    async def ApplyAgreement(
        self, request: pb.ApplyAgreementRequest, context: Context
    ) -> pb.ApplyAgreementResponse:
        """Make a document the partner's latest agreement."""
        programme = convert.named(request.programme, "programme")
        command = command_of(context, request.request_key)
        view, changed = await self._bridge.run(self._apply, programme, request.source, command)
        agreement = convert.agreement(view, with_source=False)
        return pb.ApplyAgreementResponse(agreement=agreement, unchanged=not changed)

    def _apply(self, programme: str, source: str, command: Command) -> tuple[VersionView, bool]:
        store, clock = self._runtime.store, self._runtime.clock
        key = command.request_key
        applied = apply(store, clock, source, command.actor, programme=programme, request_key=key)
        partner = parse(source).partner
        with store.read() as tx:
            return queries.version(tx, programme, partner, applied.version), applied.changed

    async def CheckAgreement(
        self, request: pb.CheckAgreementRequest, context: Context
    ) -> pb.CheckAgreementResponse:
        """List every mistake of a document."""
        programme = convert.named(request.programme, "programme")
        mistakes = await self._bridge.run(_mistakes, programme, request.source)
        return pb.CheckAgreementResponse(violations=map(convert.agreement_violation, mistakes))

    async def ListPartners(
        self, request: pb.ListPartnersRequest, context: Context
    ) -> pb.ListPartnersResponse:
        """Give a page of partners."""
        page = page_of(request, [""])
        programme = convert.named(request.programme, "programme")
        found = await self._bridge.read(queries.partners, programme, page.after[0], page.fetch)
        views, token = page.cut(found, lambda view: [view.partner])
        partners = map(convert.partner, views)
        return pb.ListPartnersResponse(partners=partners, next_page_token=token)

    async def GetAgreement(
        self, request: pb.GetAgreementRequest, context: Context
    ) -> pb.GetAgreementResponse:
        """Give one version of an agreement."""
        programme = convert.named(request.programme, "programme")
        partner = convert.named(request.partner, "partner")
        number = request.version or None
        view = await self._bridge.read(queries.version, programme, partner, number)
        return pb.GetAgreementResponse(agreement=convert.agreement(view))

    async def ListAgreementVersions(
        self, request: pb.ListAgreementVersionsRequest, context: Context
    ) -> pb.ListAgreementVersionsResponse:
        """Give a page of versions."""
        page = page_of(request, 0)
        programme = convert.named(request.programme, "programme")
        partner = convert.named(request.partner, "partner")
        before = page.after or None
        found = await self._bridge.read(queries.versions, programme, partner, before, page.fetch)
        views, token = page.cut(found, lambda view: view.version)
        agreements = [convert.agreement(view, with_source=False) for view in views]
        return pb.ListAgreementVersionsResponse(agreements=agreements, next_page_token=token)


def _mistakes(programme: str, source: str) -> tuple[Violation, ...]:
    try:
        agreement = parse(source)
    except InvalidAgreement as refusal:
        return refusal.violations
    if agreement.programme != programme:
        return (Violation("programme", f"{programme}, whom the request names"),)
    return ()
