"""Sorting the records of a file by key, and cutting them into chunks and steps.

A key is that of the redemption which a record names, or which a search found for it.

A store that is walked in key order takes records about 1.6 times as fast, so a chunk has all
records of a range of keys, from anywhere in the file. The file is never in memory as a whole: what
is sorted at once is a *run*, and a chunk is a slice of each run of a *window*, merged when it is
read. Only a file longer than a window has several.

What a file says of one redemption stays in the order of the file. The chunks of one step speak of
different redemptions, so they can be applied in any order, also at once; steps follow each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from handback.formats.findings import DETAIL

RUN_CHUNKS: Final = 2
_WINDOW_RUNS: Final = 32
WINDOW_CHUNKS: Final = RUN_CHUNKS * _WINDOW_RUNS
"""So many chunks of a file are sorted as one. With 50,000 records each that is 3.2 million."""

_SAMPLES_OF_CHUNK: Final = 256

FOUND: Final = pl.Schema(
    {
        "match": pl.Int16(),
        "attempt_quantity": pl.Int64(),
        "candidates": pl.String(),
        "alike": pl.Int64(),
    }
)
"""What a search says of a record, null where it was not searched for; `redemption_id` and `attempt`
are then what was found, or 0."""
SPOOLED: Final = pl.Schema({**DETAIL, **FOUND})
"""The columns of a record on the spool."""

Keys = npt.NDArray[np.int64]


class Slice(NamedTuple):
    """The rows of one run from `start` to before `end`."""

    run: int
    start: int
    end: int


Chunk = tuple[Slice, ...]
Step = tuple[Chunk, ...]


def sorted_run(details: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The details (columns of DETAIL, or of SPOOLED) of one run: those without a key first, by what
    they name instead, then the others by key; what agrees in that in the order of the file."""
    ordered = pl.concat(details).sort("redemption_id", maintain_order=True)
    unkeyed = _unkeyed(keys_of(ordered))
    if not unkeyed:
        return ordered
    named = ordered[:unkeyed].sort("batch", "batch_ordinal", maintain_order=True)
    return pl.concat([named, ordered[unkeyed:]])


def keys_of(run: pl.DataFrame) -> Keys:
    """The keys of a sorted run; less than 1 where a record has none."""
    return run["redemption_id"].fill_null(0).to_numpy()


def merged(slices: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The rows of one chunk (columns of SPOOLED) from its slices, in the order of the runs, which
    may lack columns."""
    rows = pl.concat([SPOOLED.to_frame(), *slices], how="diagonal")
    return rows if len(slices) < 2 else rows.sort("redemption_id", maintain_order=True)


def steps(windows_runs: Sequence[Keys], chunk_records: int, first: int = 0) -> Iterator[Step]:
    """Cut the runs of one window, given by their keys and numbered from `first`."""
    runs = list(enumerate(windows_runs, first))
    for run, keys in runs:
        # Of whom records without a key speak is not known before they are matched.
        unkeyed = _unkeyed(keys)
        for start in range(0, unkeyed, chunk_records):
            yield ((Slice(run, start, min(start + chunk_records, unkeyed)),),)
    bounds = _bounds([keys[_unkeyed(keys) :] for keys in windows_runs], chunk_records)
    places = [np.searchsorted(keys, bounds).tolist() for keys in windows_runs]
    together, crowded = [], []
    for number in range(len(bounds) - 1):
        cut = [
            Slice(run, place[number], place[number + 1])
            for (run, _), place in zip(runs, places, strict=True)
            if place[number] < place[number + 1]
        ]
        if sum(end - start for _, start, end in cut) <= 2 * chunk_records:
            together.append(tuple(cut))
        else:  # many records of one redemption: one after the other, as the file has them
            crowded += [((one,),) for one in cut]
    if together:
        yield tuple(together)
    yield from crowded


def _unkeyed(keys: Keys) -> int:
    return int((keys < 1).sum())


def _bounds(runs: Sequence[Keys], chunk_records: int) -> Keys:
    """Keys between which there are about so many records, from the least to past the greatest."""
    every = max(1, chunk_records // _SAMPLES_OF_CHUNK)
    sample = np.sort(np.concatenate([keys[::every] for keys in runs]))
    if not len(sample):
        return sample
    chunks = -(-sum(map(len, runs)) // chunk_records)
    inner = sample[np.arange(1, chunks) * len(sample) // chunks]
    least, past = sample[:1], max(int(keys[-1]) for keys in runs if len(keys)) + 1
    return np.unique(np.concatenate([least, inner, [past]]))
