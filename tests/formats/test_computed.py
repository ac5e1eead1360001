"""Check digits and line numbers: written by themselves, and looked at in what comes back."""

from __future__ import annotations

import io

import polars as pl
import pytest

from formats.partner_layouts import layout_of, read
from formats.test_fields import field_type
from handback.formats.computed import CheckDigit
from handback.formats.encode import encode

NUMBERED = """
framing = "fixed"
width = 30
[[records]]
kind = "header"
tag = { at = [1, 1], is = "0" }
fields = [{ name = "number", at = [25, 30], type = "line" }]
[[records]]
kind = "detail"
tag = { at = [1, 1], is = "1" }
fields = [
  { name = "reference", at = [2, 11], pad = "0", justify = "right" },
  { name = "digit", at = [12, 12], type = "check_digit", of = "reference", method = "mod10" },
  { name = "number", at = [25, 30], type = "line" },
]
[[records]]
kind = "addenda"
tag = { at = [1, 1], is = "2" }
fields = [
  { name = "member_ref", at = [2, 11] },
  { name = "number", at = [25, 30], type = "line" },
]
[[records]]
kind = "control"
tag = { at = [1, 1], is = "9" }
required = true
fields = [{ name = "number", at = [25, 30], type = "line" }]
"""


@pytest.mark.parametrize(
    ("method", "text", "digit"),
    [
        ("mod10", "7992739871", "3"),
        ("mod10", "0", "0"),
        ("routing", "12104288", "2"),
        ("routing", "23138010", "4"),
        ("mod11", "6", "0"),
        ("mod11x", "6", "X"),
        ("mod11x", "123456", "0"),
        ("mod10", "12a", None),
        ("mod10", "", None),
    ],
)
def test_check_digits(method: str, text: str, digit: str | None) -> None:
    kind = field_type(f'type = "check_digit", of = "x", method = "{method}"')
    assert isinstance(kind, CheckDigit)
    assert pl.select(kind.digit_of(pl.lit(text))).item() == digit


def file_of(pages: int) -> bytes:
    """Two details with their addenda."""
    details = pl.DataFrame({"reference": ["7992739871", "18"], "member_ref": ["M1", "M2"]})
    out = io.BytesIO()
    encode(layout_of(NUMBERED), {}, details.iter_slices(pages), out)
    return out.getvalue()


@pytest.mark.parametrize("pages", [1, 2])
def test_records_are_numbered_and_their_digits_computed(pages: int) -> None:
    lines = file_of(pages).decode().splitlines()
    assert [line[24:] for line in lines] == [f"{number:06}" for number in range(1, 7)]
    assert [line[1:12] for line in lines[1:5:2]] == ["79927398713", "00000000182"]
    assert read(layout_of(NUMBERED), file_of(pages)).findings.is_empty()


def test_a_wrong_check_digit_is_a_finding() -> None:
    content = file_of(2).replace(b"79927398713", b"79927389713")
    reading = read(layout_of(NUMBERED), content)
    assert reading.findings.select("ordinal", "field", "code").rows() == [
        (1, "digit", "bad_check_digit")
    ]
    assert reading.details["ordinal"].to_list() == [2]
