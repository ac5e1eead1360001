"""What a block moves on each account that it touches: the same through every door."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from handback.lifecycle.table import STANDS

_STANDS: Final = {int(state): int(account) for state, account in STANDS.items()}

ALIKE: Final = (
    "programme_id",
    "partner_id",
    "unit_id",
    "debit",
    "credit",
    "from_state",
    "to_state",
)
"""What events have alike that post alike."""


class Total(NamedTuple):
    """What a block moves on an account, and how many redemptions more stand there after it."""

    programme_id: int
    partner_id: int
    unit_id: int
    account: int
    delta: int
    redemptions: int


def totals_of(posted: Iterable[tuple[int, ...]]) -> list[Total]:
    """The totals of a block, by account, of what its events post.

    That is a tuple for all that post alike: ALIKE, what they move together, how many they are.
    What comes to nothing is told too, so that the totals name the blocks of an account.
    """
    deltas: dict[tuple[int, ...], int] = defaultdict(int)
    standing: dict[tuple[int, ...], int] = defaultdict(int)
    for *whose, debit, credit, from_state, to_state, quantity, redemptions in posted:
        deltas[*whose, debit] -= quantity
        deltas[*whose, credit] += quantity
        standing[*whose, _STANDS[from_state]] -= redemptions
        standing[*whose, _STANDS[to_state]] += redemptions
    accounts = sorted(deltas.keys() | standing.keys())
    return [Total._make((*one, deltas.get(one, 0), standing.get(one, 0))) for one in accounts]
