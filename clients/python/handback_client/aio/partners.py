"""Partners, their agreements, and holding what goes out to them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from handback_client import convert
from handback_client._stubs.v1 import agreements_pb2, payouts_pb2
from handback_client._stubs.v1.agreements_pb2_grpc import AgreementServiceStub
from handback_client._stubs.v1.payouts_pb2_grpc import PayoutServiceStub
from handback_client.aio.connection import Connection
from handback_client.errors import Violation
from handback_client.keys import new_request_key
from handback_client.models import Agreement, Partner, PartnerHold


class AsyncPartners:
    """The calls about partners and their agreements."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._agreements = AgreementServiceStub(connection.channel)
        self._payouts = PayoutServiceStub(connection.channel)

    async def apply(self, source: str, *, request_key: str = "") -> Agreement:
        """Make a TOML document its partner's latest agreement; a new partner with its first.

        The agreement is `unchanged` where the latest version said the same already. Raises
        InvalidAgreement with every mistake, RequestKeyReused.
        """
        request = agreements_pb2.ApplyAgreementRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            source=source,
        )
        answer = await self._connection.call(self._agreements.ApplyAgreement, request)
        return convert.agreement(answer.agreement, answer.unchanged)

    async def check(self, source: str) -> tuple[Violation, ...]:
        """Every mistake of a TOML document, none where it may be applied; changes nothing."""
        request = agreements_pb2.CheckAgreementRequest(
            programme=self._connection.programme, source=source
        )
        answer = await self._connection.call(self._agreements.CheckAgreement, request)
        return tuple(Violation(found.field, found.expected) for found in answer.violations)

    async def list(self, *, page_size: int = 500) -> AsyncIterator[Partner]:
        """The partners of the programme, by name."""
        request = agreements_pb2.ListPartnersRequest(
            programme=self._connection.programme, page_size=page_size
        )
        async for page in self._connection.pages(self._agreements.ListPartners, request):
            for partner in page.partners:
                yield convert.partner(partner)

    async def agreement(self, partner: str, version: int = 0) -> Agreement:
        """One version of a partner's agreement, the latest where it is 0. Raises NotFound."""
        request = agreements_pb2.GetAgreementRequest(
            programme=self._connection.programme, partner=partner, version=version
        )
        answer = await self._connection.call(self._agreements.GetAgreement, request)
        return convert.agreement(answer.agreement)

    async def agreements(self, partner: str, *, page_size: int = 500) -> AsyncIterator[Agreement]:
        """The versions of a partner's agreement, newest first, without their documents.

        Raises NotFound.
        """
        request = agreements_pb2.ListAgreementVersionsRequest(
            programme=self._connection.programme, partner=partner, page_size=page_size
        )
        async for page in self._connection.pages(self._agreements.ListAgreementVersions, request):
            for agreement in page.agreements:
                yield convert.agreement(agreement)

    async def hold(self, partner: str, *, comment: str, request_key: str = "") -> PartnerHold:
        """Let nothing leave for a partner until it is released; what has left goes on.

        Raises NotFound, AlreadyExists where it is held, RequestKeyReused.
        """
        request = payouts_pb2.HoldPartnerRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            partner=partner,
            comment=comment,
        )
        answer = await self._connection.call(self._payouts.HoldPartner, request)
        return convert.partner_hold(answer.hold, answer.replayed)

    async def release(self, partner: str, *, comment: str, request_key: str = "") -> PartnerHold:
        """End the hold of a partner, whoever began it.

        Raises NotFound where it is not held, RequestKeyReused.
        """
        request = payouts_pb2.ReleasePartnerRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            partner=partner,
            comment=comment,
        )
        answer = await self._connection.call(self._payouts.ReleasePartner, request)
        return convert.partner_hold(answer.hold, answer.replayed)

    async def holds(self, partner: str = "", *, page_size: int = 500) -> AsyncIterator[PartnerHold]:
        """The holds of partners, or of one, newest first."""
        request = payouts_pb2.ListPartnerHoldsRequest(
            programme=self._connection.programme, partner=partner, page_size=page_size
        )
        async for page in self._connection.pages(self._payouts.ListPartnerHolds, request):
            for hold in page.holds:
                yield convert.partner_hold(hold)
