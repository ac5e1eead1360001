"""Group commit: what concurrent callers ask for while one commit runs shares the next.

Each caller gets its own outcome, after the commit. The group is as large as what has gathered when
it is taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from handback.errors import HandbackError, LimitReached, StoreUnavailable

# One command costs the database a few rows; a hundred of them still commit in milliseconds.
MAX_GROUP = 128
MAX_WAITING = 4_096


class Place(Protocol):
    """A caller's place in the line; any future is one."""

    def cancelled(self) -> bool:
        """Whether the caller has gone, and what it asked for need not begin."""
        ...


Command = TypeVar("Command")
Caller = TypeVar("Caller", bound=Place)
Answer = TypeVar("Answer")

# Takes commands that share a key, gives an answer or a domain error for each, in order.
Run = Callable[[Hashable, Sequence[Command]], Sequence[Answer | HandbackError]]


class Entry(NamedTuple, Generic[Command, Caller]):
    """A command, who waits for it, and the key that it shares with others of its group."""

    key: Hashable
    command: Command
    caller: Caller


class Line(Generic[Command, Caller]):
    """Commands that wait for their commit. Belongs to one thread."""

    def __init__(self) -> None:
        self._waiting: deque[Entry[Command, Caller]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def next_key(self) -> Hashable:
        """The key that waits longest, None where nobody waits."""
        return self._waiting[0].key if self._waiting else None

    def join(self, key: Hashable, command: Command, caller: Caller) -> None:
        """Go to the end. Raises LimitReached where too many wait already."""
        if len(self._waiting) >= MAX_WAITING:
            raise LimitReached(f"{MAX_WAITING} commands waiting to be committed", retry_after_s=0.1)
        self._waiting.append(Entry(key, command, caller))

    def take_group(self) -> list[Entry[Command, Caller]]:
        """What has gathered for the key that waits longest, out of the line; perhaps nothing."""
        taken: list[Entry[Command, Caller]] = []
        left: deque[Entry[Command, Caller]] = deque()
        for entry in self._waiting:
            if entry.caller.cancelled():
                continue
            fits = len(taken) < MAX_GROUP and (not taken or entry.key == taken[0].key)
            (taken if fits else left).append(entry)
        self._waiting = left
        return taken


def run_group(
    run: Run[Command, Answer], key: Hashable, commands: Sequence[Command]
) -> Sequence[Answer | BaseException]:
    """What to tell the caller of each command.

    Where `run` raises, each command is run again by itself, so that the one at fault cannot fail
    its neighbours. A store that is out of reach is no command's fault, and answers all of them.
    """
    try:
        return run(key, commands)
    except StoreUnavailable as failure:
        # It concerns all of them, and asking once for each would only keep the others waiting.
        return [failure] * len(commands)
    except Exception as failure:
        if len(commands) == 1:
            return [failure]
        return [answer for one in commands for answer in run_group(run, key, [one])]
