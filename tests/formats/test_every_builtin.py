"""What holds for every built-in format, tried on its golden files: a new one is covered by itself.

What only one format promises stands in its own test, beside these in `builtin/`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from formats.builtin.laws import outcomes, outcomes_in_any_order
from formats.partner_layouts import Reading, read
from handback.formats.builtin import builtin, golden, list_builtin
from handback.formats.findings import Severity
from handback.formats.layout import Framing, Kind, Layout
from handback.onboarding.golden import EXPECTED_SUFFIX, check_golden

MOST_CUTS = 60


def good_files() -> Iterator[tuple[str, str]]:
    """Each built-in format with those of its golden files that are not quarantined."""
    for name in list_builtin():
        for path in sorted(golden(name).iterdir(), key=lambda one: one.name):
            if path.name.endswith(EXPECTED_SUFFIX):
                continue
            if read(builtin(name).layout, path.read_bytes()).facts.worst is not Severity.QUARANTINE:
                yield name, path.name


FILES = list(good_files())
every_good_file = pytest.mark.parametrize(("name", "file"), FILES, ids=["/".join(f) for f in FILES])


def opened(name: str, file: str) -> tuple[Layout, bytes, Reading]:
    """A layout, one of its golden files, and what it reads there."""
    layout, content = builtin(name).layout, golden(name).joinpath(file).read_bytes()
    return layout, content, read(layout, content)


def places(reading: Reading) -> list[tuple[object, ...]]:
    """The findings, without the lines they stand on."""
    return reading.findings.select("ordinal", "field", "code", "severity").rows()


@pytest.mark.parametrize("name", list_builtin())
def test_golden_files_decode_to_what_lies_beside_them(name: str) -> None:
    results = check_golden(name)
    assert {one.file_name: one.differences for one in results if one.differences} == {}
    assert {name for name, _ in FILES} >= {name}, "no golden file is good"


@every_good_file
def test_a_file_cut_anywhere_is_not_complete(name: str, file: str) -> None:
    layout, content, _ = opened(name, file)
    if not closes(layout):
        pytest.skip("nothing in this layout tells the end of a file")
    # A closing line end, and blanks before it, may be missing.
    whole = len(content.rstrip(b"\r\n\x1a")) if layout.framing is Framing.DELIMITED else 0
    whole = whole or len(content.rstrip())
    lengths = range(whole) if whole <= MOST_CUTS else some_lengths(whole)
    for length in lengths:
        if lacks_filling_alone(layout, content, length):
            continue
        reading = read(layout, content[:length])
        assert reading.facts.worst is Severity.QUARANTINE, length


def lacks_filling_alone(layout: Layout, content: bytes, length: int) -> bool:
    """Are all records there, and none of the lines that fill up the last block?"""
    if not layout.block:
        return False
    records = len(content.partition(layout.filler.encode() * layout.width)[0])
    return length in (records - 1, records)


def closes(layout: Layout) -> bool:
    """Does a file under this layout tell where it ends?"""
    return layout.has_required_control or layout.framing in (Framing.XML, Framing.JSON)


def some_lengths(whole: int) -> list[int]:
    """Lengths all over a file, the last ones among them."""
    dice = random.Random(whole)
    return sorted({*dice.sample(range(whole), MOST_CUTS), *range(whole - 20, whole)})


@every_good_file
def test_line_ends_and_blanks_mean_nothing(name: str, file: str) -> None:
    layout, content, plain = opened(name, file)
    for dress, other in dressed(layout, content).items():
        reading = read(layout, other)
        assert outcomes(reading) == outcomes(plain), dress
        assert places(reading) == places(plain), dress


def dressed(layout: Layout, content: bytes) -> dict[str, bytes]:
    """The same lines as other systems would have sent them."""
    lines = content.splitlines()
    if len(lines) < 2 or not layout.line_end:
        return {}
    last = content[len(content.rstrip(b"\r\n")) :]
    dresses = {
        "lf": b"\n".join(lines) + last[-1:],
        "crlf": b"\r\n".join(lines) + last,
        "blank lines": b"\n\n".join(lines) + last,
    }
    if layout.framing is not Framing.XML:
        dresses["cr"] = b"\r".join(lines) + (b"\r" if last else b"")
    if layout.encoding == "utf-8":
        dresses["byte order mark"] = b"\xef\xbb\xbf" + content
    if layout.framing is Framing.FIXED:
        dresses["blanks behind"] = b"\n".join(line + b"  " for line in lines) + last[-1:]
    return dresses


@every_good_file
def test_details_may_come_in_any_order(name: str, file: str) -> None:
    """Details of one run, each with what belongs to it, change places."""
    layout, content, plain = opened(name, file)
    runs = list(runs_of_details(layout, content, plain))
    if not any(len(run) > 1 for run in runs):
        pytest.skip("no two details of one record stand beside each other")
    lines = content.splitlines(keepends=True)
    dice = random.Random(7)
    for run in runs:
        there = [lines[at] for at in run]
        dice.shuffle(there)
        for at, line in zip(run, there, strict=True):
            lines[at] = line
    assert outcomes_in_any_order(read(layout, b"".join(lines))) == outcomes_in_any_order(plain)


def runs_of_details(layout: Layout, content: bytes, plain: Reading) -> Iterator[list[int]]:
    """Details beside each other that are one line each, by the numbers of their lines from 0."""
    has_more = any(layout.of(Kind.ADDENDA)) or layout.framing.is_tree or layout.continues
    ends = [line.endswith(b"\n") for line in content.splitlines(keepends=True)]
    if has_more or plain.findings.height:
        return
    numbers = [line - 1 for line in plain.details["line"] if ends[line - 1]]
    for _, run in itertools.groupby(enumerate(numbers), key=lambda one: one[1] - one[0]):
        yield [number for _, number in run]
