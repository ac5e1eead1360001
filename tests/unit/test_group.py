"""Group commit: who shares a commit with whom, and what each of them is told."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import Future

import pytest

from handback.errors import HandbackError, LimitReached, NotFound, ShuttingDown, StoreUnavailable
from handback.journal.group import MAX_GROUP, MAX_WAITING, GroupCommit

Caller = Future[str]


class Line:
    """A line of callers whose commits wait for a gate; it refuses some words, falls over one."""

    def __init__(self) -> None:
        self.groups: list[tuple[Hashable, list[str]]] = []
        self.deliveries: list[int] = []
        self.begun, self.gate = threading.Event(), threading.Event()
        self.commit: GroupCommit[str, Caller, str] = GroupCommit(self._run, self._deliver)

    def ask(self, key: Hashable, word: str) -> Caller:
        """The caller that stands for a word."""
        caller: Caller = Future()
        self.commit.submit(key, word, caller)
        return caller

    def ask_behind_a_commit(self, *asked: tuple[Hashable, str]) -> list[Caller]:
        """Callers that gather while the commit of another one runs; then all are let through."""
        first = self.ask("first", "first")
        assert self.begun.wait(30)
        callers = [self.ask(key, word) for key, word in asked]
        self.gate.set()
        assert first.result(30) == "FIRST"
        return callers

    def _run(self, key: Hashable, words: Sequence[str]) -> Sequence[str | HandbackError]:
        self.begun.set()
        assert self.gate.wait(30)
        self.groups.append((key, list(words)))
        if "bug" in words:
            raise RuntimeError("bug")
        if "outage" in words:
            raise StoreUnavailable(cause="test")
        return [NotFound(kind="word", id=one) if one == "unknown" else one.upper() for one in words]

    def _deliver(self, answers: Sequence[tuple[Caller, str | BaseException]]) -> None:
        self.deliveries.append(len(answers))
        for caller, answer in answers:
            if isinstance(answer, BaseException):
                caller.set_exception(answer)
            else:
                caller.set_result(answer)


@pytest.fixture
def line() -> Iterator[Line]:
    """An empty line, closed at the end."""
    opened = Line()
    yield opened
    opened.gate.set()
    opened.commit.close()


def test_what_gathers_during_a_commit_shares_the_next(line: Line) -> None:
    callers = line.ask_behind_a_commit(("a", "x"), ("b", "y"), ("a", "z"))
    assert [caller.result(30) for caller in callers] == ["X", "Y", "Z"]
    assert line.groups == [("first", ["first"]), ("a", ["x", "z"]), ("b", ["y"])]


def test_a_group_is_told_at_once(line: Line) -> None:
    callers = line.ask_behind_a_commit(*(("a", str(number)) for number in range(30)))
    assert [caller.result(30) for caller in callers] == [str(number) for number in range(30)]
    assert line.deliveries == [1, 30]


def test_a_group_has_a_largest_size(line: Line) -> None:
    callers = line.ask_behind_a_commit(*(("a", str(number)) for number in range(MAX_GROUP + 1)))
    assert [caller.result(30) for caller in callers][-1] == str(MAX_GROUP)
    assert [len(words) for _, words in line.groups] == [1, MAX_GROUP, 1]


def test_one_at_fault_never_fails_its_neighbours(line: Line) -> None:
    words = ("good", "unknown", "bug", "fine")
    good, unknown, bug, fine = line.ask_behind_a_commit(*(("a", word) for word in words))
    assert (good.result(30), fine.result(30)) == ("GOOD", "FINE")
    assert isinstance(unknown.exception(30), NotFound)
    assert isinstance(bug.exception(30), RuntimeError)


def test_a_store_out_of_reach_is_asked_once_for_all(line: Line) -> None:
    callers = line.ask_behind_a_commit(*(("a", word) for word in ("x", "outage", "y")))
    assert all(isinstance(caller.exception(30), StoreUnavailable) for caller in callers)
    assert [words for _, words in line.groups] == [["first"], ["x", "outage", "y"]]


def test_what_a_caller_takes_back_never_begins(line: Line) -> None:
    first = line.ask("a", "first")
    assert line.begun.wait(30)
    gone, stays = line.ask("a", "gone"), line.ask("a", "stays")
    assert gone.cancel()
    line.gate.set()
    assert (first.result(30), stays.result(30)) == ("FIRST", "STAYS")
    assert [words for _, words in line.groups] == [["first"], ["stays"]]


def test_the_line_has_a_bound(line: Line) -> None:
    line.ask("a", "first")
    assert line.begun.wait(30)
    callers = [line.ask("a", str(number)) for number in range(MAX_WAITING)]
    with pytest.raises(LimitReached):
        line.ask("a", "one too many")
    line.gate.set()
    assert callers[-1].result(30) == str(MAX_WAITING - 1)


def test_what_waits_is_finished_and_nothing_new_is_taken(line: Line) -> None:
    first, second = line.ask("a", "first"), line.ask("b", "second")
    line.gate.set()
    line.commit.close()
    assert (first.result(0), second.result(0)) == ("FIRST", "SECOND")
    with pytest.raises(ShuttingDown):
        line.ask("a", "late")
