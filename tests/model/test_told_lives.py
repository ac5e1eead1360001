"""Lives that chance seldom leads, told to the engine and the model alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conftest import OpenStore
from handback.redemptions.requests import Fail
from model.life import Record
from model.terms import CLASSES, Agreed
from model.test_lives import Lives


class Told(Lives):
    """Lives that a test leads, of one redemption of 100."""

    def begin(self, agreed: Agreed) -> None:
        """It is submitted under an agreement."""
        self.agree(agreed)
        self.submit([100])

    def say(self, attempt: int, code: str, quantity: int = 100) -> None:
        """The partner says something of one attempt."""
        ((life_id, life),) = self.book.lives.items()
        record = Record(len(self.said), attempt, life.member, quantity, code, CLASSES[code])
        self.hear([(life_id, record)], 50_000, 0)
        self.agrees_with_the_model()
        self.holds_the_model_s_money()


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
