"""Group commit: who shares a commit with whom, and what each of them is told."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from concurrent.futures import Future

import pytest

from handback.errors import HandbackError, LimitReached, NotFound, StoreUnavailable
from handback.journal.group import MAX_GROUP, MAX_WAITING, Line, run_group

Caller = Future[str]


def joined(*asked: tuple[Hashable, str]) -> Line[str, Caller]:
    """A line in which these wait."""
    line: Line[str, Caller] = Line()
    for key, word in asked:
        line.join(key, word, Future())
    return line


def groups(line: Line[str, Caller]) -> list[list[str]]:
    """The commands of each group, until nothing waits."""
    taken = []
    while group := line.take_group():
        assert len({entry.key for entry in group}) == 1
        taken.append([entry.command for entry in group])
    return taken


def test_a_group_shares_its_key_and_begins_with_who_waits_longest() -> None:
    line = joined(("a", "v"), ("b", "w"), ("a", "x"), ("c", "y"), ("b", "z"))
    assert groups(line) == [["v", "x"], ["w", "z"], ["y"]]


def test_a_group_has_a_largest_size() -> None:
    line = joined(*(("a", str(number)) for number in range(MAX_GROUP)), ("b", "y"), ("a", "z"))
    assert groups(line)[1:] == [["y"], ["z"]]


def test_what_a_caller_takes_back_never_begins() -> None:
    line = joined(("a", "x"))
    gone: Caller = Future()
    line.join("a", "gone", gone)
    line.join("a", "y", Future())
    assert gone.cancel()
    assert groups(line) == [["x", "y"]]


def test_the_line_has_a_bound() -> None:
    line = joined(*(("a", str(number)) for number in range(MAX_WAITING)))
    with pytest.raises(LimitReached):
        line.join("b", "one too many", Future())
    line.take_group()
    line.join("b", "the next", Future())


class Commits:
    """Answers in capitals; refuses some words, and falls over others."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []

    def __call__(self, _: Hashable, words: Sequence[str]) -> Sequence[str | HandbackError]:
        self.groups.append(list(words))
        if "bug" in words:
            raise RuntimeError("bug")
        if "outage" in words:
            raise StoreUnavailable(cause="test")
        return [NotFound(kind="word", id=one) if one == "unknown" else one.upper() for one in words]


def test_one_at_fault_never_fails_its_neighbours() -> None:
    commits = Commits()
    good, unknown, bug, fine = run_group(commits, "a", ["good", "unknown", "bug", "fine"])
    assert (good, fine) == ("GOOD", "FINE")
    assert isinstance(unknown, NotFound)
    assert isinstance(bug, RuntimeError)
    assert commits.groups[1:] == [["good"], ["unknown"], ["bug"], ["fine"]]


def test_a_store_out_of_reach_is_asked_once_for_all() -> None:
    commits = Commits()
    answers = run_group(commits, "a", ["x", "outage", "y"])
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert len(answers) == 3
    assert len(commits.groups) == 1
