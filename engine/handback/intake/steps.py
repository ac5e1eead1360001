"""Cutting the records of a file into chunks, and the chunks into steps.

Records are sorted by key within a window of the file, because a store that is walked in key order
takes them about 1.6 times as fast. What such a file says of one redemption stays in the order of
the file as far as the window reaches, and all chunks of one step speak of different redemptions:
they can be applied in any order, also at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import numpy as np
import polars as pl

# At some 300 bytes a decoded record the window takes 60 MB, and as much again while it is sorted;
# a file of three million records peaked at 250 MB in all.
_WINDOW_CHUNKS: Final = 4
_KEY: Final = ("redemption_id", "batch", "batch_ordinal", "ordinal")


def steps(chunks: Iterable[pl.DataFrame], chunk_records: int) -> Iterator[list[pl.DataFrame]]:
    """The same details (columns of DETAIL) as chunks of about that size, step by step."""
    coming = iter(chunks)
    while window := list(islice(coming, _WINDOW_CHUNKS)):
        ordered = pl.concat(window).sort(_KEY)
        unkeyed = int((ordered["redemption_id"].fill_null(0) <= 0).sum())
        # Of whom records without a key speak is not known before they are matched.
        yield from ([chunk] for chunk in ordered[:unkeyed].iter_slices(chunk_records))
        if unkeyed < len(ordered):
            yield _between_keys(ordered[unkeyed:], chunk_records)


def _between_keys(ordered: pl.DataFrame, chunk_records: int) -> list[pl.DataFrame]:
    """Cut where a redemption's records end, at the first place after every so many records."""
    ids = ordered["redemption_id"].to_numpy()
    ends = np.append(np.flatnonzero(ids[1:] != ids[:-1]) + 1, len(ids))
    wanted = np.arange(chunk_records, len(ids) + chunk_records, chunk_records)
    cuts = np.unique(ends[np.minimum(np.searchsorted(ends, wanted), len(ends) - 1)])
    starts = np.append(0, cuts[:-1])
    return [ordered[start:end] for start, end in zip(starts.tolist(), cuts.tolist(), strict=True)]
