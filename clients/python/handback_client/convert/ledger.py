"""Balances, what is owed, postings, statements and periods; and moments of the journal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from handback_client import models
from handback_client._stubs.v1 import handback_files_pb2, ledger_pb2, lifecycle_pb2
from handback_client.convert.payouts import tally
from handback_client.convert.words import TRIGGERS, Words, instant
from handback_client.models import ledger
from handback_client.models.words import Account, LiabilityBy, OpenStanding

Moment: TypeAlias = int | datetime | str | None
"""A position of the journal, an instant, the end of a closed period by its name; None for now."""

_ACCOUNTS: Final = Words(Account)
_STANDINGS: Final = Words(OpenStanding)


def place_of(moment: Moment) -> dict[str, Any]:
    """The fields of a request that say at which moment its answer is asked for."""
    match moment:
        case None:
            return {}
        case int():
            return {"at_position": moment}
        case datetime():
            return {"at": timestamp(moment)}
        case _:
            return {"period": moment}


def stretch(since: Moment, until: Moment, period: str) -> ledger_pb2.Stretch:
    """What lies between two moments, or in one closed period."""
    return ledger_pb2.Stretch(since=_cut(since), until=_cut(until), period=period)


def _cut(moment: Moment) -> ledger_pb2.Cut | None:
    match moment:
        case None:
            return None
        case int():
            return ledger_pb2.Cut(position=moment)
        case datetime():
            return ledger_pb2.Cut(at=timestamp(moment))
        case _:
            return ledger_pb2.Cut(period=moment)


def timestamp(at: datetime) -> Timestamp:
    """An instant as a message. Raises ValueError for one that does not say its zone."""
    if at.tzinfo is None:
        raise ValueError("expected an instant that says its zone")
    seconds = at.replace(microsecond=0).timestamp()
    return Timestamp(seconds=int(seconds), nanos=at.microsecond * 1_000)


def accounts(words: Iterable[str]) -> list[lifecycle_pb2.Account.ValueType]:
    """Accounts to ask for. Raises ValueError for a word that is none."""
    return [lifecycle_pb2.Account.Value(f"ACCOUNT_{Account(word).name}") for word in words]


def standing_number(word: str) -> ledger_pb2.OpenStanding.ValueType:
    """How far what is asked for has come, 0 for no matter. Raises ValueError for another word."""
    if not word:
        return ledger_pb2.OPEN_STANDING_UNSPECIFIED
    return ledger_pb2.OpenStanding.Value(f"OPEN_STANDING_{OpenStanding(word).name}")


def liability_by(word: str) -> ledger_pb2.LiabilityBy.ValueType:
    """What lines are about. Raises ValueError for a word that is none."""
    return ledger_pb2.LiabilityBy.Value(f"LIABILITY_BY_{LiabilityBy(word).name}")


def balance(message: ledger_pb2.Balance) -> models.Balance:
    """One balance."""
    return models.Balance(
        programme=message.programme,
        partner=message.partner,
        unit=message.unit,
        member=message.member,
        held=message.held,
        fulfilled=message.fulfilled,
        variance=message.variance,
        written_off=message.written_off,
        open_redemptions=message.open_redemptions,
        confirmed_redemptions=message.confirmed_redemptions,
    )


def liability(
    message: ledger_pb2.Liability, page: ledger_pb2.ListLiabilityResponse
) -> ledger.Liability:
    """One line of what is owed, with what its page says of all lines."""
    return ledger.Liability(
        partner=message.partner,
        unit=message.unit,
        batch_id=message.batch_id,
        standing=_STANDINGS[message.standing],
        member_ref=message.member_ref,
        total=tally(message.total),
        buckets=tuple(map(tally, message.buckets)),
        bucket_days=tuple(page.bucket_days),
        as_of=instant(page.as_of),
        position=page.position if page.HasField("position") else None,
    )


def open_redemption(message: ledger_pb2.OpenRedemption) -> ledger.OpenRedemption:
    """One open redemption."""
    return ledger.OpenRedemption(
        redemption_id=message.redemption_id,
        partner=message.partner,
        unit=message.unit,
        member_ref=message.member_ref,
        standing=_STANDINGS[message.standing],
        batch_id=message.batch_id,
        held=message.held,
        submitted_at=instant(message.submitted_at),
    )


def posting(message: ledger_pb2.Posting) -> ledger.Posting:
    """One posting."""
    return ledger.Posting(
        redemption_id=message.redemption_id,
        version=message.version,
        partner=message.partner,
        unit=message.unit,
        member_ref=message.member_ref,
        trigger=TRIGGERS[message.trigger],
        debit=_ACCOUNTS[message.debit],
        credit=_ACCOUNTS[message.credit],
        quantity=message.quantity,
        position=message.position,
        committed_at=instant(message.committed_at),
        file_id=message.file_id,
        ordinal=message.ordinal,
    )


def member_standing(message: ledger_pb2.MemberStanding) -> ledger.MemberStanding:
    """How a member stands in one unit."""
    return ledger.MemberStanding(
        unit=message.unit,
        member=message.member,
        held=message.held,
        fulfilled=message.fulfilled,
        variance=message.variance,
        written_off=message.written_off,
    )


def statement_line(message: ledger_pb2.StatementLine) -> ledger.StatementLine:
    """One line of a member's statement."""
    return ledger.StatementLine(
        posting=posting(message.posting), after=member_standing(message.after)
    )


def partner_statement(message: ledger_pb2.GetPartnerStatementResponse) -> ledger.PartnerStatement:
    """A partner's days."""
    return ledger.PartnerStatement(
        days=tuple(map(_statement_day, message.days)),
        time_zone=message.time_zone,
        after_position=message.after_position,
        until_position=message.until_position,
    )


def _statement_day(message: ledger_pb2.StatementDay) -> ledger.StatementDay:
    return ledger.StatementDay(
        on=date.fromisoformat(message.on),
        unit=message.unit,
        confirmed=tally(message.confirmed),
        returned=tally(message.returned),
        adjusted=tally(message.adjusted),
        written_off=tally(message.written_off),
        net=tally(message.net),
        after_position=message.after_position,
        until_position=message.until_position,
    )


def period(message: ledger_pb2.Period, replayed: bool = False) -> ledger.Period:
    """One closed period."""
    return ledger.Period(
        programme=message.programme,
        number=message.number,
        name=message.name,
        after_position=message.after_position,
        position=message.position,
        cut_at=instant(message.cut_at),
        closed_at=instant(message.closed_at),
        actor=message.actor,
        replayed=replayed,
    )


def run_continuity(message: handback_files_pb2.RunContinuity) -> ledger.RunContinuity:
    """What the accounts of a file's partner were around its blocks."""
    return ledger.RunContinuity(
        after_position=message.after_position,
        until_position=message.until_position,
        movements=tuple(map(_run_movement, message.movements)),
    )


def _run_movement(message: handback_files_pb2.RunMovement) -> ledger.RunMovement:
    return ledger.RunMovement(
        unit=message.unit,
        account=_ACCOUNTS[message.account],
        opening=tally(message.opening),
        came=tally(message.came),
        left=tally(message.left),
        others=tally(message.others),
        closing=tally(message.closing),
    )
