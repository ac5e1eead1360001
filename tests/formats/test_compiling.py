"""Layouts are refused whole, with every mistake in its place."""

from __future__ import annotations

import tomllib

import pytest

from formats.partner_layouts import BATCHED, DELIMITED, FIXED, NAMED, layout_of
from handback.errors import InvalidAgreement
from handback.formats.compiling import compile_layout
from handback.formats.directions import inbound_mistakes, outbound_mistakes
from handback.formats.layout import ENCODINGS, Kind


def mistakes(document: str) -> dict[str, str]:
    """Every mistake of a layout, by its place below `formats.handback`."""
    with pytest.raises(InvalidAgreement) as refused:
        compile_layout("handback", tomllib.loads(document))
    return {
        one.field.removeprefix("formats.handback").removeprefix("."): one.expected
        for one in refused.value.violations
    }


@pytest.mark.parametrize("document", [DELIMITED, FIXED, NAMED, BATCHED])
def test_the_layouts_of_the_other_tests_are_sound(document: str) -> None:
    layout = layout_of(document)
    assert inbound_mistakes(layout) == ()
    assert outbound_mistakes(layout) == ()


def test_names_that_encoding_asks_for() -> None:
    layout = layout_of(DELIMITED)
    assert layout.detail_names() == {"reference", "code", "quantity", "member_ref"}
    assert layout.fact_names() == {"sequence", "created_on"}
    assert layout.has_required_control
    assert not layout_of(NAMED).is_required(Kind.CONTROL)


def test_all_mistakes_are_listed_at_once() -> None:
    found = mistakes(
        """
        framing = "delimited"
        encoding = "ebcdic"
        delimeter = ";"
        [[records]]
        kind = "head"
        tag = { at = 1, is = "H", was = "X" }
        [[records]]
        kind = "detail"
        required = "yes"
        fields = [
          { name = "reference", at = 0 },
          { name = "Quantity", at = 2, type = "number" },
          { name = "quantity", at = 3, type = "text" },
          { name = "answered_on", at = 4, type = "date", pattern = "YY/MM" },
          { name = "redemption_id", at = 5, type = "integer" },
          { name = "code", at = 6, type = "decimal", point = ";" },
        ]
        """
    )
    assert set(found) == {
        "encoding",
        "delimeter",
        "records[0].kind",
        "records[0].tag.was",
        "records[1].required",
        "records[1].fields[0].at",
        "records[1].fields[1].name",
        "records[1].fields[1].type",
        "records[1].fields[2].type",
        "records[1].fields[3].pattern",
        "records[1].fields[4].name",
        "records[1].fields[5].scale",
        "records[1].fields[5].point",
        "records[1].fields[5].type",
    }
    assert found["encoding"] == f"one of {', '.join(ENCODINGS)}"
    assert found["records[1].fields[0].at"] == "a cell number from 1 to 512"


LOOSE = """
framing = "delimited"
[[records]]
kind = "detail"
fields = [{ name = "reference", at = 1 }]
"""
TIGHT = """
framing = "fixed"
width = 9
[[records]]
kind = "detail"
fields = [{ name = "reference", at = [1, 4] }]
"""
FIRST = '"delimited"'
LAST = "at = 5 }"
_INSTANT = 'at = 5, type = "instant"'
COUNT, SUM = 'count = ["detail"]', 'sum = "quantity"'


@pytest.mark.parametrize(
    ("document", "old", "new", "place"),
    [
        (LOOSE, 'framing = "delimited"', "", "framing"),
        (LOOSE, FIRST, '"yaml"', "framing"),
        (LOOSE, LOOSE, 'framing = "delimited"', "records"),
        (LOOSE, LOOSE, 'framing = "delimited"\nrecords = 3', "records"),
        (LOOSE, LOOSE, 'framing = "delimited"\nrecords = [3]', "records[0]"),
        (LOOSE, FIRST, FIRST + '\ndelimiter = ""', "delimiter"),
        (LOOSE, FIRST, FIRST + '\ndelimiter = " "', "delimiter"),
        (LOOSE, FIRST, FIRST + '\ndelimiter = "x"', "delimiter"),
        (LOOSE, FIRST, FIRST + '\ndelimiter = "é"', "delimiter"),
        (LOOSE, FIRST, FIRST + '\ndelimiter = "§"\nencoding = "ascii"', "delimiter"),
        (LOOSE, FIRST, FIRST + '\nquote = "ab"', "quote"),
        (LOOSE, FIRST, FIRST + '\nquote = "a"', "quote"),
        (LOOSE, FIRST, FIRST + '\nquote = ","', "quote"),
        (LOOSE, FIRST, FIRST + '\ndelimiter = "%%"\nquote = "x"', "quote"),
        (LOOSE, FIRST, FIRST + '\nline_end = "cr"', "line_end"),
        (LOOSE, FIRST, FIRST + "\nwidth = 9", "width"),
        (LOOSE, FIRST, FIRST + "\nheader = true", "records[0].fields[0].column"),
        (LOOSE, '"detail"', '"header"', "records[0].tag"),
        (LOOSE, '"detail"', '"detail"\ncells = 0', "records[0].cells"),
        (LOOSE, "at = 1", 'column = "x"', "records[0].fields[0].at"),
        (LOOSE, "at = 1", "at = true", "records[0].fields[0].at"),
        (LOOSE, "at = 1", "at = 513", "records[0].fields[0].at"),
        (TIGHT, "width = 9", "", "records[0].width"),
        (TIGHT, "width = 9", "width = 3", "records[0].width"),
        (TIGHT, "[1, 4]", "[4, 1]", "records[0].fields[0].at"),
        (TIGHT, "[1, 4]", "[0, 4]", "records[0].fields[0].at"),
        (TIGHT, "[1, 4]", "[1, 4, 5]", "records[0].fields[0].at"),
        (TIGHT, "[1, 4]", "[true, 4]", "records[0].fields[0].at"),
        (TIGHT, "4] ", '4], type = "constant", value = "12345" ', "records[0].fields[0].value"),
        (NAMED, 'column = "Status"', 'column = " REF "', "records[0].fields[1].column"),
        (DELIMITED, 'is = "T"', 'is = ""', "records[2].tag.is"),
        (DELIMITED, 'is = "T"', 'is = " T"', "records[2].tag.is"),
        (DELIMITED, 'is = "T"', 'is = "a\\nb"', "records[2].tag.is"),
        (DELIMITED, 'tag = { at = 1, is = "T" }', "", "records[2].tag"),
        (DELIMITED, 'tag = { at = 1, is = "T" }', "tag = 3", "records[2].tag"),
        (FIXED, 'is = "TR"', 'is = "T"', "records[2].tag.is"),
        (DELIMITED, SUM, 'sum = "points"', "records[2].fields[1].sum"),
        (DELIMITED, SUM, 'sum = "code"', "records[2].fields[1].sum"),
        (DELIMITED, SUM, SUM + ', count = ["detail"]', "records[2].fields[1].sum"),
        (DELIMITED, COUNT, 'count = ["details"]', "records[2].fields[0].count"),
        (DELIMITED, COUNT, "count = 3", "records[2].fields[0].count"),
        (DELIMITED, COUNT, "digits = 3", "records[2].fields[0].digits"),
        (DELIMITED, '"integer", count', '"text", count', "records[2].fields[0].type"),
        (DELIMITED, '"integer", count', '"decimal", scale = 2, count', "records[2].fields[0].type"),
        (DELIMITED, '"integer", sum', '"decimal", scale = 2, sum', "records[2].fields[1].scale"),
        (DELIMITED, '"member_ref"', '"code"', "records[1].fields[3].name"),
        (DELIMITED, LAST, 'at = 5, pad = "*" }', "records[1].fields[3].pad"),
        (DELIMITED, LAST, 'at = 5, pad = "0" }', "records[1].fields[3].pad"),
        (DELIMITED, LAST, 'at = 5, trim = "all" }', "records[1].fields[3].trim"),
        (DELIMITED, LAST, "at = 5, carry = true }", "records[1].fields[3].carry"),
        (DELIMITED, LAST, 'at = 5, type = "constant" }', "records[1].fields[3].value"),
        *(
            (DELIMITED, LAST, f'{_INSTANT}, zone = "{zone}" }}', "records[1].fields[3].zone")
            for zone in ("Europe", "Europe/Nowhere", "../etc/passwd")
        ),
        (
            DELIMITED,
            LAST,
            'at = 5, type = "constant", value = " x" }',
            "records[1].fields[3].value",
        ),
    ],
)
def test_each_mistake_has_its_place(document: str, old: str, new: str, place: str) -> None:
    assert old in document
    assert place in mistakes(document.replace(old, new))


def test_texts_of_the_layout_must_be_sayable() -> None:
    constant = DELIMITED.replace(LAST, 'at = 5, type = "constant", value = "é,e" }')
    assert "records[1].fields[3].value" in mistakes(f'encoding = "ascii"\n{constant}')
    assert "records[1].fields[3].value" in mistakes(f'quote = ""\n{constant}')
    layout_of(constant)
    for options in ('"decimal", scale = 2, point = ","', '"date", pattern = "DD,MM,YYYY"'):
        field = DELIMITED.replace('"member_ref", at = 5', f'"spent", at = 5, type = {options}')
        [place] = mistakes(f'quote = ""\n{field}')
        assert place in ("records[1].fields[3].point", "records[1].fields[3].pattern")
        layout_of(field)


def test_a_file_to_read_needs_something_to_match_by() -> None:
    layout = layout_of(DELIMITED.replace('name = "reference"', 'name = "other"'))
    assert [str(one.field) for one in inbound_mistakes(layout)] == ["formats.handback.records"]
    place = DELIMITED.replace('"reference"', '"batch"').replace(
        "at = 2, required = true", 'at = 2, type = "integer"'
    )
    place = place.replace('"member_ref", at = 5', '"batch_ordinal", at = 5, type = "integer"')
    assert inbound_mistakes(layout_of(place)) == ()


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (DELIMITED.replace("at = 5", "at = 4"), "records[1].fields[3].at"),
        (DELIMITED.replace("at = 5", "at = 1"), "records[1].fields[3].at"),
        (FIXED.replace("[37, 56]", "[36, 56]"), "records[1].fields[3].at"),
        (DELIMITED + '[[records]]\nkind = "detail"\ntag = { at = 1, is = "E" }', "records"),
    ],
)
def test_a_file_to_write_needs_a_place_for_everything(document: str, place: str) -> None:
    layout = layout_of(document)
    assert [one.field for one in outbound_mistakes(layout)] == [f"formats.handback.{place}"]


def test_a_tag_may_be_written_out_as_a_constant() -> None:
    document = DELIMITED.replace(
        '{ name = "member_ref", at = 5 },',
        '{ name = "kind", at = 1, type = "constant", value = "D" },',
    )
    assert outbound_mistakes(layout_of(document)) == ()
