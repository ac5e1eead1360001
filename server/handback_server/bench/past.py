"""Redemptions of the past: in batches, with the steps that each of a batch has taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from handback.journal.commit import CauseKind
from handback.lifecycle.table import Account, State, Trigger
from handback.partners.codes import ReasonClass

# Callers that come at once share a block; payouts and hand-back files go chunk by chunk.
_TOGETHER: Final = 50
_CHUNK: Final = 50_000
PER_BREAK: Final = 1_000


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose redemptions they are, and the version of the agreement."""

    programme_id: int
    partner_id: int
    unit_id: int
    agreement_version: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One payout batch on its way to `state`: where its ids begin, and when it was submitted.

    The ids of its redemptions, blocks and breaks from these on are free; `block_id` minus
    `position` is the same for all its blocks.
    """

    owner: Owner
    state: State
    first: int
    count: int
    sequence: int
    batch_id: int
    file_id: int
    break_id: int
    block_id: int
    position: int
    submitted_at: datetime

    @property
    def steps(self) -> Sequence[Step]:
        """The steps that its redemptions have taken."""
        taken = next(n for n, step in enumerate(STEPS, start=1) if step.to_state is self.state)
        return STEPS[:taken]

    @property
    def blocks(self) -> int:
        """How many blocks it takes."""
        return sum(self.blocks_of(step) for step in self.steps)

    @property
    def breaks(self) -> int:
        """How many of its redemptions had a break; every fifth of these is still open."""
        return self.count // PER_BREAK if self.state is State.CONFIRMED else 0

    def blocks_of(self, step: Step) -> int:
        """How many blocks one step of all its redemptions takes."""
        return -(-self.count // step.together)

    def blocks_before(self, step: Step) -> int:
        """How many of its blocks come before those of a step."""
        return sum(self.blocks_of(earlier) for earlier in STEPS[: STEPS.index(step)])


@dataclass(frozen=True, slots=True)
class Step:
    """One event in the life of each redemption, `after` its submission.

    So many as stand in `together` share a block. What is `posted` goes from the first account to
    the second.
    """

    trigger: Trigger
    from_state: State
    to_state: State
    cause_kind: CauseKind
    together: int
    after: timedelta
    reason_class: ReasonClass = ReasonClass.NONE
    posted: tuple[Account, Account] | None = None


STEPS: Final = (
    Step(
        Trigger.SUBMIT,
        State.NONE,
        State.SUBMITTED,
        CauseKind.COMMAND,
        _TOGETHER,
        timedelta(0),
        posted=(Account.MEMBER, Account.HELD),
    ),
    Step(
        Trigger.DISPATCH,
        State.SUBMITTED,
        State.AWAITING_HANDBACK,
        CauseKind.PAYOUT_BATCH,
        _CHUNK,
        timedelta(hours=12),
    ),
    Step(
        Trigger.CONFIRM,
        State.AWAITING_HANDBACK,
        State.CONFIRMED,
        CauseKind.HANDBACK_FILE,
        _CHUNK,
        timedelta(hours=20),
        ReasonClass.OK,
        (Account.HELD, Account.FULFILLED),
    ),
)
