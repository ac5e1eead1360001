"""Records of hosts, value by value: what their own project expects stands beside them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from formats.partner_layouts import read
from handback.formats.compiling import compile_layout
from handback.formats.layout import Layout

HERE = Path(__file__).parent
SAMPLES = HERE.parents[2] / "shared" / "samples" / "ebcdic"
pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the shared samples are not on this machine"
)


def expected(name: str) -> list[dict[str, Any]]:
    """The rows that a file is expected to give."""
    return [json.loads(line) for line in (SAMPLES / name).read_text().splitlines()]


def layout_of(name: str) -> Layout:
    """A layout kept beside the table of verdicts."""
    return compile_layout(name, tomllib.loads((HERE / "layouts" / f"{name}.toml").read_text()))


def cents(amount: float | None) -> int | None:
    """An amount with two decimals as a whole number."""
    return None if amount is None else round(amount * 100)


def test_binary_amounts_between_a_head_and_a_foot() -> None:
    content = (SAMPLES / "TRAN2.JUN24.DATA.dat").read_bytes()
    columns = ["unit", "member_ref", "partner_ref", "reference", "quantity"]
    found = read(layout_of("ebcdic_binary"), content).details.select(columns).rows()
    names = ["CURRENCY", "SIGNATURE", "COMPANY_NAME", "COMPANY_ID"]
    wanted = [(*map(row.get, names), cents(row["AMOUNT"])) for row in expected("test13a.txt")]
    assert len(found) == 50
    assert sorted(found) == sorted(wanted)  # the rows there are in an order of their own


def test_amounts_in_digits_with_and_without_a_point() -> None:
    content = (SAMPLES / "test19_data.dat").read_bytes()
    columns = ["reference", "batch", "member_ref", "quantity"]
    found = read(layout_of("ebcdic_display"), content).details.select(columns).rows()
    names = ["WS_ACCT_ALPHA", "WS_AMOUNT_NUMERIC", "WS_NAME_ALPHABET"]
    rows = expected("test19.txt")
    wanted = [(*map(row.get, names), cents(row.get("WS_AMOUNT_FRACTION"))) for row in rows[:5]]
    # Blank is no amount here, and zero there. Letters are an amount that nobody can read.
    assert rows[5]["WS_AMOUNT_FRACTION"] == 0
    blank = tuple(rows[5].get(name) for name in names)
    assert found == [*wanted, (*blank, None)]
    assert not {"WS_DATE_NUM", "WS_AMOUNT_NUMERIC", "WS_AMOUNT_FRACTION"} & set(rows[6])
