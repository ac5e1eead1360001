"""Brazilian collections: CNAB 400 and 240, with the columns and codes of each bank."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_cut_is_told,
    assert_dress_means_nothing,
    assert_sound,
    outcomes_in_any_order,
)
from formats.builtin.round_trip import Row, written
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden
from handback.formats.compiling import compile_layout
from handback.formats.findings import FindingCode, Severity
from handback.formats.layout import Layout
from handback.partners.codes import BY_TEXT, CodeMap, ReasonClass

BY_TITLE = ("cnab400", "cnab400-bb", "cnab400-bradesco", "cnab400-itau")
BY_PAIR = ("cnab240", "cnab240-santander")
NAMES = (*BY_TITLE, *BY_PAIR)
CHARGES = {"cnab400-itau": "30", "cnab400-bradesco": "28", "cnab400-bb": "96"} | dict.fromkeys(
    BY_PAIR, "28"
)
DAY = date(2026, 3, 3)
FACTS: Mapping[str, object] = {"created_on": DAY, "bank": "999", "sequence": 7, "lot": 1}

every_name = pytest.mark.parametrize("name", NAMES)
words = st.text("ABCDEFGHIJ 0123456789-", min_size=1, max_size=9).map(str.strip).filter(bool)
motives = st.lists(st.sampled_from(["08", "14", "45", "A4"]), max_size=2).map("+".join)


@cache
def writable(name: str) -> Layout:
    """The layout without what only a bank writes: titles paid in part, charges, remarks."""
    document = tomllib.loads(builtin(name).source)
    kept = [one for one in document["records"] if "fields" in one]
    details = [one for one in kept if one["kind"] == "detail"]
    document["records"] = [one for one in kept if one not in details[:-1]]
    return compile_layout(name, document)


def whole_of(name: str) -> bytes:
    """The golden file with every outcome."""
    return golden(name).joinpath("every-outcome.ret").read_bytes()


def codes_of(name: str) -> CodeMap:
    """What the codes of a format mean."""
    return CodeMap({code: BY_TEXT[text] for code, text in builtin(name).codes.items()})


@st.composite
def titles(draw: st.DrawFn, name: str) -> Row:
    """What a bank says of one title."""
    has_motives = "sub_code" in writable(name).detail_names()
    codes = {code for code in builtin(name).codes if "/" not in code and code != "07"}
    amount = draw(st.integers(0, 10**13 - 1))
    rejected = draw(motives)[: 2 if name == "cnab400-bb" else None]
    return {
        "reference": draw(words),
        "partner_ref": draw(words),
        "code": draw(st.sampled_from(sorted(codes))),
        "answered_on": DAY,
        "quantity": amount,
        "received": amount,
        "lot": 1,
    } | ({"sub_code": rejected or None} if has_motives else {})


def both_codes(row: Row) -> object:
    """The code as it is read: with each motive behind it."""
    code, motives = row["code"], row.get("sub_code")
    return "+".join(f"{code}/{one}" for one in str(motives).split("+")) if motives else code


@every_name
@settings(deadline=None, max_examples=12)
@given(data=st.data())
def test_titles_are_read_as_they_were_written(name: str, data: st.DataObject) -> None:
    # A trailer of Bradesco has twelve digits for a sum of titles of thirteen.
    rows = data.draw(st.lists(titles(name), max_size=4))
    if name == "cnab400-bradesco":
        rows = [{**row, "quantity": int(str(row["quantity"])[:10])} for row in rows]
    reading = assert_sound(builtin(name).layout, written(writable(name), FACTS, rows))
    columns = ["reference", "partner_ref", "code", "quantity", "answered_on"]
    assert reading.details.select(columns).rows() == [
        (row["reference"], row["partner_ref"], both_codes(row), row["quantity"], DAY)
        for row in rows
    ]


def short_file(name: str, *references: str, last_code: str = "06") -> bytes:
    """A sound file of paid titles; the last one may have another code."""
    codes = ["06"] * (len(references) - 1) + [last_code]
    rows = [
        {"reference": one, "code": code, "quantity": 5, "lot": 1, "answered_on": DAY}
        for one, code in zip(references, codes, strict=True)
    ]
    return written(writable(name), FACTS, rows)


@every_name
def test_a_file_cut_anywhere_is_never_complete(name: str) -> None:
    content = short_file(name, "A")
    last = len(content.rstrip())
    assert_sound(builtin(name).layout, content)
    lengths = {*range(0, last, 61), *range(last - 30, last), last - 400, last - 402}
    assert_cut_is_told(builtin(name).layout, content, sorted(one for one in lengths if one >= 0))


@every_name
def test_line_ends_and_blanks_mean_nothing(name: str) -> None:
    layout = builtin(name).layout
    assert_dress_means_nothing(layout, whole_of(name))
    run_on = b"".join(line.ljust(layout.width) for line in whole_of(name).splitlines())
    plain = outcomes_in_any_order(read(layout, whole_of(name)))
    assert outcomes_in_any_order(assert_sound(layout, run_on)) == plain


@every_name
def test_the_order_of_titles_means_nothing(name: str) -> None:
    one, other = (short_file(name, *order) for order in ("ABC", "BCA"))
    plain, turned = (
        outcomes_in_any_order(assert_sound(builtin(name).layout, content))
        for content in (one, other)
    )
    assert plain == turned


@pytest.mark.parametrize("name", CHARGES)
def test_a_charge_is_no_outcome(name: str) -> None:
    """It counts as a line, and moves nothing."""
    content = short_file(name, "A", "B", last_code=CHARGES[name])
    if name in BY_PAIR:
        lines = content.splitlines(keepends=True)
        lines[5] = lines[5][:15] + CHARGES[name].encode() + lines[5][17:]
        content = b"".join(lines)
    reading = assert_sound(builtin(name).layout, content)
    assert reading.details["reference"].to_list() == ["A"]


@pytest.mark.parametrize(
    ("name", "code", "reason_class"),
    [
        ("cnab400-itau", "03/08+03/14", ReasonClass.DUPLICATE),
        ("cnab400-itau", "03/08+03/30", ReasonClass.HOLD),
        ("cnab400-itau", "03/60", ReasonClass.OURS),
        ("cnab400-bradesco", "03/45+03/65", ReasonClass.FIX_MEMBER),
        ("cnab400-bradesco", "69", ReasonClass.WAIT),
        ("cnab400-itau", "69", ReasonClass.RETURNED),
        ("cnab240", "02/A4", ReasonClass.WAIT),
        ("cnab240", "44", ReasonClass.RETURNED),
        ("cnab400-bb", "44", ReasonClass.RETURNED),
        ("cnab400-bb", "03/99+03/66", ReasonClass.OPS),
    ],
)
def test_a_code_means_what_it_means_at_its_bank(
    name: str, code: str, reason_class: ReasonClass
) -> None:
    """Of several motives the strictest counts."""
    assert codes_of(name).find(code) is reason_class


@every_name
def test_one_code_of_the_golden_file_is_new_and_every_class_is_shown(name: str) -> None:
    codes, found = codes_of(name), set(read(builtin(name).layout, whole_of(name)).details["code"])
    strangers = {code for code in found if codes.find(code) is None}
    assert strangers in ({"99"}, {"98"}, {"77"}, set())
    shown = {codes.find(code) for code in found - strangers}
    assert shown == set(codes.classes.values())


@every_name
def test_a_file_of_our_own_is_no_answer(name: str) -> None:
    content = short_file(name, "A")
    echo = content.replace(b"2RETORNO", b"1REMESSA", 1)
    if name in BY_PAIR:
        echo = content[:142] + b"1" + content[143:]
    reading = read(builtin(name).layout, echo)
    assert reading.codes == [FindingCode.BAD_CONSTANT]
    assert reading.facts.worst is Severity.QUARANTINE
