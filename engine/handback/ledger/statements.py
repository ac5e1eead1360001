"""Statements: of one member, posting by posting; of one partner, day by day, for its invoice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from handback.ledger import postings
from handback.ledger.accounts import EVENT, Tally, effect_on
from handback.ledger.cuts import Stretch
from handback.ledger.instants import position_at
from handback.ledger.postings import BLOCK, REDEMPTION, START, TOTAL, UNIT, Posting, PostingFilter
from handback.ledger.whose import Whose, whose
from handback.lifecycle.table import Account
from handback.partners.calendar import midnight

_NOTHING: Final = Tally(0, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a member's postings in one unit add up to, by account; together always nothing."""

    unit: str
    member: int
    held: int
    fulfilled: int
    variance: int
    written_off: int


@dataclass(frozen=True, slots=True)
class Line:
    """One posting of a statement, and how the member stands in its unit after it."""

    posting: Posting
    after: Standing


@dataclass(frozen=True, slots=True)
class MemberStatement:
    """A page of a member's postings; opening and closing are those of the whole stretch."""

    stretch: Stretch
    opening: Sequence[Standing]
    lines: Sequence[Line]
    closing: Sequence[Standing]


def member_statement(
    tx: sa.Connection, wanted: PostingFilter, after: postings.Place = START, size: int = 1_000
) -> MemberStatement:
    """The postings of the one member that `wanted` names, up to `size` that follow a place.

    Opening and closing have a row for each unit in which the member has postings by then. Raises
    NotFound for the programme or its partner.
    """
    assert wanted.member_ref is not None, "a statement is one member's"
    within, (position, _, _) = wanted.stretch, after
    ours = whose(tx, wanted.programme, wanted.partner, wanted.unit)
    lines = postings.page(tx, wanted, after, size)
    # What went before this page: all before the stretch, and its earlier pages.
    opening = _standings(tx, wanted, ours, within.after)
    running = opening
    if after != START:
        running = _standings(tx, wanted, ours, position, after)
    return MemberStatement(
        within,
        list(opening.values()),
        list(_run(running, lines)),
        list(_standings(tx, wanted, ours, within.until).values()),
    )


def _standings(
    tx: sa.Connection,
    wanted: PostingFilter,
    ours: Whose,
    until: int,
    place: postings.Place | None = None,
) -> dict[str, Standing]:
    """How the member stands by unit after a position, or after a place in its block."""
    everything = replace(wanted, stretch=Stretch(0, until))
    sums = [sa.func.sum(effect_on(account, EVENT.c)).label(str(account)) for account in Account]
    selected = (
        postings.posted_events(everything, ours)
        .join(UNIT, UNIT.c.unit_id == REDEMPTION.c.unit_id)
        .with_only_columns(UNIT.c.name.label("unit"), *sums)
        .group_by(UNIT.c.name)
        .order_by(UNIT.c.name)
    )
    if place is not None:
        columns = (BLOCK.c.position, EVENT.c.redemption_id, EVENT.c.version)
        literal = (sa.literal(number, sa.BigInteger) for number in place)
        selected = selected.where(sa.tuple_(*columns) <= sa.tuple_(*literal))
    return {
        row.unit: Standing(row.unit, *(int(row._mapping[str(account)]) for account in Account))
        for row in tx.execute(selected)
    }


def _run(opening: Mapping[str, Standing], lines: Sequence[Posting]) -> Iterator[Line]:
    standing = dict(opening)
    for line in lines:
        before = standing.get(line.unit) or Standing(line.unit, 0, 0, 0, 0, 0)
        debit, credit = str(line.debit), str(line.credit)
        after = replace(before, **{debit: getattr(before, debit) - line.quantity})
        after = replace(after, **{credit: getattr(after, credit) + line.quantity})
        standing[line.unit] = after
        yield Line(line, after)


@dataclass(frozen=True, slots=True)
class Day:
    """What a partner credited and took back on one day in one unit.

    `confirmed` entered the account fulfilled and `returned` left it; `adjusted` are differences
    let be, and `written_off` what is neither credited nor given back; both as much as was added to
    those accounts. The postings behind them stand in the day's `blocks`.
    """

    on: date
    unit: str
    confirmed: Tally
    returned: Tally
    adjusted: Tally
    written_off: Tally
    blocks: Stretch

    @property
    def net(self) -> Tally:
        """What is to be paid for: what was confirmed but for what came back."""
        return Tally(
            self.confirmed.count - self.returned.count,
            self.confirmed.quantity - self.returned.quantity,
        )


# What a partner's invoice is about.
INVOICED: Final = (Account.FULFILLED, Account.VARIANCE, Account.WRITTEN_OFF)


def partner_statement(tx: sa.Connection, wanted: PostingFilter, zone: ZoneInfo) -> list[Day]:
    """The days of a stretch on which a partner's postings touched an invoice, by day and unit.

    A day is that of the ledger's time in the zone: it ends where its last instant cuts the journal,
    so that days add up to periods that are cut at midnight. Raises NotFound for the programme or
    its partner.
    """
    moved = _moved_by_block(tx, replace(wanted, accounts=INVOICED))
    days = _Days(tx, zone, wanted.stretch)
    sums: dict[tuple[date, str, str], Tally] = defaultdict(lambda: _NOTHING)
    for row in moved:
        on = days.of(row.position, row.committed_at)
        for name in _PARTS:
            count, quantity = row._mapping[f"{name}_count"], int(row._mapping[name])
            if count:
                before = sums[on, row.unit, name]
                sums[on, row.unit, name] = Tally(before.count + count, before.quantity + quantity)
    lines = sorted({(on, unit) for on, unit, _ in sums})
    return [_day(on, unit, sums, days.of_day(on)) for on, unit in lines]


def _day(on: date, unit: str, sums: Mapping[tuple[date, str, str], Tally], blocks: Stretch) -> Day:
    parts = {name: sums.get((on, unit, name), _NOTHING) for name in _PARTS}
    return Day(on=on, unit=unit, blocks=blocks, **parts)


# The parts of a day: which account they are told by, and whether by what enters or leaves it.
_PARTS: Final = {
    "confirmed": (Account.FULFILLED, 1),
    "returned": (Account.FULFILLED, -1),
    "adjusted": (Account.VARIANCE, 0),
    "written_off": (Account.WRITTEN_OFF, 0),
}


def _moved_by_block(tx: sa.Connection, wanted: PostingFilter) -> Sequence[sa.Row[Any]]:
    """The parts of each block that touches an invoice, in the journal's order."""
    sums: list[sa.ColumnElement[Any]] = []
    for name, (account, sign) in _PARTS.items():
        effect = effect_on(account, EVENT.c)
        inside = effect * sign > 0 if sign else effect != 0
        told = effect * sign if sign else effect
        sums.append(sa.func.sum(sa.case((inside, told), else_=0)).label(name))
        sums.append(sa.func.count(sa.case((inside, 1))).label(f"{name}_count"))
    ours = whose(tx, wanted.programme, wanted.partner, wanted.unit)
    touched = (
        sa.select(TOTAL.c.block_id)
        .join(BLOCK, BLOCK.c.block_id == TOTAL.c.block_id)
        .where(BLOCK.c.position > wanted.stretch.after)
        .where(BLOCK.c.position <= wanted.stretch.until)
        .where(*postings.touching(wanted, ours))
        .distinct()
    )
    by_block = (BLOCK.c.position, BLOCK.c.committed_at, UNIT.c.name)
    selected = (
        postings.posted_events(wanted, ours)
        .join(UNIT, UNIT.c.unit_id == REDEMPTION.c.unit_id)
        .where(EVENT.c.block_id.in_(touched))
        .with_only_columns(*by_block[:2], UNIT.c.name.label("unit"), *sums)
        .group_by(*by_block)
        .order_by(*by_block)
    )
    return tx.execute(selected).all()


class _Days:
    """Which day of a zone each position is on, by where the days' ends cut the journal."""

    def __init__(self, tx: sa.Connection, zone: ZoneInfo, within: Stretch) -> None:
        self._tx, self._zone, self._within = tx, zone, within
        self._ends: dict[date, int] = {}

    def of(self, position: int, committed_at: datetime) -> date:
        """The day on which the ledger stood at a position."""
        on = committed_at.astimezone(self._zone).date()
        # The block's own clock may be behind the ledger's.
        while self._end(on) < position:
            on += timedelta(days=1)
        return on

    def of_day(self, on: date) -> Stretch:
        """The blocks of a day within the stretch."""
        before = self._end(on - timedelta(days=1))
        within = self._within
        return Stretch(max(before, within.after), min(self._end(on), within.until))

    def _end(self, on: date) -> int:
        """The last position of a day: that right before the next one's first instant."""
        if on not in self._ends:
            begins = midnight(on + timedelta(days=1), self._zone)
            last_instant = begins - timedelta(microseconds=1)
            self._ends[on] = position_at(self._tx, last_instant)
        return self._ends[on]
