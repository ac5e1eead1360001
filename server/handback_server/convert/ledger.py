"""Balances, what is owed, postings, statements and periods; and where the ledger is cut."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from handback.errors import InvalidRequest, Violation
from handback.ids import Prefix, public_id
from handback.ledger import accounts, continuity, cuts, liability, periods, postings, statements
from handback.ledger.open_redemptions import OpenView
from handback_server._stubs.v1 import handback_files_pb2, ledger_pb2, lifecycle_pb2
from handback_server.convert.payouts import tally
from handback_server.convert.values import instant, optional_id

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What a Timestamp may hold and Python too.
_SECONDS: Final = (-62_135_596_800, 253_402_300_799)


def moment(message: Timestamp, field: str) -> datetime:
    """The instant of a message. Raises InvalidRequest where there is none such."""
    if not _SECONDS[0] <= message.seconds <= _SECONDS[1] or not 0 <= message.nanos < 10**9:
        raise InvalidRequest([Violation(field, "expected an instant of the years 1 to 9999")])
    return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)


def cut_at(
    request: ledger_pb2.ListBalancesRequest
    | ledger_pb2.ListLiabilityRequest
    | ledger_pb2.ListOpenRedemptionsRequest,
) -> cuts.Cut:
    """The moment that a request asks for. Raises InvalidRequest for more than one."""
    cut = cuts.Cut(
        position=request.at_position if request.HasField("at_position") else None,
        at=moment(request.at, "at") if request.HasField("at") else None,
        period=request.period,
    )
    cut.check("at_position")
    return cut


def closing_cut(request: ledger_pb2.ClosePeriodRequest) -> cuts.Cut:
    """Where a period is to be closed."""
    return cuts.Cut(
        position=request.at_position if request.HasField("at_position") else None,
        at=moment(request.at, "at") if request.HasField("at") else None,
    )


def cut(message: ledger_pb2.Cut) -> cuts.Cut:
    """One end of a stretch."""
    match message.WhichOneof("place"):
        case "position":
            return cuts.Cut(position=message.position)
        case "at":
            return cuts.Cut(at=moment(message.at, "stretch"))
        case "period":
            return cuts.Cut(period=message.period)
        case _:
            return cuts.NOW


def balance(total: accounts.Balance) -> ledger_pb2.Balance:
    """What one partner's redemptions in one unit add up to."""
    return ledger_pb2.Balance(
        programme=total.programme,
        partner=total.partner,
        unit=total.unit,
        member=total.member,
        held=total.held,
        fulfilled=total.fulfilled,
        variance=total.variance,
        written_off=total.written_off,
        open_redemptions=total.open_redemptions,
        confirmed_redemptions=total.confirmed_redemptions,
    )


def liability_line(line: liability.Liability) -> ledger_pb2.Liability:
    """What one group of open redemptions holds."""
    return ledger_pb2.Liability(
        partner=line.partner,
        unit=line.unit,
        batch_id=optional_id(Prefix.PAYOUT_BATCH, line.batch_id),
        standing=ledger_pb2.OpenStanding.ValueType(line.standing or 0),
        member_ref=line.member_ref,
        total=tally(line.total),
        buckets=map(tally, line.buckets),
    )


def open_redemption(view: OpenView) -> ledger_pb2.OpenRedemption:
    """An open redemption."""
    return ledger_pb2.OpenRedemption(
        redemption_id=public_id(Prefix.REDEMPTION, view.redemption_id),
        partner=view.partner,
        unit=view.unit,
        member_ref=view.member_ref,
        standing=ledger_pb2.OpenStanding.ValueType(view.standing),
        batch_id=optional_id(Prefix.PAYOUT_BATCH, view.batch_id),
        held=view.held,
        submitted_at=instant(view.submitted_at),
    )


def posting(one: postings.Posting) -> ledger_pb2.Posting:
    """So much that left one account and entered another."""
    return ledger_pb2.Posting(
        redemption_id=public_id(Prefix.REDEMPTION, one.redemption_id),
        version=one.version,
        partner=one.partner,
        unit=one.unit,
        member_ref=one.member_ref,
        trigger=lifecycle_pb2.Trigger.ValueType(one.trigger),
        debit=lifecycle_pb2.Account.ValueType(one.debit),
        credit=lifecycle_pb2.Account.ValueType(one.credit),
        quantity=one.quantity,
        position=one.position,
        committed_at=instant(one.committed_at),
        file_id=optional_id(Prefix.HANDBACK_FILE, one.file_id),
        ordinal=one.ordinal or 0,
    )


def member_standings(found: Sequence[statements.Standing]) -> list[ledger_pb2.MemberStanding]:
    """How a member stands, by unit."""
    return [_member_standing(one) for one in found]


def _member_standing(one: statements.Standing) -> ledger_pb2.MemberStanding:
    return ledger_pb2.MemberStanding(
        unit=one.unit,
        member=one.member,
        held=one.held,
        fulfilled=one.fulfilled,
        variance=one.variance,
        written_off=one.written_off,
    )


def statement_line(line: statements.Line) -> ledger_pb2.StatementLine:
    """One line of a member's statement."""
    return ledger_pb2.StatementLine(
        posting=posting(line.posting), after=_member_standing(line.after)
    )


def statement_day(day: statements.Day) -> ledger_pb2.StatementDay:
    """One day of a partner's statement."""
    return ledger_pb2.StatementDay(
        on=day.on.isoformat(),
        unit=day.unit,
        confirmed=tally(day.confirmed),
        returned=tally(day.returned),
        adjusted=tally(day.adjusted),
        written_off=tally(day.written_off),
        net=tally(day.net),
        after_position=day.blocks.after,
        until_position=day.blocks.until,
    )


def period(view: periods.PeriodView) -> ledger_pb2.Period:
    """A closed period."""
    return ledger_pb2.Period(
        programme=view.programme,
        number=view.number,
        name=view.name,
        after_position=view.after_position,
        position=view.position,
        cut_at=instant(view.cut_at),
        closed_at=instant(view.closed_at),
        actor=view.actor,
    )


def run_continuity(
    found: continuity.Continuity | None,
) -> handback_files_pb2.RunContinuity | None:
    """What the accounts of a file's partner were around its blocks; None stays unset."""
    if found is None:
        return None
    return handback_files_pb2.RunContinuity(
        after_position=found.after_position,
        until_position=found.until_position,
        movements=[
            handback_files_pb2.RunMovement(
                unit=one.unit,
                account=lifecycle_pb2.Account.ValueType(one.account),
                opening=tally(one.opening),
                came=tally(one.came),
                left=tally(one.left),
                others=tally(one.others),
                closing=tally(one.closing),
            )
            for one in found.movements
        ],
    )
