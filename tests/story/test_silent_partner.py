"""The partner who goes silent over Easter: who notices what when, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from handback_client.models import PayoutBatch, Redemption
from handback_server.demo.layouts import Request
from story.stage import Stage

CREDITED, CLOSED_ACCOUNT = "0000", "0201"
# An English airline that sends a file every business evening and has five of them to answer.
RULES = {
    'style = "full"': 'style = "full"\nexpect = ["18:00"]\ngrace_s = 3600',
    "[codes.handback]": '[calendar]\ncountry = "GB"\nsubdivision = "ENG"\n\n[codes.handback]',
}
WEDNESDAY = datetime(2026, 4, 1, 9, tzinfo=UTC)
# Thursday, Tuesday, Wednesday, Thursday, Friday: Easter is four days. Summer time since Sunday.
DEADLINE = datetime(2026, 4, 10, 23, tzinfo=UTC)


@dataclass
class Silence:
    """What the airline was sent, and knows of."""

    stage: Stage
    redemptions: Sequence[Redemption]
    requests: Sequence[Request]
    batch: PayoutBatch

    def at(self, day: int, hour: int, minute: int = 0) -> list[str]:
        """The open breaks once the server has worked on a moment of April."""
        self.stage.clock.set(datetime(2026, 4, day, hour, minute, tzinfo=UTC))
        self.stage.work()
        return self.stage.open_breaks()


@pytest.fixture
def silence(stage: Stage) -> Silence:
    """Three redemptions that were sent on the Wednesday before Easter."""
    stage.clock.set(WEDNESDAY)
    stage.agree("skyways", RULES)
    redemptions = stage.submit("skyways", 700, 800, 900)
    stage.work()
    requests = stage.skyways.letters()
    (batch,) = stage.ada.batches.list()
    assert batch.deadline_at == DEADLINE
    return Silence(stage, redemptions, requests, batch)


def test_the_file_that_does_not_come_is_noticed_within_the_hour(silence: Silence) -> None:
    # On Wednesday evening the usual file does not come. An hour of grace, then somebody is told.
    assert silence.at(1, 17, 30) == []
    assert silence.at(1, 18, 1) == ["missing_file"]

    # A file on Thursday closes the alarm. It answers one of three.
    silence.stage.clock.set(datetime(2026, 4, 2, 9, tzinfo=UTC))
    silence.stage.skyways.answer((silence.requests[0], CREDITED), day="20260402")
    assert silence.stage.open_breaks() == []

    # Then nothing: one alarm for Thursday evening, and not another for each day of Easter.
    for day in (2, 3, 4, 5, 6):
        assert silence.at(day, 20) == ["missing_file"], day
    silence.stage.assert_laws()


def test_the_partner_who_goes_silent(silence: Silence) -> None:
    stage, (first, second, third) = silence.stage, silence.requests
    stage.skyways.answer((first, CREDITED), day="20260401")

    # A minute before the deadline nobody is overdue, a minute later the batch is: once.
    stage.clock.set(DEADLINE - timedelta(minutes=1))
    stage.work()
    assert "overdue" not in stage.open_breaks()
    assert list(stage.ada.batches.list(overdue=True)) == []
    stage.clock.set(DEADLINE + timedelta(minutes=1))
    stage.work()
    (overdue,) = stage.ada.breaks.list(kinds=["overdue"])
    assert (overdue.quantity, overdue.facts["outstanding"]) == (800 + 900, "2")
    assert [one.batch_id for one in stage.ada.batches.list(overdue=True)] == [
        silence.batch.batch_id
    ]

    # Silence of a partner that answers everything decides nothing: the value is still owed.
    assert stage.states(silence.redemptions) == [
        "confirmed",
        "awaiting_handback",
        "awaiting_handback",
    ]
    (owed,) = stage.ada.ledger.liability(by="standing", bucket_days=[5])
    assert (owed.standing, owed.total.quantity) == ("sent", 1_700)
    assert [bucket.quantity for bucket in owed.buckets] == [0, 1_700]
    (line,) = stage.report("batches", only="unsettled")
    assert (line["sent"], line["confirmed"], line["pending"]) == (3, 1, 2)
    assert line["overdue_s"] is not None

    # Grace writes to them. Ten days later they answer, and the alarms close by themselves.
    stage.ada.breaks.assign(overdue.break_id, "grace")
    stage.grace.breaks.comment(overdue.break_id, "wrote to their desk, they had a power cut")
    stage.clock.set(datetime(2026, 4, 20, 10, tzinfo=UTC))
    stage.skyways.answer((second, CREDITED), (third, CLOSED_ACCOUNT), day="20260420")
    assert stage.states(silence.redemptions) == ["confirmed", "confirmed", "failed"]
    stage.work()
    assert stage.open_breaks() == []
    closed = stage.ada.breaks.get(overdue.break_id)
    assert (closed.resolution, closed.closed_by) == ("settled", "sweep")
    assert list(stage.ada.batches.list(overdue=True)) == []
    assert list(stage.ada.ledger.liability()) == []

    # How long it took them stands in the figures: the slowest of three answers, in days.
    (turnaround,) = stage.report("turnaround")
    assert (turnaround["answers"], turnaround["max_days"]) == (3, 11)
    stage.assert_laws()
