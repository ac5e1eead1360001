"""Group commit: what concurrent callers ask for while one commit runs shares the next.

Each caller gets its own outcome, after the commit. The group is as large as what has gathered, so
a lone caller never waits for company.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from handback.errors import HandbackError, LimitReached, ShuttingDown, StoreUnavailable

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


class _Entry(NamedTuple, Generic[Command, Caller]):
    key: Hashable
    command: Command
    caller: Caller


class GroupCommit(Generic[Command, Caller, Answer]):
    """Runs commands in groups on one thread.

    `run` takes commands that share a key (an actor: a block has one) and returns an answer or a
    domain error for each, in order. Where it raises instead, each command is run again by itself,
    so that the one at fault cannot fail its neighbours; a store that is out of reach is no
    command's fault, and answers all of them.

    `deliver` is given the callers of a group with what each is to be told, once they are committed,
    on that thread. It must be quick: the next group waits.
    """

    def __init__(
        self,
        run: Callable[[Hashable, Sequence[Command]], Sequence[Answer | HandbackError]],
        deliver: Callable[[Sequence[tuple[Caller, Answer | BaseException]]], None],
        name: str = "group-commit",
    ) -> None:
        self._run = run
        self._deliver = deliver
        self._waiting: deque[_Entry[Command, Caller]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, key: Hashable, command: Command, caller: Caller) -> None:
        """Ask for a command; the caller is told its answer or error once it is committed.

        Raises LimitReached where too many wait already, ShuttingDown after `close`.
        """
        with self._changed:
            if self._closed:
                raise ShuttingDown()
            if len(self._waiting) >= MAX_WAITING:
                raise LimitReached("commands waiting to be committed", retry_after_s=0.1)
            self._waiting.append(_Entry(key, command, caller))
            self._changed.notify()

    def close(self) -> None:
        """Take nothing new, finish what waits."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while group := self._gather():
            answers = self._answers(group[0].key, [entry.command for entry in group])
            callers = (entry.caller for entry in group)
            self._deliver(list(zip(callers, answers, strict=True)))

    def _gather(self) -> list[_Entry[Command, Caller]]:
        """What has gathered for the key that waits longest; empty once closed and done."""
        with self._changed:
            taken: list[_Entry[Command, Caller]] = []
            while not taken:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    break
                left: deque[_Entry[Command, Caller]] = deque()
                for entry in self._waiting:
                    if entry.caller.cancelled():
                        continue
                    fits = not taken or entry.key == taken[0].key
                    (taken if fits and len(taken) < MAX_GROUP else left).append(entry)
                self._waiting = left
        return taken

    def _answers(
        self, key: Hashable, commands: Sequence[Command]
    ) -> Sequence[Answer | BaseException]:
        try:
            return self._run(key, commands)
        except StoreUnavailable as failure:
            # It concerns all of them, and asking once for each would only keep the others waiting.
            return [failure] * len(commands)
        except Exception as failure:
            if len(commands) == 1:
                return [failure]
            return [answer for one in commands for answer in self._answers(key, [one])]
