"""What arrives, what we know, and what then happens: every case of a record that was matched.

The first row of `RULINGS` that holds decides. `judge` evaluates them as columns, `render` writes
docs/decisions-table.md from them; nothing else decides what a record does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from handback.breaks.kinds import BreakKind
from handback.lifecycle.table import Trigger
from handback.reconcile.facts import Agreed, Fact, Fate, Known, Named, Says, Stands


@dataclass(frozen=True, slots=True)
class Becomes:
    """What happens: a trigger of the lifecycle, a break, both, or nothing, which is a repeat."""

    trigger: Trigger | None = None
    kind: BreakKind | None = None
    first: Trigger | None = None
    """What the part that was not credited does before."""
    resubmits: bool = False
    """Whether that part goes out again as a redemption of its own."""

    @property
    def fate(self) -> Fate:
        """What the record counts as."""
        if self.trigger is not None:
            return Fate.EVENT
        return Fate.REPEAT if self.kind is None else Fate.BREAK


@dataclass(frozen=True, slots=True)
class Ruling:
    """One row: what arrives, and where that is so, becomes that."""

    arrives: Fact
    where: tuple[Fact, ...]
    becomes: Becomes
    why: str


_REPEAT: Final = Becomes()


def _take(trigger: Trigger) -> Becomes:
    return Becomes(trigger)


def _open(kind: BreakKind) -> Becomes:
    return Becomes(kind=kind)


_ANYTHING: Final = (
    Ruling(
        Says.ANYTHING,
        (Stands.AHEAD,),
        _open(BreakKind.EARLY_ANSWER),
        "It is parked, and judged anew by itself once the attempt has been dispatched.",
    ),
    Ruling(
        Says.ANYTHING,
        (Named.OTHER_UNIT,),
        _open(BreakKind.UNIT_MISMATCH),
        "It may be meant for another request; nothing is guessed at.",
    ),
    Ruling(
        Says.ANYTHING,
        (Named.OTHER_MEMBER,),
        _open(BreakKind.MEMBER_MISMATCH),
        "It may be meant for another request; nothing is guessed at.",
    ),
    Ruling(
        Says.NO_CREDIT,
        (Named.OTHER_QUANTITY,),
        _open(BreakKind.QUANTITY_MISMATCH),
        "It may be meant for another request; nothing is guessed at.",
    ),
)

_INTERIM: Final = (
    Ruling(Says.INTERIM, (Known.INTERIM,), _REPEAT, "Nothing new is said."),
    Ruling(
        Says.INTERIM,
        (Stands.AWAITED,),
        _take(Trigger.ACKNOWLEDGE),
        "The outcome stays open, and the partner is not silent.",
    ),
    Ruling(
        Says.INTERIM,
        (),
        _REPEAT,
        "A final answer or a later attempt was first: it is kept, and changes nothing.",
    ),
)

_DUPLICATES: Final = (
    Ruling(
        Says.DUPLICATE,
        (Stands.CONFIRMED,),
        _REPEAT,
        "The partner knows it because it credited it, as we know.",
    ),
    Ruling(Says.DUPLICATE, (Known.CONFIRMED,), _REPEAT, "The partner repeats what it said."),
    Ruling(
        Says.DUPLICATE,
        (),
        _open(BreakKind.DUPLICATE_REJECTION),
        "An earlier attempt may stand credited: no refund, no retry, a person asks the partner.",
    ),
)

_CONFIRMATIONS: Final = (
    Ruling(
        Says.CONFIRMS,
        (Named.PART_WITHOUT_QUANTITY,),
        _open(BreakKind.UNKNOWN_QUANTITY),
        "How much was credited is for the partner to say.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Named.FEE_WITHOUT_QUANTITY,),
        _open(BreakKind.UNKNOWN_QUANTITY),
        "Of how much it was taken off is for the partner to say.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Known.CONFIRMED, Named.FAR_MORE),
        _open(BreakKind.OVER_CREDIT),
        "More than was asked for is not ours to book.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Known.CREDITED, Known.SAME_QUANTITY),
        _REPEAT,
        "Nothing new is said; with a changed member it is a correction all the same.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Known.CONFIRMED, Known.SAME_QUANTITY, Known.SAME_CODE),
        _REPEAT,
        "It is the old confirmation once more, from before the credit came back.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.FAILED,),
        _open(BreakKind.CONFIRMED_AFTER_FAILURE),
        "The member has both; two people decide who bears it.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Known.REJECTED_HERE,),
        _open(BreakKind.CONTRADICTION),
        "Neither is believed blindly.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.NEWER_AWAITED,),
        _open(BreakKind.POSSIBLE_DOUBLE_CREDIT),
        "Both attempts may be credited: the later one has to be called back.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.NEWER_IN_BATCH,),
        _open(BreakKind.POSSIBLE_DOUBLE_CREDIT),
        "Its file may leave at any moment: the later attempt has to be called back.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.CONFIRMED, Known.NOT_CREDITED),
        _open(BreakKind.DOUBLE_CREDIT),
        "It was credited twice; one of both has to come back.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.CONFIRMED,),
        _open(BreakKind.QUANTITY_MISMATCH),
        "The partner named another quantity before.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Known.RETURNED,),
        _open(BreakKind.RETURN_REVERSED),
        "The return is said to be void; nothing has been given back yet, and a person decides.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.REJECTED, Known.REFUSED),
        _open(BreakKind.CONTRADICTION),
        "Neither is believed blindly.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.REJECTED,),
        _open(BreakKind.LATE_ANSWER),
        "Silence was read as a rejection, and a person is at work on it already.",
    ),
)

# What can still be confirmed: by how much?
_QUANTITIES: Final = (
    Ruling(
        Says.CONFIRMS,
        (Stands.OPEN, Named.NOTHING),
        _open(BreakKind.QUANTITY_MISMATCH),
        "A confirmation of nothing is none.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.OPEN, Named.FAR_MORE),
        Becomes(Trigger.CONFIRM, kind=BreakKind.OVER_CREDIT),
        "What was asked for is credited; the rest is for a person to call back.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.OPEN, Named.LITTLE_LESS),
        Becomes(Trigger.CONFIRM, first=Trigger.ADJUST),
        "So small a difference is let be, and booked as a variance.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.OPEN, Named.LESS, Agreed.REVIEW),
        _open(BreakKind.QUANTITY_MISMATCH),
        "A person decides what becomes of the remainder.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.OPEN, Named.LESS, Agreed.RELEASE),
        Becomes(Trigger.CONFIRM, first=Trigger.RELEASE),
        "The part stands, the remainder is the member's again.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.OPEN, Named.LESS, Agreed.RESUBMIT),
        Becomes(Trigger.CONFIRM, first=Trigger.RELEASE, resubmits=True),
        "The part stands, the remainder goes out again as a redemption linked to it.",
    ),
    Ruling(
        Says.CONFIRMS,
        (Stands.OPEN,),
        _take(Trigger.CONFIRM),
        "It is credited; a retry that still waits is taken back.",
    ),
)

_REJECTIONS: Final = (
    Ruling(
        Says.REJECTS,
        (Stands.CONFIRMED, Known.BY_SILENCE, Known.TOO_LATE),
        _open(BreakKind.RETURN_AFTER_WINDOW),
        "Longer than that the partner may not take a credit back.",
    ),
    Ruling(
        Says.REJECTS,
        (Stands.CONFIRMED, Known.BY_SILENCE),
        _take(Trigger.RETURN),
        "Nobody had confirmed it: the value is held again, and the policy decides.",
    ),
    Ruling(Says.REJECTS, (Known.REJECTED,), _REPEAT, "Nothing new is said."),
    Ruling(
        Says.REJECTS,
        (Known.RETURNED,),
        _REPEAT,
        "It says in other words that the credit came back.",
    ),
    Ruling(
        Says.REJECTS,
        (Known.CONFIRMED,),
        _open(BreakKind.CONTRADICTION),
        "Neither is believed blindly.",
    ),
    Ruling(
        Says.REJECTS,
        (Stands.OLDER,),
        _REPEAT,
        "The attempt had been given up: the later one is not touched by it.",
    ),
    Ruling(
        Says.REJECTS,
        (Stands.AWAITED,),
        _take(Trigger.REJECT),
        "The value stays held, and the policy of the code decides.",
    ),
    Ruling(
        Says.REJECTS,
        (),
        _open(BreakKind.LATE_ANSWER),
        "Nothing of ours asks for it any more.",
    ),
)

_RETURNS: Final = (
    Ruling(
        Says.RETURNS,
        (Stands.AWAITED, Named.OTHER_QUANTITY),
        _open(BreakKind.QUANTITY_MISMATCH),
        "What came back is not what was sent, and nobody has confirmed anything.",
    ),
    Ruling(
        Says.RETURNS,
        (Stands.AWAITED,),
        _take(Trigger.REJECT),
        "The money is back before anything was said of it: that is a rejection.",
    ),
    Ruling(
        Says.RETURNS,
        (Known.SAME_RETURN,),
        _REPEAT,
        "Nothing new is said: two returns of one quantity are one.",
    ),
    Ruling(
        Says.RETURNS,
        (Stands.CONFIRMED, Known.BORNE),
        _open(BreakKind.LATE_ANSWER),
        "The member has the value already: what comes back is ours, and a person books it.",
    ),
    Ruling(
        Says.RETURNS,
        (Stands.CONFIRMED, Known.CONFIRMED, Known.TOO_LATE),
        _open(BreakKind.RETURN_AFTER_WINDOW),
        "Longer than that the partner may not take a credit back.",
    ),
    Ruling(
        Says.RETURNS,
        (Stands.CONFIRMED, Known.CREDITED, Named.ALL_FULFILLED),
        _take(Trigger.RETURN),
        "The value is held again, and the policy of the code decides.",
    ),
    Ruling(
        Says.RETURNS,
        (Stands.CONFIRMED, Known.CREDITED, Named.PART_FULFILLED),
        _take(Trigger.RETURN_PART),
        "That part is the member's again; all parts together are no more than was credited.",
    ),
    Ruling(
        Says.RETURNS,
        (Stands.CONFIRMED, Known.CONFIRMED),
        _open(BreakKind.QUANTITY_MISMATCH),
        "No more can come back than is credited still.",
    ),
    Ruling(
        Says.RETURNS,
        (Known.REJECTED,),
        _REPEAT,
        "The money comes back for what was rejected.",
    ),
    Ruling(
        Says.RETURNS,
        (),
        _open(BreakKind.LATE_ANSWER),
        "Nothing of ours asks for it any more.",
    ),
)

RULINGS: Final = (
    *_ANYTHING,
    *_INTERIM,
    *_DUPLICATES,
    *_CONFIRMATIONS,
    *_QUANTITIES,
    *_REJECTIONS,
    *_RETURNS,
)
