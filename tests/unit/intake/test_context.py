"""The lines around a place in a file."""

from __future__ import annotations

import io

from handback.formats.compiling import compile_layout
from handback.intake.context import Line, lines_around, records_around


def around(content: bytes, line: int) -> list[tuple[int, bytes]]:
    return [(one.number, one.content) for one in lines_around(io.BytesIO(content), line)]


def test_two_lines_before_and_two_after() -> None:
    content = b"".join(b"%d\r\n" % number for number in range(1, 10))
    assert around(content, 5) == [(3, b"3"), (4, b"4"), (5, b"5"), (6, b"6"), (7, b"7")]
    assert around(content, 1) == [(1, b"1"), (2, b"2"), (3, b"3")]
    assert around(content, 9) == [(7, b"7"), (8, b"8"), (9, b"9")]
    assert around(content, 12) == []


def test_a_last_line_needs_no_end_and_bytes_stay_bytes() -> None:
    assert around(b"a\n\xff\x00", 2) == [(1, b"a"), (2, b"\xff\x00")]
    assert around(b"", 1) == []


def test_long_lines_are_cut_and_say_by_how_much() -> None:
    content = b"x" * 300_000 + b"\ny\n"
    long, short = lines_around(io.BytesIO(content), 1)
    assert long == Line(1, b"x" * 400, 299_600)
    assert short == Line(2, b"y", 0)


def test_records_that_run_on_are_counted_by_their_width() -> None:
    field = {"name": "reference", "at": [1, 4]}
    records = [
        {"kind": "header", "width": 2, "fields": [{"name": "sequence", "at": [1, 2]}]},
        {"kind": "detail", "tag": {"at": [1, 1], "is": "D"}, "fields": [field]},
    ]
    layout = compile_layout(
        "runs", {"framing": "fixed", "width": 4, "line_end": "none", "records": records}
    )
    content = io.BytesIO(b"07D001D002D003D004D0")
    found = [(one.number, one.content) for one in records_around(content, layout, 4)]
    assert found == [(2, b"D001"), (3, b"D002"), (4, b"D003"), (5, b"D004"), (6, b"D0")]
    first = [(one.number, one.content) for one in records_around(content, layout, 1)]
    assert first == [(1, b"07"), (2, b"D001"), (3, b"D002")]
