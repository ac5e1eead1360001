"""LedgerService: balances, what is owed, statements, and closing periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from handback.clock import zone_named
from handback.errors import InvalidRequest, Violation
from handback.ids import MAX_ID, Prefix, number_of
from handback.ledger import open_redemptions, periods, postings, queries, statements
from handback.ledger.accounts import Balance
from handback.ledger.ages import check_buckets, youngest_end
from handback.ledger.cuts import Cut, Stretch, stretch
from handback.ledger.liability import By, Liability, liability
from handback.ledger.open_redemptions import OpenView
from handback.ledger.outstanding import OpenFilter, Standing
from handback.ledger.postings import PostingFilter
from handback.ledger.queries import BalanceFilter
from handback.lifecycle.table import Account
from handback_server import convert
from handback_server._stubs.v1 import ledger_pb2 as pb
from handback_server._stubs.v1.ledger_pb2_grpc import LedgerServiceServicer
from handback_server.callers import Context, actor_of
from handback_server.convert import ledger as convert_ledger
from handback_server.paging import Page, page_of
from handback_server.runtime import Runtime

_MAX_DAYS: Final = 36_500

_Filtered = TypeVar("_Filtered", pb.ListLiabilityRequest, pb.ListOpenRedemptionsRequest)


class Ledger(LedgerServiceServicer):
    """Reads the ledger as of now or of any earlier moment, and closes periods."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._read = runtime.bridge.read

    async def ListBalances(
        self, request: pb.ListBalancesRequest, context: Context
    ) -> pb.ListBalancesResponse:
        """Give a page of balances."""
        page = page_of(request, ["", ""])
        wanted = BalanceFilter(
            programme=convert.named(request.programme, "programme"),
            partner=request.partner or None,
            unit=request.unit or None,
        )
        cut = convert_ledger.cut_at(request)
        position, found = await self._read(_balances, wanted, cut, page)
        totals, token = page.cut(found, lambda total: [total.partner, total.unit])
        balances = map(convert_ledger.balance, totals)
        return pb.ListBalancesResponse(balances=balances, next_page_token=token, position=position)

    async def ListLiability(
        self, request: pb.ListLiabilityRequest, context: Context
    ) -> pb.ListLiabilityResponse:
        """Give a page of what open redemptions hold."""
        (by,) = convert.members([request.by or By.PARTNER], By, "by")
        start = [""] * (2 if by is By.PARTNER else 3)
        page = page_of(request, start)
        days = check_buckets(request.bucket_days)
        now = self._runtime.clock.now()
        wanted, at, found = await self._read(
            _liability, _open_filter(request), convert_ledger.cut_at(request), by, now, days, page
        )
        lines, token = page.cut(found, lambda line: line.place(by)[: len(start)])
        return pb.ListLiabilityResponse(
            lines=map(convert_ledger.liability_line, lines),
            next_page_token=token,
            bucket_days=days,
            as_of=convert.instant(at),
            position=wanted.position,
        )

    async def ListOpenRedemptions(
        self, request: pb.ListOpenRedemptionsRequest, context: Context
    ) -> pb.ListOpenRedemptionsResponse:
        """Give a page of open redemptions."""
        page = page_of(request, ["0", "0"])
        now = self._runtime.clock.now()
        ages = _ages(request)
        wanted, found = await self._read(
            _open, _open_filter(request), convert_ledger.cut_at(request), ages, now, page
        )
        views, token = page.cut(found, lambda view: [str(part) for part in view.place])
        return pb.ListOpenRedemptionsResponse(
            redemptions=map(convert_ledger.open_redemption, views),
            next_page_token=token,
            position=wanted.position,
        )

    async def ListPostings(
        self, request: pb.ListPostingsRequest, context: Context
    ) -> pb.ListPostingsResponse:
        """Give a page of postings."""
        page = page_of(request, ["0", "0", "0"])
        wanted = PostingFilter(
            programme=convert.named(request.programme, "programme"),
            stretch=_UNRESOLVED,
            partner=request.partner or None,
            unit=request.unit or None,
            member_ref=request.member_ref or None,
            accounts=convert.members(request.accounts, Account, "accounts"),
        )
        found = await self._read(_postings, wanted, request.stretch, _place(page), page.fetch)
        taken, token = page.cut(found, lambda one: [str(part) for part in one.place])
        listed = map(convert_ledger.posting, taken)
        return pb.ListPostingsResponse(postings=listed, next_page_token=token)

    async def ListMemberStatement(
        self, request: pb.ListMemberStatementRequest, context: Context
    ) -> pb.ListMemberStatementResponse:
        """Give a page of a member's statement."""
        page = page_of(request, ["0", "0", "0"])
        wanted = PostingFilter(
            programme=convert.named(request.programme, "programme"),
            stretch=_UNRESOLVED,
            partner=request.partner or None,
            unit=request.unit or None,
            member_ref=convert.named(request.member_ref, "member_ref"),
        )
        told = await self._read(
            _member_statement, wanted, request.stretch, _place(page), page.fetch
        )
        lines, token = page.cut(told.lines, lambda one: [str(n) for n in one.posting.place])
        return pb.ListMemberStatementResponse(
            opening=convert_ledger.member_standings(told.opening),
            lines=map(convert_ledger.statement_line, lines),
            closing=convert_ledger.member_standings(told.closing),
            next_page_token=token,
        )

    async def GetPartnerStatement(
        self, request: pb.GetPartnerStatementRequest, context: Context
    ) -> pb.GetPartnerStatementResponse:
        """Give what a partner credited and took back, day by day."""
        wanted = PostingFilter(
            programme=convert.named(request.programme, "programme"),
            stretch=_UNRESOLVED,
            partner=convert.named(request.partner, "partner"),
            unit=request.unit or None,
        )
        zone = _zone(request.time_zone) if request.time_zone else None
        return await self._read(self._partner_statement, wanted, request.stretch, zone)

    def _partner_statement(
        self, tx: sa.Connection, wanted: PostingFilter, within: pb.Stretch, zone: ZoneInfo | None
    ) -> pb.GetPartnerStatementResponse:
        assert wanted.partner is not None
        terms = self._runtime.agreements.current(tx, wanted.programme, wanted.partner)
        zone = zone or terms.agreement.time_zone
        wanted = _within(tx, wanted, within)
        days = statements.partner_statement(tx, wanted, zone)
        return pb.GetPartnerStatementResponse(
            days=map(convert_ledger.statement_day, days),
            time_zone=zone.key,
            after_position=wanted.stretch.after,
            until_position=wanted.stretch.until,
        )

    async def ClosePeriod(
        self, request: pb.ClosePeriodRequest, context: Context
    ) -> pb.ClosePeriodResponse:
        """Close the next period."""
        closed = await self._runtime.bridge.run(
            periods.close,
            self._runtime.store,
            self._runtime.clock,
            convert.named(request.programme, "programme"),
            request.name,
            actor_of(context),
            convert_ledger.closing_cut(request),
        )
        period = convert_ledger.period(closed.period)
        return pb.ClosePeriodResponse(period=period, replayed=closed.replayed)

    async def ListPeriods(
        self, request: pb.ListPeriodsRequest, context: Context
    ) -> pb.ListPeriodsResponse:
        """Give a page of closed periods."""
        page = page_of(request, 0)
        programme = convert.named(request.programme, "programme")
        found = await self._read(periods.page, programme, page.after, page.fetch)
        views, token = page.cut(found, lambda view: view.number)
        listed = map(convert_ledger.period, views)
        return pb.ListPeriodsResponse(periods=listed, next_page_token=token)


# Stands in a filter until its ends are looked up, in the transaction that reads.
_UNRESOLVED: Final = Stretch(0, 0)


def _balances(
    tx: sa.Connection, wanted: BalanceFilter, cut: Cut, page: Page[list[str]]
) -> tuple[int | None, list[Balance]]:
    position = cut.resolve(tx, wanted.programme)
    partner, unit = page.after
    wanted = replace(wanted, at_position=position)
    return position, queries.page(tx, wanted, (partner, unit), page.fetch)


def _open_filter(request: _Filtered) -> OpenFilter:
    batch_id, standing = request.batch_id, request.standing
    return OpenFilter(
        programme=convert.named(request.programme, "programme"),
        partner=request.partner or None,
        unit=request.unit or None,
        member_ref=request.member_ref or None,
        batch_id=number_of(Prefix.PAYOUT_BATCH, batch_id, "batch_id") if batch_id else None,
        standing=convert.members([standing], Standing, "standing")[0] if standing else None,
    )


def _liability(
    tx: sa.Connection,
    wanted: OpenFilter,
    cut: Cut,
    by: By,
    now: datetime,
    days: Sequence[int],
    page: Page[list[str]],
) -> tuple[OpenFilter, datetime, list[Liability]]:
    wanted, at = _as_of(tx, wanted, cut, now)
    return wanted, at, liability(tx, wanted, by, at, days, _line_place(by, page), page.fetch)


def _line_place(by: By, page: Page[list[str]]) -> Sequence[str]:
    """Where a page of the liability goes on; nowhere for the first."""
    if not any(page.after):
        return ()
    if by is not By.PARTNER:
        _number(page.after[0 if by is By.MEMBER else 2])
    return page.after


def _ages(request: pb.ListOpenRedemptionsRequest) -> list[int | None]:
    """The least and the greatest age that are asked for. Raises InvalidRequest."""
    ages = {
        name: getattr(request, name) if request.HasField(name) else None
        for name in ("min_days", "max_days")
    }
    expected = f"expected whole days from 0 to {_MAX_DAYS}"
    mistakes = [
        Violation(name, expected)
        for name, age in ages.items()
        if age is not None and not 0 <= age <= _MAX_DAYS
    ]
    if mistakes:
        raise InvalidRequest(mistakes)
    return list(ages.values())


def _open(
    tx: sa.Connection,
    wanted: OpenFilter,
    cut: Cut,
    ages: Sequence[int | None],
    now: datetime,
    page: Page[list[str]],
) -> tuple[OpenFilter, list[OpenView]]:
    wanted, at = _as_of(tx, wanted, cut, now)
    youngest, oldest = ages
    wanted = replace(
        wanted,
        submitted_after=None if oldest is None else youngest_end(at, oldest),
        submitted_until=None if youngest is None else youngest_end(at, youngest - 1),
    )
    queue, place = (_number(part) for part in page.after)
    return wanted, open_redemptions.page(tx, wanted, (queue, place), page.fetch)


def _as_of(
    tx: sa.Connection, wanted: OpenFilter, cut: Cut, now: datetime
) -> tuple[OpenFilter, datetime]:
    """The filter at the position of a cut, and the instant that ages are counted up to."""
    position = cut.resolve(tx, wanted.programme)
    if position is None:
        return wanted, now
    return replace(wanted, position=position), cut.moment(tx, wanted.programme) or now


def _within(tx: sa.Connection, wanted: PostingFilter, told: pb.Stretch) -> PostingFilter:
    since, until = convert_ledger.cut(told.since), convert_ledger.cut(told.until)
    if told.period and (told.HasField("since") or told.HasField("until")):
        raise InvalidRequest([Violation("stretch", "expected two ends or a period, not both")])
    found = stretch(tx, wanted.programme, since, until, told.period)
    return replace(wanted, stretch=found)


def _postings(
    tx: sa.Connection,
    wanted: PostingFilter,
    told: pb.Stretch,
    after: postings.Place,
    size: int,
) -> list[postings.Posting]:
    return postings.page(tx, _within(tx, wanted, told), after, size)


def _member_statement(
    tx: sa.Connection,
    wanted: PostingFilter,
    told: pb.Stretch,
    after: postings.Place,
    size: int,
) -> statements.MemberStatement:
    return statements.member_statement(tx, _within(tx, wanted, told), after, size)


def _place(page: Page[list[str]]) -> postings.Place:
    position, redemption_id, version = (_number(part) for part in page.after)
    return position, redemption_id, version


def _number(text: str) -> int:
    """A number of a page token. Raises InvalidRequest for one that somebody else made up."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= MAX_ID):
        raise InvalidRequest([Violation("page_token", "expected the token of the page before")])
    return int(text)


def _zone(name: str) -> ZoneInfo:
    if (zone := zone_named(name)) is None:
        expected = "expected a time zone of the IANA database, such as Europe/London"
        raise InvalidRequest([Violation("time_zone", expected)])
    return zone
