"""What the postings of the journal add up to, what is owed, statements and periods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from handback_client.models.payouts import Tally
from handback_client.models.words import Account, OpenStanding, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What one partner's redemptions in one unit add up to; the five accounts are 0 together."""

    programme: str
    partner: str
    unit: str
    member: int
    held: int
    fulfilled: int
    variance: int
    written_off: int
    open_redemptions: int
    confirmed_redemptions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Liability:
    """What one group of open redemptions holds.

    `buckets` go from the youngest to the oldest: one for each of `bucket_days`, its last day, and
    one for what is older. `as_of` is the instant up to which ages are counted, `position` the one
    after which it stood so, None for now.
    """

    partner: str
    unit: str
    batch_id: str
    standing: OpenStanding
    member_ref: str
    total: Tally
    buckets: tuple[Tally, ...]
    bucket_days: tuple[int, ...]
    as_of: datetime | None
    position: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRedemption:
    """An open redemption: what it holds, and where it waits."""

    redemption_id: str
    partner: str
    unit: str
    member_ref: str
    standing: OpenStanding
    batch_id: str
    held: int
    submitted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """So much left the account `debit` and entered `credit`, by one event.

    `file_id` and `ordinal` say which record of which file caused it; empty and 0 for none.
    """

    redemption_id: str
    version: int
    partner: str
    unit: str
    member_ref: str
    trigger: Trigger
    debit: Account
    credit: Account
    quantity: int
    position: int
    committed_at: datetime | None
    file_id: str
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStanding:
    """How a member stands in one unit; the five accounts are 0 together."""

    unit: str
    member: int
    held: int
    fulfilled: int
    variance: int
    written_off: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One posting of a member's statement, and how the member stood in its unit after it."""

    posting: Posting
    after: MemberStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatement:
    """A member's postings over a stretch, and how the member stood before and after it."""

    opening: tuple[MemberStanding, ...]
    lines: tuple[StatementLine, ...]
    closing: tuple[MemberStanding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementDay:
    """What a partner credited and took back on one day in one unit: net = confirmed - returned.

    The postings behind it stand after one position, up to and with another.
    """

    on: date
    unit: str
    confirmed: Tally
    returned: Tally
    adjusted: Tally
    written_off: Tally
    net: Tally
    after_position: int
    until_position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerStatement:
    """A partner's days over a stretch: after one position, up to and with another."""

    days: tuple[StatementDay, ...]
    time_zone: str
    after_position: int
    until_position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A closed period: all blocks after one position, up to and with `position`.

    `cut_at` is the instant that the cut stands for. `replayed` says that it had been closed just so
    before.
    """

    programme: str
    number: int
    name: str
    after_position: int
    position: int
    cut_at: datetime | None
    closed_at: datetime | None
    actor: str
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMovement:
    """One account around a file's blocks: opening + came - left + others = closing."""

    unit: str
    account: Account
    opening: Tally
    came: Tally
    left: Tally
    others: Tally
    closing: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContinuity:
    """The accounts of a file's partner around its blocks: after one position, up to another."""

    after_position: int
    until_position: int
    movements: tuple[RunMovement, ...]
