"""Where the keys of a TOML document stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from handback.errors import Violation
from handback.partners.document import dotted, key_lines, load, placed

EXAMPLES = sorted(
    (Path(__file__).parents[3] / "server/handback_server/demo/agreements").glob("*.toml")
)

DOCUMENT = '''\
# a comment with = and [brackets]
a = 1
b.c = """first
[not.a.table]
k = 1
"""
[t] # ] x
"q.r" = [1,
  2, # , [
  { x = 1, y = [ 3,
     4] }, ["]"]
]
[[t.rows]]
n = \'\'\'#\'\'\'
[[ t . "rows" ]]
n = "\\"]"
[t.rows.sub]
day = 2026-03-02 12:00:00
[[t.rows.deep]]
z = 1
[[t.rows.deep]]
z = 2
'''


def test_every_key_table_and_element_has_its_line() -> None:
    load(DOCUMENT)
    assert key_lines(DOCUMENT) == {
        "a": 2,
        "b": 3,
        "b.c": 3,
        "t": 7,
        't."q.r"': 8,
        't."q.r"[0]': 8,
        't."q.r"[1]': 9,
        't."q.r"[2]': 10,
        't."q.r"[2].x': 10,
        't."q.r"[2].y': 10,
        't."q.r"[2].y[0]': 10,
        't."q.r"[2].y[1]': 11,
        't."q.r"[3]': 11,
        't."q.r"[3][0]': 11,
        "t.rows": 13,
        "t.rows[0]": 13,
        "t.rows[0].n": 14,
        "t.rows[1]": 15,
        "t.rows[1].n": 16,
        "t.rows[1].sub": 17,
        "t.rows[1].sub.day": 18,
        "t.rows[1].deep": 19,
        "t.rows[1].deep[0]": 19,
        "t.rows[1].deep[0].z": 20,
        "t.rows[1].deep[1]": 21,
        "t.rows[1].deep[1].z": 22,
    }


def test_line_ends_of_any_kind_count_once() -> None:
    assert key_lines(DOCUMENT.replace("\n", "\r\n")) == key_lines(DOCUMENT)


def _paths(value: object, path: tuple[str | int, ...] = ()) -> set[str]:
    """Every key and element below a value, as `dotted` names them."""
    found = {dotted(path)} if path else set()
    if isinstance(value, dict):
        return found.union(*(_paths(inner, (*path, key)) for key, inner in value.items()))
    if isinstance(value, list):
        return found.union(*(_paths(inner, (*path, n)) for n, inner in enumerate(value)))
    return found


@pytest.mark.parametrize("source", [DOCUMENT, *(path.read_text() for path in EXAMPLES)])
def test_nothing_that_the_parser_sees_is_missed(source: str) -> None:
    assert set(key_lines(source)) == _paths(load(source))


def test_a_missing_key_is_placed_at_what_is_around_it() -> None:
    mistakes = [
        Violation("t.rows[1].deep[1].z.none[3]", "e"),
        Violation('t."q.r"[7]', "c"),
        Violation("nowhere", "a"),
        Violation("a", "b"),
    ]
    assert placed(mistakes, DOCUMENT) == [
        Violation("nowhere", "a"),
        Violation("a", "b (line 2)"),
        Violation('t."q.r"[7]', "c (line 8)"),
        Violation("t.rows[1].deep[1].z.none[3]", "e (line 22)"),
    ]
