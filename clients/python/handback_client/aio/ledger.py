"""The ledger: balances, what is owed, statements, and closing periods."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from handback_client._stubs.v1 import ledger_pb2
from handback_client._stubs.v1.ledger_pb2_grpc import LedgerServiceStub
from handback_client.aio.connection import Connection
from handback_client.convert import ledger as convert
from handback_client.convert.ledger import Moment
from handback_client.models import Balance
from handback_client.models.ledger import (
    Liability,
    MemberStatement,
    OpenRedemption,
    PartnerStatement,
    Period,
    Posting,
)


class AsyncLedger:
    """The calls about the ledger.

    A moment (`as_of`, `since`, `until`) is a position of the journal, an aware instant, or the name
    of a closed period for its end. Calls that take one may raise CursorAhead or NotFound.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ledger = LedgerServiceStub(connection.channel)

    async def balances(
        self, *, partner: str = "", unit: str = "", as_of: Moment = None, page_size: int = 500
    ) -> AsyncIterator[Balance]:
        """Balances by partner and unit, now or as they stood at a moment."""
        request = ledger_pb2.ListBalancesRequest(
            programme=self._connection.programme,
            partner=partner,
            unit=unit,
            page_size=page_size,
            **convert.place_of(as_of),
        )
        async for page in self._connection.pages(self._ledger.ListBalances, request):
            for balance in page.balances:
                yield convert.balance(balance)

    async def liability(
        self,
        *,
        by: str = "partner",
        partner: str = "",
        unit: str = "",
        batch_id: str = "",
        member_ref: str = "",
        standing: str = "",
        bucket_days: Iterable[int] = (),
        as_of: Moment = None,
        page_size: int = 500,
    ) -> AsyncIterator[Liability]:
        """What open redemptions hold, by their age, now or as it stood at a moment.

        Lines are about partners, or `by` "batch", "standing" or "member"; of members those come
        first who are owed most. `bucket_days` are the last days of all buckets but the oldest.
        """
        request = ledger_pb2.ListLiabilityRequest(
            programme=self._connection.programme,
            by=convert.liability_by(by),
            partner=partner,
            unit=unit,
            batch_id=batch_id,
            member_ref=member_ref,
            standing=convert.standing_number(standing),
            bucket_days=bucket_days,
            page_size=page_size,
            **convert.place_of(as_of),
        )
        async for page in self._connection.pages(self._ledger.ListLiability, request):
            for line in page.lines:
                yield convert.liability(line, page)

    async def open(
        self,
        *,
        partner: str = "",
        unit: str = "",
        batch_id: str = "",
        member_ref: str = "",
        standing: str = "",
        min_days: int | None = None,
        max_days: int | None = None,
        as_of: Moment = None,
        page_size: int = 500,
    ) -> AsyncIterator[OpenRedemption]:
        """The open redemptions behind a line of the liability, queue by queue."""
        request = ledger_pb2.ListOpenRedemptionsRequest(
            programme=self._connection.programme,
            partner=partner,
            unit=unit,
            batch_id=batch_id,
            member_ref=member_ref,
            standing=convert.standing_number(standing),
            min_days=min_days,
            max_days=max_days,
            page_size=page_size,
            **convert.place_of(as_of),
        )
        async for page in self._connection.pages(self._ledger.ListOpenRedemptions, request):
            for found in page.redemptions:
                yield convert.open_redemption(found)

    async def postings(
        self,
        *,
        partner: str = "",
        unit: str = "",
        member_ref: str = "",
        accounts: Iterable[str] = (),
        since: Moment = None,
        until: Moment = None,
        period: str = "",
        page_size: int = 500,
    ) -> AsyncIterator[Posting]:
        """The postings behind a figure, in the order of the journal.

        They lie between two moments, or in one closed `period`; those that touch one of the
        `accounts`, where some are named.
        """
        request = ledger_pb2.ListPostingsRequest(
            programme=self._connection.programme,
            stretch=convert.stretch(since, until, period),
            partner=partner,
            unit=unit,
            member_ref=member_ref,
            accounts=convert.accounts(accounts),
            page_size=page_size,
        )
        async for page in self._connection.pages(self._ledger.ListPostings, request):
            for posting in page.postings:
                yield convert.posting(posting)

    async def statement(
        self,
        member_ref: str,
        *,
        partner: str = "",
        unit: str = "",
        since: Moment = None,
        until: Moment = None,
        period: str = "",
        page_size: int = 500,
    ) -> MemberStatement:
        """A member's statement between two moments, or over one closed `period`, as a whole."""
        request = ledger_pb2.ListMemberStatementRequest(
            programme=self._connection.programme,
            member_ref=member_ref,
            stretch=convert.stretch(since, until, period),
            partner=partner,
            unit=unit,
            page_size=page_size,
        )
        pages = []
        async for page in self._connection.pages(self._ledger.ListMemberStatement, request):
            pages.append(page)
        return MemberStatement(
            opening=tuple(map(convert.member_standing, pages[0].opening)),
            lines=tuple(convert.statement_line(line) for page in pages for line in page.lines),
            closing=tuple(map(convert.member_standing, pages[-1].closing)),
        )

    async def invoice(
        self,
        partner: str,
        *,
        unit: str = "",
        since: Moment = None,
        until: Moment = None,
        period: str = "",
        time_zone: str = "",
    ) -> PartnerStatement:
        """What a partner credited and took back, day by day, to compare with its invoice.

        Days are those of `time_zone`, the partner's own unless given. Raises NotFound.
        """
        request = ledger_pb2.GetPartnerStatementRequest(
            programme=self._connection.programme,
            partner=partner,
            unit=unit,
            stretch=convert.stretch(since, until, period),
            time_zone=time_zone,
        )
        answer = await self._connection.call(self._ledger.GetPartnerStatement, request)
        return convert.partner_statement(answer)

    async def close_period(self, name: str, *, at: Moment = None) -> Period:
        """Close the period that follows the last one: at a position, at an instant, or now.

        Closing it once more under its name gives the first answer. Raises AlreadyExists where the
        name has another cut, PeriodClosed where the cut lies in a closed period, CursorAhead.
        """
        request = ledger_pb2.ClosePeriodRequest(
            programme=self._connection.programme, name=name, **convert.place_of(at)
        )
        answer = await self._connection.call(self._ledger.ClosePeriod, request)
        return convert.period(answer.period, answer.replayed)

    async def periods(self, *, page_size: int = 500) -> AsyncIterator[Period]:
        """The periods that the programme has closed, in their order."""
        request = ledger_pb2.ListPeriodsRequest(
            programme=self._connection.programme, page_size=page_size
        )
        async for page in self._connection.pages(self._ledger.ListPeriods, request):
            for period in page.periods:
                yield convert.period(period)
