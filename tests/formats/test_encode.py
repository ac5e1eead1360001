"""Files we write: what they look like, and what is refused before a byte of them goes out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from formats.partner_layouts import DELIMITED, FIXED, NAMED, layout_of
from handback.errors import InvalidRequest
from handback.formats.encode import MAX_VIOLATIONS, Encoded, encode, unwritable
from handback.formats.layout import Layout

FACTS = {"sequence": 7, "created_on": date(2026, 1, 5)}


def rows(*details: tuple[str | None, str | None, int | None, str | None]) -> pl.DataFrame:
    """Details of reference, code, quantity and member."""
    schema = {
        "reference": pl.String,
        "code": pl.String,
        "quantity": pl.Int64,
        "member_ref": pl.String,
    }
    return pl.DataFrame(list(details), schema=schema, orient="row")


TWO = rows(("A1", "0000", 150, "M-1"), ("A2", "0099", None, None))


def write(layout: Layout, *frames: pl.DataFrame, facts: dict[str, object] | None = None) -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    encode(layout, FACTS if facts is None else facts, frames, out)
    return out.getvalue()


def refused(
    layout: Layout, *frames: pl.DataFrame, facts: dict[str, object] | None = None
) -> dict[str, str]:
    """What is refused, place by place; nothing may have been written."""
    out = io.BytesIO()
    with pytest.raises(InvalidRequest) as refusal:
        encode(layout, FACTS if facts is None else facts, frames, out)
    assert out.getvalue() == b""
    return {one.field: one.expected for one in refusal.value.violations}


def test_a_delimited_file() -> None:
    assert write(layout_of(DELIMITED), TWO) == (
        b"H,7,20260105\nD,A1,0000,150,M-1\nD,A2,0099,,\nT,2,150\n"
    )


def test_a_fixed_file() -> None:
    assert write(layout_of(FIXED), TWO).decode().split("\n") == [
        "HD000007260105".ljust(60),
        "DTA1                  00000000000150M-1".ljust(60),
        "DTA2                  0099".ljust(60),
        "TR00000002000000000000150".ljust(60),
        "",
    ]


def test_a_file_with_column_names() -> None:
    layout = layout_of(NAMED.replace('"delimited"', '"delimited"\nline_end = "crlf"'))
    assert write(layout, TWO) == b"Reference;Status;Miles\r\nA1;0000;150\r\nA2;0099;\r\n"


def test_a_file_without_details() -> None:
    assert write(layout_of(DELIMITED)) == b"H,7,20260105\nT,0,0\n"
    assert write(layout_of(DELIMITED), TWO.clear()) == b"H,7,20260105\nT,0,0\n"


def test_details_may_come_one_by_one_and_once() -> None:
    def once() -> Iterator[pl.DataFrame]:
        yield from TWO.iter_slices(1)

    out = io.BytesIO()
    encoded = encode(layout_of(DELIMITED), FACTS, once(), out)
    assert out.getvalue() == write(layout_of(DELIMITED), TWO)
    assert encoded == Encoded(2, 150, len(out.getvalue()), encoded.sha256)


def test_headers_tell_totals_before_the_details_are_known() -> None:
    document = DELIMITED.replace(
        'pattern = "YYYYMMDD" },',
        'pattern = "YYYYMMDD" },\n  { name = "n", at = 4, type = "integer", count = ["detail"] },',
    )
    assert write(layout_of(document), TWO, TWO).startswith(b"H,7,20260105,4\n")


def test_batches_are_framed_and_counted() -> None:
    document = """
    framing = "delimited"
    records = [
      { kind = "batch_header", tag = { at = 1, is = "B" }, fields = [{ name = "batch", at = 2 }] },
      { kind = "detail", tag = { at = 1, is = "D" }, fields = [
        { name = "quantity", at = 2, type = "integer" }] },
      { kind = "addenda", tag = { at = 1, is = "A" }, fields = [{ name = "reference", at = 2 }] },
      { kind = "batch_control", tag = { at = 1, is = "C" }, fields = [
        { name = "lines", at = 2, type = "integer", count = ["detail", "addenda"] },
        { name = "hash", at = 3, type = "integer", sum = "quantity", digits = 2 }] },
      { kind = "control", tag = { at = 1, is = "Z" }, fields = [
        { name = "batches", at = 2, type = "integer", count = ["batch_header"] }] },
    ]
    """
    content = write(layout_of(document), TWO, facts={"batch": 31})
    assert content == b"B,31\nD,150\nA,A1\nD,\nA,A2\nC,4,50\nZ,1\n"


def test_cells_are_quoted_where_they_must_be() -> None:
    details = rows(("A,1", 'say "x"', 1, "one\r\ntwo"))
    assert b'D,"A,1","say ""x""",1,"one\r\ntwo"\n' in write(layout_of(DELIMITED), details)


@pytest.mark.parametrize(
    ("details", "place", "expected"),
    [
        (("A" * 21, "1", 1, None), "details[0].reference", "at most 20 characters"),
        (("A1", "00000", 1, None), "details[0].code", "at most 4 characters"),
        (("A1", "1", 10**10, None), "details[0].quantity", "at most 10 characters"),
        (("A1", "1", -(10**9) * 10, None), "details[0].quantity", "at most 10 characters"),
        (("A1", "1", 10**18, None), "details[0].quantity", "a whole number of at most 18 digits"),
        ((None, "1", 1, None), "details[0].reference", "a value"),
        (("", "1", 1, None), "details[0].reference", "a value"),
        (
            ("A1", "1", 1, "one\ntwo"),
            "details[0].member_ref",
            "no character that the format cannot hold",
        ),
        (
            ("A1", "1", 1, "a\tb"),
            "details[0].member_ref",
            "no character that the format cannot hold",
        ),
        (
            ("A1", "1", 1, "a\x00b"),
            "details[0].member_ref",
            "no character that the format cannot hold",
        ),
        (("A1", "1", 1, "Zoë€"), "details[0].member_ref", "characters of latin-1 only"),
    ],
)
def test_what_does_not_fit_is_refused(
    details: tuple[str, str, int, str], place: str, expected: str
) -> None:
    layout = layout_of(FIXED.replace('"fixed"', '"fixed"\nencoding = "latin-1"'))
    assert refused(layout, rows(details))[place] == expected


def test_without_quotes_a_delimiter_is_refused() -> None:
    layout = layout_of(DELIMITED.replace('"delimited"', '"delimited"\nquote = ""'))
    assert list(refused(layout, rows(("A,1", "1", 1, None)))) == ["details[0].reference"]
    several = DELIMITED.replace('"delimited"', '"delimited"\ndelimiter = "%%"')
    assert list(refused(layout_of(several), rows(("50%", "1", 1, None)))) == [
        "details[0].reference"
    ]


def test_a_detail_that_would_read_as_another_record_is_refused() -> None:
    document = """
    framing = "delimited"
    records = [
      { kind = "detail", fields = [{ name = "reference", at = 1 }, { name = "code", at = 2 }] },
      { kind = "control", tag = { at = 1, is = "T" } },
    ]
    """
    layout = layout_of(document)
    assert write(layout, TWO) == b"A1,0000\nA2,0099\nT\n"
    found = refused(layout, TWO, rows(("T", "1", 1, None)))
    assert found == {"details[2]": "a record that does not begin like the control record"}


def test_every_place_is_named_up_to_a_bound() -> None:
    wide = rows(*(("A" * 30, "1", 1, None) for _ in range(3)))
    found = refused(layout_of(FIXED), TWO, wide, facts={"sequence": "x", "created_on": None})
    assert list(found) == [
        "details[2].reference",
        "details[3].reference",
        "details[4].reference",
        "facts.sequence",
    ]
    many = rows(*(("A" * 30, "1", 1, None) for _ in range(500)))
    assert len(refused(layout_of(FIXED), many)) == MAX_VIOLATIONS


@pytest.mark.parametrize("character", ["\ufffd", "\ufeff", "\x1a"])
def test_characters_that_reading_would_drop_are_refused(character: str) -> None:
    assert list(refused(layout_of(DELIMITED), rows(("A1", "1", 1, character)))) == [
        "details[0].member_ref"
    ]


def test_columns_of_another_kind_are_refused() -> None:
    layout = layout_of(FIXED)
    found = refused(layout, TWO.with_columns(quantity=pl.Series([1.5, None])))
    assert found == {"details[0].quantity": "a whole number of at most 18 digits"}
    found = refused(layout, facts={"sequence": 1, "created_on": "2026-01-05"})
    assert found == {"facts.created_on": "a day written %y%m%d"}


def test_an_empty_column_may_be_of_any_kind() -> None:
    blank = TWO.with_columns(quantity=pl.lit(None, dtype=pl.String))
    assert b"DTA1                  0000          M-1" in write(layout_of(FIXED), blank)


def test_rows_that_would_be_refused_can_be_told_before() -> None:
    details = rows(("A1", "00000", 1, None), ("A2", "1", 1, None), (None, "1", 1, "a\tb"))
    told = unwritable(layout_of(FIXED), details)
    assert {row: [one.field for one in places] for row, places in told.items()} == {
        0: ["code"],
        2: ["reference", "member_ref"],
    }
    assert unwritable(layout_of(NAMED), TWO) == {}


def test_missing_columns_and_facts_are_named() -> None:
    found = refused(layout_of(FIXED), TWO.drop("code", "member_ref"), facts={})
    assert found == {
        "details.code": "a column of this name",
        "details.member_ref": "a column of this name",
        "facts.created_on": "a value, or None",
        "facts.sequence": "a value, or None",
    }


def test_a_record_of_blanks_is_refused() -> None:
    document = """
    framing = "fixed"
    width = 9
    records = [{ kind = "detail", fields = [{ name = "code", at = [1, 9] }] }]
    """
    found = refused(layout_of(document), rows(("A", None, 1, None)))
    assert found == {"details[0]": "a record that is not blank"}
