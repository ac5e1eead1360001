"""Group commit: what concurrent callers ask for while one commit runs shares the next.

Each caller gets its own outcome, after the commit. The group is as large as what has gathered, so
a lone caller never waits for company.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from handback.errors import HandbackError, LimitReached, ShuttingDown, StoreUnavailable

Command = TypeVar("Command")
Answer = TypeVar("Answer")

# One command costs the database a few rows; a hundred of them still commit in milliseconds.
MAX_GROUP = 128
MAX_WAITING = 4_096


class GroupCommit(Generic[Command, Answer]):
    """Runs commands in groups on one thread.

    `run` takes commands that share a key (an actor: a block has one) and returns an answer or a
    domain error for each, in order. Where it raises instead, each command is run again by itself,
    so that the one at fault cannot fail its neighbours; a store that is out of reach is no
    command's fault, and answers all of them.
    """

    def __init__(
        self,
        run: Callable[[Hashable, Sequence[Command]], Sequence[Answer | HandbackError]],
        name: str = "group-commit",
    ) -> None:
        self._run = run
        self._waiting: deque[tuple[Hashable, Command, Future[Answer]]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, key: Hashable, command: Command) -> Future[Answer]:
        """Ask for a command; the future holds its answer or error once it is committed.

        Raises LimitReached where too many wait already, ShuttingDown after `close`.
        """
        future: Future[Answer] = Future()
        with self._changed:
            if self._closed:
                raise ShuttingDown()
            if len(self._waiting) >= MAX_WAITING:
                raise LimitReached("commands waiting to be committed", retry_after_s=0.1)
            self._waiting.append((key, command, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Take nothing new, finish what waits."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while group := self._gather():
            key, commands, futures = group
            for future, answer in zip(futures, self._answers(key, commands), strict=True):
                if isinstance(answer, BaseException):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def _gather(self) -> tuple[Hashable, list[Command], list[Future[Answer]]] | None:
        """What has gathered for the key that waits longest, None once closed and empty."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if not self._waiting:
                return None
            key = self._waiting[0][0]
            taken: list[tuple[Hashable, Command, Future[Answer]]] = []
            left: deque[tuple[Hashable, Command, Future[Answer]]] = deque()
            while self._waiting:
                entry = self._waiting.popleft()
                if entry[0] != key or len(taken) == MAX_GROUP:
                    left.append(entry)
                elif entry[2].set_running_or_notify_cancel():
                    taken.append(entry)
            self._waiting = left
        return key, [command for _, command, _ in taken], [future for *_, future in taken]

    def _answers(
        self, key: Hashable, commands: Sequence[Command]
    ) -> Sequence[Answer | BaseException]:
        if not commands:
            return []
        try:
            return self._run(key, commands)
        except StoreUnavailable as failure:
            # It concerns all of them, and asking once for each would only keep the others waiting.
            return [failure] * len(commands)
        except Exception as failure:
            if len(commands) == 1:
                return [failure]
            return [answer for one in commands for answer in self._answers(key, [one])]
