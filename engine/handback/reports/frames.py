"""Frames that reports are put together from: rows of a table in pages, and sums that grow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from handback.store.bulk import fetch_frame
from handback.store.shape import shape


def pages(
    tx: sa.Connection, select: sa.Select[Any], key: sa.Column[int], size: int
) -> Iterator[pl.DataFrame]:
    """The rows of a select by a key of theirs, so many at a time, without empty pages."""
    ordered = select.order_by(key).limit(size)
    after, more = -1, True
    while more:
        page = fetch_frame(tx, ordered.where(key > after))
        more = len(page) == size
        if len(page):
            after = page[key.name][-1]
            yield page


def summed(parts: Iterable[pl.DataFrame], schema: pl.Schema, by: Sequence[str]) -> pl.DataFrame:
    """The sums of all parts by some columns, with the columns of `schema`; never all at once."""
    sums = pl.DataFrame(schema=schema)
    for part in parts:
        sums = pl.concat([sums, part.select(shape(schema))]).group_by(by).agg(pl.exclude(by).sum())
    return sums
