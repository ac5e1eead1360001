"""Deciding again: what was decided on a state that moved meanwhile is rolled back and redone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from handback.errors import VersionConflict

Answer = TypeVar("Answer")

# Each try reads afresh; losing so often in a row means that something else is wrong.
_TRIES = 5


def decide_again(step: Callable[[], Answer]) -> Answer:
    """Run a step that reads, decides and writes in one transaction until nobody interfered.

    A key that another process inserted first counts as interference. Raises VersionConflict where
    it never stops.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            return step()
        except VersionConflict:
            if not tries_left:
                raise
    raise AssertionError("the last try returns or raises")
