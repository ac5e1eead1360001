"""Bad bytes become findings with a place and a code, never exceptions, and never look complete."""

from __future__ import annotations

import io
import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.partner_layouts import BATCHED, DELIMITED, FIXED, NAMED, Reading, layout_of, read
from formats.test_decode import DELIMITED_FILE, FIXED_FILE, batched_file
from formats.test_encodings import LINES
from formats.test_json_and_sheets import ANSWERS, ROWS
from formats.test_xml import STATUS_REPORT
from handback.formats import lines
from handback.formats.decode import decode
from handback.formats.findings import FindingCode, Severity
from handback.formats.layout import Layout

ALL_LAYOUTS = [layout_of(document) for document in (DELIMITED, FIXED, NAMED, BATCHED)]


def places(reading: Reading) -> list[tuple[int, int, str, str, int]]:
    """Ordinal, line, field, code and severity of every finding."""
    return reading.findings.select("ordinal", "line", "field", "code", "severity").rows()


ONE_ROW = [
    (b"D,A1,0000,1x,", (1, 2, "quantity", "bad_integer", 2)),
    (b"D,A1,0000,1.0,", (1, 2, "quantity", "bad_integer", 2)),
    (b"D,A1,0000,1234567890123456789,", (1, 2, "quantity", "bad_integer", 2)),
    (b"D,,0000,1,", (1, 2, "reference", "field_missing", 2)),
    (b"D,   ,0000,1,", (1, 2, "reference", "field_missing", 2)),
    (b"D,A1,0000,1", (1, 2, "", "cell_count", 2)),
    (b"D,A1,0000,1,,", (1, 2, "", "cell_count", 2)),
    (b"D", (1, 2, "", "cell_count", 2)),
    (b"X,A1,0000,1,", (1, 2, "", "unknown_record", 2)),
    (b"hello", (1, 2, "", "unknown_record", 2)),
    (b"D,A1,0000,1,\xff", (1, 2, "", "undecodable", 2)),
    (b'D,A1,0000,1,5" pipe', (1, 2, "", "bad_quoting", 2)),
    (b'D,A1,0000,1,"a"b', (1, 2, "", "bad_quoting", 2)),
    (b"D," + b"A" * 70_000 + b",0000,1,", (1, 2, "", "line_too_long", 2)),
]


@pytest.mark.parametrize(("row", "finding"), ONE_ROW)
def test_a_bad_record_is_rejected_alone(row: bytes, finding: tuple[object, ...]) -> None:
    content = b"H,7,20260105\n" + row + b"\nD,A2,0000,0,\nT,2,0\n"
    reading = read(layout_of(DELIMITED), content)
    assert finding in places(reading)
    assert reading.details["reference"].to_list() == ["A2"]
    assert reading.details["ordinal"].to_list() == [2]
    raw = reading.findings.filter(ordinal=1)["raw"].item()
    assert raw.startswith(row.decode(errors="replace")[:20])


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ("DTA1                  0000000000015x", (1, 2, "quantity", "bad_integer", 2)),
        ("DTA1                  000000000001", (1, 2, "", "short_record", 2)),
        ("DTA1".ljust(60) + "x", (1, 2, "", "long_record", 2)),
        ("D", (1, 2, "", "unknown_record", 2)),
    ],
)
def test_a_bad_fixed_record_is_rejected_alone(row: str, finding: tuple[object, ...]) -> None:
    content = FIXED_FILE.split(b"\n")
    content[1] = row.encode()
    reading = read(layout_of(FIXED), b"\n".join(content))
    assert finding in places(reading)
    assert reading.details["reference"].to_list() == ["A2"]


@pytest.mark.parametrize(
    ("document", "content", "place"),
    [
        (DELIMITED, b"H,7,20260105\nD,A1,0000,1,M\xff\xff\nT,1,1\n", (2, 14)),
        (FIXED, b"HD000007260105".ljust(60) + b"\nDTA1   \xff\n", (2, 8)),
        (ROWS, b'{"ref": "A", "outcome": "1"}\n{"ref": "\xff", "outcome": "1"}\n', (2, 10)),
        (ANSWERS, b'{"count": 1,\n "file": {"number": "\xff"}}', (2, 22)),
        (STATUS_REPORT, b"<Document>\n<a>\xff</a></Document>", (2, 4)),
        (LINES.format(encoding="ascii"), b"R1|1|x\nR2|2|\xe9\n", (2, 6)),
    ],
)
def test_a_byte_that_is_no_character_has_its_place(
    document: str, content: bytes, place: tuple[int, int]
) -> None:
    found = read(layout_of(document), content).findings
    line, column = place
    told = found.filter(pl.col("message").str.ends_with(f", column {column}"))
    assert told["line"].to_list() == [line], found.rows()


def test_a_stray_quote_never_swallows_its_neighbours() -> None:
    rows = [f"D,A{n},0000,1," for n in range(1, 9)]
    rows[2] = 'D,A3,0000,1,"open'
    rows[5] = 'D,A6,0000,1,5" pipe'
    content = "\n".join(["H,7,20260105", *rows, "T,8,8", ""]).encode()
    reading = read(layout_of(DELIMITED), content)
    assert reading.details["reference"].to_list() == ["A1", "A2", "A4", "A5", "A7", "A8"]
    assert reading.codes.count(FindingCode.BAD_QUOTING) == 2


FILE_LEVEL = [
    (DELIMITED_FILE.replace(b"T,2,150\n", b""), "control_missing"),
    (DELIMITED_FILE.replace(b"H,7,20260105\n", b""), "header_missing"),
    (DELIMITED_FILE.replace(b"T,2,150", b"T,3,150"), "count_mismatch"),
    (DELIMITED_FILE.replace(b"T,2,150", b"T,2,151"), "sum_mismatch"),
    (DELIMITED_FILE.replace(b"T,2,150", b"T,,150"), "count_mismatch"),
    (DELIMITED_FILE.replace(b"20260105", b"2026105"), "bad_date"),
    (DELIMITED_FILE.replace(b"20260105", b"20260230"), "bad_date"),
    (DELIMITED_FILE.replace(b"H,7", b"H,seven"), "bad_integer"),
    (DELIMITED_FILE + b"D,A3,0000,0,\n", "record_after_control"),
    (DELIMITED_FILE + DELIMITED_FILE, "record_after_control"),
    (DELIMITED_FILE + b"T,2,150\n", "control_repeated"),
    (b"H,7,20260105\n" + DELIMITED_FILE, "header_repeated"),
    (b"D,A0,0000,0,\n" + DELIMITED_FILE.replace(b"T,2", b"T,3"), "header_misplaced"),
    (b"", "empty_file"),
    (b"\n\n  \n", "empty_file"),
    (b"\x1a", "empty_file"),
    (b"PK\x03\x04" + DELIMITED_FILE, "not_text"),
    (b"{\\rtf1 " + DELIMITED_FILE, "not_text"),
    (DELIMITED_FILE.decode().encode("utf-16"), "not_text"),
    (bytes(range(256)) * 8, "not_text"),
]


@pytest.mark.parametrize(("content", "code"), FILE_LEVEL)
def test_trouble_of_the_whole_file_is_told(content: bytes, code: str) -> None:
    reading = read(layout_of(DELIMITED), content)
    assert code in reading.codes
    assert reading.facts.worst is Severity.QUARANTINE


def test_a_sum_with_an_unreadable_value_is_not_blamed() -> None:
    content = DELIMITED_FILE.replace(b"D,A2,0099,,", b"D,A2,0099,1O,").replace(b",150\n", b",160\n")
    reading = read(layout_of(DELIMITED), content)
    assert reading.codes.count(FindingCode.SUM_UNVERIFIED) == 1
    assert reading.facts.worst is Severity.REJECT


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ("Reference;Status", "column_missing"),
        ("Reference;Ref;Status;Miles", "column_repeated"),
        ("", "empty_file"),
    ],
)
def test_column_names_that_do_not_fit(names: str, code: str) -> None:
    reading = read(layout_of(NAMED), f"{names}\nA1;0000;1\n".encode() if names else b"")
    assert reading.codes == [code]
    assert reading.facts.worst is Severity.QUARANTINE


def batched_without(*numbers: int) -> bytes:
    """The batched file without some of its lines, counted from 0."""
    kept = [
        line for number, line in enumerate(batched_file().splitlines()) if number not in numbers
    ]
    return b"\n".join(kept) + b"\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (batched_without(2), "addenda_missing"),
        (batched_without(5), "addenda_orphan"),
        (
            batched_file().replace(b"7R01REF-1", b"7R01REF-1 ".ljust(40) + b"\n7R01REF-1"),
            "addenda_repeated",
        ),
        (batched_without(0), "batch_header_missing"),
        (batched_without(3), "batch_control_missing"),
        (batched_without(9), "batch_control_missing"),
        (batched_file().replace(b"8000004", b"8000005"), "count_mismatch"),
        (batched_file().replace(b"0199999997", b"0199999996"), "sum_mismatch"),
        (batched_file().replace(b"9000002", b"9000003"), "count_mismatch"),
        (batched_file().replace(b"0212345675", b"0212345676"), "sum_mismatch"),
    ],
)
@pytest.mark.parametrize("chunk_records", [1, 3, 50_000])
def test_batches_must_be_whole(content: bytes, code: str, chunk_records: int) -> None:
    reading = read(layout_of(BATCHED), content, chunk_records=chunk_records)
    assert code in reading.codes


@pytest.mark.parametrize(
    ("document", "content"),
    [
        (DELIMITED, DELIMITED_FILE),
        (DELIMITED, DELIMITED_FILE.replace(b"\n", b"\r\n")),
        (FIXED, FIXED_FILE),
        (BATCHED, batched_file().removesuffix(b"99" * 20 + b"\n")),
    ],
)
def test_a_file_cut_anywhere_never_looks_complete(document: str, content: bytes) -> None:
    layout = layout_of(document)
    for length in range(len(content.rstrip(b"\r\n"))):
        assert read(layout, content[:length]).facts.worst is Severity.QUARANTINE, length
    assert read(layout, content.rstrip(b"\r\n")).facts.worst is None


def test_a_control_that_could_have_lost_its_end_is_not_believed() -> None:
    document = DELIMITED.replace(
        'sum = "quantity" },\n]', 'sum = "quantity" },\n  { name = "partner", at = 4 },\n]'
    )
    layout = layout_of(document)
    whole = DELIMITED_FILE.replace(b"T,2,150", b"T,2,150,SKYWAYS")
    assert read(layout, whole).facts.worst is None
    for length in range(len(whole)):
        assert read(layout, whole[:length]).facts.worst is Severity.QUARANTINE, length


def test_decimals_of_a_control_that_could_be_missing_are_missed() -> None:
    document = DELIMITED.replace('"integer", sum', '"decimal", scale = 2, sum')
    document = document.replace('at = 4, type = "integer"', 'at = 4, type = "decimal", scale = 2')
    whole = DELIMITED_FILE.replace(b"150", b"150.00")
    layout = layout_of(document)
    assert read(layout, whole).facts.worst is None
    for length in range(len(whole)):
        assert read(layout, whole[:length]).facts.worst is Severity.QUARANTINE, length


@settings(deadline=None)
@given(st.sampled_from(ALL_LAYOUTS), st.binary(max_size=400), st.sampled_from([1, 3, 50_000]))
def test_any_bytes_give_a_result(layout: Layout, content: bytes, chunk_records: int) -> None:
    read(layout, content, chunk_records=chunk_records)


PIECES = (
    *(bytes([byte]) for byte in b'HDT56789,;"\n\r \xff\xc3\x1a\x00'),
    *b"\r\n A1 0000 -1 999999999999999999 20260105 DT 6123456780000000100000001 7R01REF-1".split(
        b" "
    ),
    b"Reference;Status;Miles\n",
)


@settings(deadline=None)
@given(
    layout=st.sampled_from(ALL_LAYOUTS),
    pieces=st.lists(st.sampled_from(PIECES), max_size=60),
    chunk_records=st.sampled_from([1, 2, 50_000]),
)
def test_any_mixture_of_plausible_pieces_gives_a_result(
    layout: Layout, pieces: list[bytes], chunk_records: int
) -> None:
    read(layout, b"".join(pieces), chunk_records=chunk_records)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 6))
def test_a_good_file_with_some_bytes_changed_gives_a_result(seed: int, changes: int) -> None:
    dice = random.Random(seed)
    for document, content in ((DELIMITED, DELIMITED_FILE), (BATCHED, batched_file())):
        changed = bytearray(content)
        for _ in range(changes):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        read(layout_of(document), bytes(changed))


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most three bytes."""
        return self._content.read(min(size, 3))


def test_small_reads_and_small_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = b"".join(b'D,A%d,0000,1,"x\ny"\n' % n for n in range(200))
    content = b"H,7,20260105\n" + rows + b"T,200,200\n"
    layout = layout_of(DELIMITED)
    whole = read(layout, content)
    assert whole.findings.is_empty() and whole.facts.records == 200
    monkeypatch.setattr(lines, "BLOCK_BYTES", 64)
    pieces = read(layout, content)
    assert pieces.chunks > 10
    assert pieces.details.equals(whole.details)
    trickled = [chunk.details for chunk in decode(layout, None, Trickle(content))]
    assert sum(frame.height for frame in trickled) == 200


def test_an_endless_line_costs_neither_memory_nor_its_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 300_000)
    content = DELIMITED_FILE.replace(b"M-1", b"M" * 2_000_000)
    reading = read(layout_of(DELIMITED), content)
    assert reading.details["reference"].to_list() == ["A2"]
    assert FindingCode.LINE_TOO_LONG in reading.codes
    assert reading.findings["raw"].str.len_chars().max() <= 400


def test_a_line_of_tabs_is_a_record_where_tabs_part_cells() -> None:
    document = NAMED.replace('";"', '"\\t"')
    reading = read(layout_of(document), b"Reference\tStatus\tMiles\nA\t0\t1\n\t\t\n \nB\t0\t2\n")
    assert reading.facts.records == 3
