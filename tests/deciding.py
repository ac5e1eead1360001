"""Two persons at the breaks of a world, and redemptions that give them something to decide."""

from __future__ import annotations

from dataclasses import dataclass

from handback.breaks import notes, queries
from handback.breaks.decisions import Decision
from handback.breaks.kinds import BreakKind
from handback.breaks.notes import NoteKind
from handback.breaks.queries import BreakView
from handback.errors import HandbackError
from handback.lifecycle.table import State
from handback.resolutions.deciding import Wanted
from handback.resolutions.resolve import Outcome, Resolving
from handback.store.requests import Command
from world import PROGRAMME, Answer, World, skyways_file

CONFIRM, FAIL, RETRY = Wanted(Decision.CONFIRM), Wanted(Decision.FAIL), Wanted(Decision.RETRY)
DISMISS = Wanted(Decision.DISMISS)


@dataclass
class Desk:
    """Two persons at the breaks of a world: ann proposes, bob approves."""

    world: World
    resolving: Resolving
    keys: int = 0

    def command(self, actor: str, comment: str = "the partner says so") -> Command:
        """What somebody asks for, under a key of its own."""
        self.keys += 1
        return Command(actor, comment, f"desk-{self.keys}")

    def resolve(self, break_id: int, wanted: Wanted, actor: str = "ann") -> Outcome:
        """One decision about one break."""
        (outcome,) = self.resolving.resolve(
            PROGRAMME, [break_id], wanted, self.command(actor)
        ).outcomes
        return outcome

    def propose(self, break_id: int, wanted: Wanted) -> BreakView:
        """A decision of ann's that has to wait for a second person."""
        outcome = self.resolve(break_id, wanted)
        assert isinstance(outcome.result, BreakView), outcome.result
        assert outcome.proposed
        return outcome.result

    def refusal(self, break_id: int, wanted: Wanted) -> HandbackError:
        """Why a decision is refused."""
        outcome = self.resolve(break_id, wanted)
        assert isinstance(outcome.result, HandbackError)
        return outcome.result

    def approve(self, break_id: int, number: int = 1, actor: str = "bob") -> BreakView:
        """A second person agrees."""
        command = self.command(actor, "checked")
        return self.resolving.approve(PROGRAMME, break_id, number, command).view

    def get(self, break_id: int) -> BreakView:
        """A break as it stands."""
        with self.world.store.read() as tx:
            return queries.get(tx, PROGRAMME, break_id)

    def history(self, break_id: int) -> list[tuple[NoteKind, str, str | None]]:
        """What was done with a break."""
        with self.world.store.read() as tx:
            return [(one.kind, one.actor, one.text) for one in notes.history(tx, break_id)]


def rejected(world: World, code: str = "0401", quantity: int = 300) -> tuple[int, int]:
    """A redemption that waits for a person, and its break."""
    (redemption_id,) = world.submit(quantity)
    world.send()
    world.answer_all(lambda _: code, sequence=len(world.delivered()))
    (found,) = world.breaks(redemption_id=redemption_id)
    return redemption_id, found.break_id


def contradicted(world: World) -> tuple[int, int, int]:
    """A redemption that was rejected and then confirmed: its review, and the contradiction."""
    redemption_id, review = rejected(world)
    (sent,) = world.sent(world.delivered()[-1])
    world.answer(skyways_file([Answer(*sent, "0000")], 2), "again.csv")
    (other,) = world.breaks(kinds=[BreakKind.CONTRADICTION])
    assert world.get(redemption_id).state is State.REJECTED
    return redemption_id, review, other.break_id


def silent(world: World, code: str = "0501") -> tuple[int, int]:
    """A redemption that awaits its answer still, and the break about a duplicate."""
    (redemption_id,) = world.submit(300)
    world.send()
    world.answer_all(lambda _: code, sequence=len(world.delivered()))
    (found,) = world.breaks()
    assert world.get(redemption_id).state is State.AWAITING_HANDBACK
    return redemption_id, found.break_id


def strayed(world: World, code: str = "0000", quantity: int = 300) -> tuple[int, BreakView, bytes]:
    """A redemption, the break of a record that did not find it, and the file with that record."""
    (redemption_id,) = world.submit(300)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    garbled = Answer("HB-GARBLED", sent.member_ref, quantity, code)
    content = skyways_file([garbled], len(world.delivered()))
    world.answer(content, f"strayed-{redemption_id}.csv")
    (found,) = world.breaks(kinds=[BreakKind.UNKNOWN_REFERENCE])
    return redemption_id, found, content
