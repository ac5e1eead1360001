"""Numbers in bytes: what they read, what they refuse, how they write."""

from __future__ import annotations

import polars as pl
import pytest

from handback.formats.octets import Binary


@pytest.mark.parametrize(
    ("packed", "text", "value"),
    [
        (False, b"\x00\x00\x01\x02", 258),
        (False, b"\xff\xfe", -2),
        (False, b"\x7f" + b"\xff" * 7, None),
        (True, b"\x12\x3c", 123),
        (True, b"\x12\x3d", -123),
        (True, b"\x1a\x3c", None),
        (True, b"\x12\x34", None),
    ],
)
def test_numbers_in_bytes(packed: bool, text: bytes, value: int | None) -> None:
    column = pl.DataFrame({"text": [text.decode("latin-1")]})
    made = Binary(0, packed, width=len(text))
    assert column.select(made.decode(pl.col("text"))).item() == value


def test_the_lowest_byte_may_come_first() -> None:
    column = pl.DataFrame({"text": ["\x02\x01\x00", "\xfe\xff\xff", "\x00"]})
    made = Binary(0, packed=False, little=True, width=3)
    values = column.select(made.decode(pl.col("text"))).to_series()
    assert values.to_list() == [258, -2, None]
    assert values.to_frame("n").select(made.encode(pl.col("n"))).to_series().to_list() == [
        "\x02\x01\x00",
        "\xfe\xff\xff",
        None,
    ]


@pytest.mark.parametrize(
    ("packed", "width", "fit", "too_much"),
    [(False, 1, -128, 128), (False, 4, 2**31 - 1, 2**31), (True, 1, 9, 10), (True, 2, -999, 1000)],
)
def test_a_number_that_bytes_cannot_hold_is_not_written(
    packed: bool, width: int, fit: int, too_much: int
) -> None:
    made = Binary(0, packed, width=width)
    column = pl.DataFrame({"n": [fit, too_much, -too_much - 1]})
    texts = column.select(text=made.encode(pl.col("n")))
    assert texts["text"].is_null().to_list() == [False, True, True]
    assert made.largest == too_much - 1
    assert texts.select(made.decode(pl.col("text"))).to_series()[0] == fit
