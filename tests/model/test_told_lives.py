"""Lives that chance seldom leads, told to the engine and the model alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from conftest import OpenStore
from handback.redemptions.requests import Fail, Retry
from model.lives import Lives
from model.terms import Agreed


class Told(Lives):
    """Lives that a test leads, of one redemption of 100."""

    def begin(self, agreed: Agreed) -> None:
        """It is submitted under an agreement."""
        self.agree(agreed)
        self.submit([100])

    def say(self, attempt: int, code: str, quantity: int = 100) -> None:
        """The partner says something of one attempt."""
        ((life_id, life),) = self.book.lives.items()
        self.hear([(life_id, self.record(life, attempt, code, quantity))], 50_000, 0)
        self.agrees_with_the_model()
        self.holds_the_model_s_money()

    def two(self, kind: str, decision: str) -> None:
        """Two persons decide about the open break of a kind."""
        (at,) = (
            at for at, (_, one) in enumerate(self.book.breaks_of(is_open=True)) if one.kind == kind
        )
        self.decide(at, decision, part=False)
        self.agrees_with_the_model()
        self.holds_the_model_s_money()

    def send_again(self) -> None:
        """A retry leaves as soon as it may."""
        self.wait(timedelta(seconds=2))
        self.send(forgotten=False)

    @property
    def stands(self) -> tuple[str, list[str]]:
        """The state of the one redemption, and the kinds of its open breaks."""
        (life,) = self.book.lives.values()
        return life.state, life.open_kinds()


@pytest.fixture
def told(open_store: OpenStore) -> Iterator[Told]:
    """A life to be led."""
    lives = Told(open_store)
    yield lives
    lives.teardown()


def test_parts_that_come_back_are_given_back_once(told: Told) -> None:
    told.begin(Agreed())
    told.send(forgotten=False)
    told.say(1, "0000")
    for quantity in (30, 30, 50, 30, 20):
        told.say(1, "0601", quantity)


def test_nobody_gives_up_alone_what_may_be_credited(told: Told) -> None:
    told.begin(Agreed())
    told.send(forgotten=False)
    for code in ("0101", "0000"):
        told.say(1, code)
    told.command(0, Fail, anew=False)
    told.agrees_with_the_model()


def test_a_recalled_attempt_that_is_answered_moves_nothing(told: Told) -> None:
    told.begin(Agreed())
    told.seal()
    told.say(1, "0201")
    told.recall()
    told.send(forgotten=False)
    told.sweep()
    for code in ("0201", "0601", "0002", "0000"):
        told.say(1, code)


def test_no_answer_to_what_never_left_is_confirmed(told: Told) -> None:
    told.begin(Agreed())
    told.send(forgotten=False)
    told.say(1, "0301")
    told.wait(timedelta(seconds=2))
    told.seal()
    told.say(2, "0000")
    told.recall()
    told.two("early_answer", "confirm")
    told.say(1, "0000")
    assert told.stands == ("confirmed", [])


def test_a_retry_is_kept_back_until_two_persons_let_it_go(told: Told) -> None:
    told.begin(Agreed())
    told.send(forgotten=False)
    for code in ("0301", "0501"):
        told.say(1, code)
    told.send_again()
    assert told.stands == ("retrying", ["duplicate_rejection", "kept_back"])
    told.two("duplicate_rejection", "retry")
    assert told.stands == ("retrying", [])
    told.wait(timedelta(days=1))
    told.send_again()
    assert told.stands == ("awaiting_handback", [])


def test_two_persons_say_which_attempt_was_credited(told: Told) -> None:
    told.begin(Agreed())
    told.send(forgotten=False)
    told.say(1, "0301")
    told.send_again()
    told.say(1, "0000")
    told.two("possible_double_credit", "confirm")
    for attempt, code in ((1, "0000"), (2, "0201"), (2, "0501"), (2, "0601")):
        told.say(attempt, code)
    assert told.stands == ("confirmed", [])
    told.say(2, "0000")
    assert told.stands == ("confirmed", ["double_credit"])
    told.say(1, "0601")
    assert told.stands == ("rejected", ["double_credit", "returned"])


def credited_again(told: Told) -> None:
    """The credit of the first attempt came back; that of the second stands."""
    told.begin(Agreed())
    told.send(forgotten=False)
    told.say(1, "0000")
    told.say(1, "0601")
    told.command(0, Retry, anew=False)
    told.send_again()
    told.say(2, "0000")
    assert told.stands == ("confirmed", [])


@pytest.mark.parametrize("quantity", [100, 30])
def test_what_came_back_comes_back_once(told: Told, quantity: int) -> None:
    credited_again(told)
    told.say(1, "0601", quantity)
    assert told.stands == ("confirmed", [] if quantity == 100 else ["quantity_mismatch"])


def test_a_return_that_is_void_is_a_second_credit(told: Told) -> None:
    credited_again(told)
    told.say(1, "0000")
    assert told.stands == ("confirmed", [])
    told.say(1, "0001")
    assert told.stands == ("confirmed", ["double_credit"])


def test_that_a_return_is_void_is_said_once(told: Told) -> None:
    told.begin(Agreed())
    told.send(forgotten=False)
    told.say(1, "0000")
    told.say(1, "0601")
    told.say(1, "0001")
    assert told.stands == ("rejected", ["return_reversed", "returned"])
    told.two("return_reversed", "confirm")
    told.say(1, "0001")
    assert told.stands == ("confirmed", [])


def test_that_a_return_is_void_is_for_a_person_though_its_retry_waits(told: Told) -> None:
    told.begin(Agreed(returned="retry"))
    told.send(forgotten=False)
    for code in ("0000", "0601", "0000", "0001"):
        told.say(1, code)
    assert told.stands == ("retrying", ["return_reversed"])
    told.two("return_reversed", "confirm")
    assert told.stands == ("confirmed", [])


def test_a_rejection_takes_back_what_silence_confirmed_and_nothing_later(told: Told) -> None:
    told.begin(Agreed(style="exceptions_only"))
    told.send(forgotten=False)
    told.wait(timedelta(days=8))
    told.sweep()
    told.say(1, "0301")
    assert told.stands == ("retrying", [])
    told.send_again()
    told.say(2, "0000")
    told.say(1, "0301")
    told.say(1, "0201")
    assert told.stands == ("confirmed", [])
