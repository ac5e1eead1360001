"""Hand-back files of any length, written piece by piece: what a partner answers to loaded ids.

The mix is that of `answers`. What is said of a redemption follows from its number, so that a repeat
says the same again, and nothing but the order of the numbers is held in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from handback_server.bench.answers import REJECTED_SHARE, REJECTING, Mix
from handback_server.bench.engine import member_of, quantity_of

_SEED: Final = 1
_PIECE: Final = 500_000
_OTHER_QUANTITY_SHARE: Final = 0.01

Ids = npt.NDArray[np.int64]


def write_long_answers(ids: range, mix: Mix, order: str, target: Path, sequence: int) -> None:
    """Answer the first attempt of each of these redemptions, and some of them twice."""
    target.parent.mkdir(parents=True, exist_ok=True)
    total = 0
    with target.open("wb") as file:
        file.write(f"H,bench,{sequence}\n".encode())
        for piece in _pieces(ids, mix, order):
            records = _answers(piece)
            total += int(records["quantity"].sum())
            lines = records.select(
                pl.format("D,{},{},{},{},P1", "reference", "member_ref", "quantity", "code")
            )
            lines.write_csv(file, include_header=False, quote_style="never")
        file.write(f"T,{mix.records},{total}\n".encode())


def _pieces(ids: range, mix: Mix, order: str) -> Iterator[Ids]:
    chance = np.random.default_rng(_SEED)
    answered = np.arange(ids.start, ids.stop)
    again = chance.choice(answered, mix.repeats, replace=False)
    every = np.concatenate([answered, again])
    if order == "random":
        chance.shuffle(every)
    else:
        every.sort()
    for start in range(0, len(every), _PIECE):
        yield every[start : start + _PIECE]


def _answers(ids: Ids) -> pl.DataFrame:
    """One record a number: reference, member_ref, quantity, code."""
    payload = ids * 100 + 1
    keys = payload * 100 + 98 - payload * 100 % 97  # as `handback.ids.attempt_key` makes them
    rejected = _drawn(ids, 1) < REJECTED_SHARE
    reason = (_drawn(ids, 2) * len(REJECTING)).astype(np.int64)
    codes = np.where(rejected, np.array(REJECTING)[reason], "0000")
    other = (_drawn(ids, 3) < _OTHER_QUANTITY_SHARE).astype(np.int64)
    redemption_id = pl.col("redemption_id")
    return pl.DataFrame({"redemption_id": ids, "key": keys, "code": codes, "other": other}).select(
        "code",
        reference=pl.format("HB{}", pl.col("key").cast(pl.String).str.zfill(18)),
        member_ref=member_of(redemption_id),
        quantity=quantity_of(redemption_id) + pl.col("other"),
    )


def _drawn(ids: Ids, salt: int) -> npt.NDArray[np.float64]:
    """A number from 0 to 1 for each id, the same whenever it is asked for."""
    mixed = (ids.astype(np.uint64) + np.uint64(salt << 40)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    return (mixed >> np.uint64(11)) / float(1 << 53)
