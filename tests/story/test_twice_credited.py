"""The member who might have been credited twice, and is not."""

from __future__ import annotations

import pytest

from handback_client import errors
from handback_client.models import Break, Redemption
from handback_server.demo.layouts import Request
from story.stage import Stage

BUSY, CREDITED, KNOWN_ALREADY = "0301", "0000", "0501"


def second_attempt_out(stage: Stage) -> tuple[Redemption, Request, Request]:
    """A redemption that was rejected for a passing reason and is out once more."""
    stage.agree("skyways")
    (redemption,) = stage.submit("skyways", 2_500)
    stage.work()
    (first,) = stage.skyways.letters()
    stage.skyways.answer((first, BUSY))
    stage.clock.advance(minutes=1)
    stage.work()
    (second,) = stage.skyways.letters()
    assert first.reference != second.reference
    return redemption, first, second


def doubtful(stage: Stage) -> tuple[Redemption, Break, Request]:
    """The airline says of the first attempt that it is booked, of the second that it is known."""
    redemption, first, second = second_attempt_out(stage)

    # The airline has booked the first attempt after all, and says so while the second is out.
    stage.skyways.answer((first, CREDITED))
    assert stage.states([redemption]) == ["awaiting_handback"]
    (double,) = stage.ada.breaks.list()
    assert (double.kind, double.severity, double.attempt) == (
        "possible_double_credit",
        "critical",
        1,
    )

    # It knows the second attempt for a duplicate. That is no reason to give anything back.
    stage.skyways.answer((second, KNOWN_ALREADY))
    assert stage.states([redemption]) == ["awaiting_handback"]
    assert stage.open_breaks() == ["possible_double_credit", "duplicate_rejection"]
    (balance,) = stage.ada.ledger.balances()
    assert (balance.member, balance.held, balance.fulfilled) == (-2_500, 2_500, 0)
    return redemption, double, second


def test_alone_nobody_gets_it_out_again_or_back(stage: Stage) -> None:
    redemption, double, _ = doubtful(stage)
    for command in ("retry", "fail"):
        (outcome,) = stage.ada.breaks.resolve(
            command, [double.break_id], comment="the member calls every day"
        ).outcomes
        assert outcome.proposed, "it waits for somebody else"
    for call in (stage.ada.retry, stage.ada.fail):
        with pytest.raises(errors.SecondPersonNeeded):
            call(redemption.redemption_id)
    assert stage.states([redemption]) == ["awaiting_handback"]
    stage.assert_laws()


def test_the_twice_credited_member_who_is_not(stage: Stage) -> None:
    redemption, double, second = doubtful(stage)

    # Ada has the airline's statement: one credit. Grace looks at it too, and agrees.
    stage.ada.breaks.resolve(
        "confirm", [double.break_id], comment="their statement has the first one, once"
    )
    (waiting,) = stage.grace.breaks.list(proposed=True)
    assert waiting.proposal is not None
    assert (waiting.proposal.decision, waiting.proposal.actor) == ("confirm", "ada")
    with pytest.raises(errors.NotAllowed):
        stage.ada.breaks.approve(double.break_id, waiting.proposal.number)
    closed = stage.grace.breaks.approve(
        double.break_id, waiting.proposal.number, comment="I see one credit of 2,500"
    )
    assert (closed.resolution, closed.closed_by) == ("confirmed", "grace")
    assert stage.states([redemption]) == ["confirmed"]

    # That settles the duplicate too, and when the airline says it again it says nothing new.
    stage.skyways.answer((second, KNOWN_ALREADY))
    assert stage.open_breaks() == []

    # One credit in the books, and the member's statement has one too.
    stage.work()
    (balance,) = stage.ada.ledger.balances()
    assert (balance.member, balance.held, balance.fulfilled) == (-2_500, 0, 2_500)
    statement = stage.ada.ledger.statement(redemption.member_ref)
    assert [(str(line.posting.trigger), line.posting.quantity) for line in statement.lines] == [
        ("submit", 2_500),
        ("confirm", 2_500),
    ]
    # Both persons have said it of the first attempt; so the second counts as rejected.
    assert stage.triggers(redemption) == [
        "submit",
        "dispatch",
        "reject",
        "retry",
        "dispatch",
        "reject",
        "confirm",
    ]
    stage.assert_laws()


def test_had_the_retry_not_left_it_would_have_been_taken_back(stage: Stage) -> None:
    stage.agree("skyways", {"spacing_s = 2\n": "spacing_s = 86400\n"})
    (redemption,) = stage.submit("skyways", 2_500)
    stage.work()
    (first,) = stage.skyways.letters()
    stage.skyways.answer((first, BUSY))
    assert stage.states([redemption]) == ["retrying"]
    stage.skyways.answer((first, CREDITED))
    assert stage.states([redemption]) == ["confirmed"]
    stage.clock.advance(days=2)
    stage.work()
    assert stage.skyways.letters() == []
    assert stage.open_breaks() == []
    stage.assert_laws()
