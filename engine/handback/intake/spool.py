"""The spool: what a file was decoded to, sorted and cut into chunks, waiting to be reconciled.

Canonical detail rows lie in runs, after a search with what was found for each; a chunk is read as a
slice of several (see `steps`). A run is a file of `segments`, so that of a slice no more is in
memory than those it touches. The spool of a file appears as a whole or not at all, and is never the
only copy: the landing has the bytes and the store what a search found, so it is made again, chunk
for chunk the same, wherever it is missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from handback.exchange.streams import discard_unfinished, sync_folder
from handback.formats.findings import DETAIL
from handback.ids import Prefix, public_id
from handback.intake import segments
from handback.intake.steps import (
    RUN_CHUNKS,
    WINDOW_CHUNKS,
    Chunk,
    Keys,
    Step,
    keys_of,
    merged,
    sorted_run,
    steps,
)

# Numbered anew whenever a spool is laid out otherwise, so that one of an earlier release is made
# again.
_CONTENTS: Final = "contents-1.json"
_SEGMENT_RECORDS: Final = 2_048
_RUN_DIGITS: Final = 6
_SLICES: Final = "slices.arrow"
# `offset` is where the segment with the first record of the slice begins in the file of its run.
_SLICE: Final = pl.Schema(
    {
        "chunk": pl.Int64(),
        "run": pl.Int64(),
        "start": pl.Int64(),
        "end": pl.Int64(),
        "offset": pl.Int64(),
    }
)

UNKEYED: Final = pl.col("scope").is_null() & (pl.col("redemption_id").fill_null(0) < 1)
"""Which records (columns of DETAIL) neither carry a key of ours nor answer a whole batch."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in the spool of one file. Records that were rejected are not in its chunks.

    `steps` has the count of chunks of each step; those of one can be applied in any order.
    `unkeyed` records neither carry a key of ours nor answer a whole batch; where the file was
    `searched`, nothing was found for them either. Chunks are of about `chunk_records`.
    """

    agreement_version: int
    steps: tuple[int, ...]
    records: int
    rejected: int
    unkeyed: int
    chunk_records: int
    searched: bool

    @property
    def chunks(self) -> int:
        """How many there are in all."""
        return sum(self.steps)


class Spool:
    """A folder of decoded files. Whoever writes or removes one holds the lock on that file."""

    def __init__(self, root: Path) -> None:
        """`root` is made where it is missing, open to its owner alone."""
        self._root = root
        self._unfinished = root / "unfinished"
        self._unfinished.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def writing(self, file_id: int, chunk_records: int) -> Iterator[SpoolWriter]:
        """Write the details of a file anew, in chunks of about so many records; they appear once
        the writer is told their contents."""
        unfinished = Path(tempfile.mkdtemp(dir=self._unfinished))
        # What was decoded is sorted and written while more is decoded.
        with ThreadPoolExecutor(1, thread_name_prefix="spool") as thread:
            writer = SpoolWriter(unfinished, chunk_records, thread)
            try:
                yield writer
                if writer.closed:
                    self.remove(file_id)
                    unfinished.replace(self._place(file_id))
                    sync_folder(self._root)
            finally:
                thread.shutdown()
                shutil.rmtree(unfinished, ignore_errors=True)

    def contents(self, file_id: int) -> Contents | None:
        """What lies there of a file, None where it has to be decoded again."""
        try:
            text = (self._place(file_id) / _CONTENTS).read_text()
        except FileNotFoundError:
            return None
        stored = json.loads(text)
        return Contents(**stored | {"steps": tuple(stored["steps"])})

    def read(self, file_id: int, chunk: int) -> pl.DataFrame:
        """One chunk of a file, counted from 0."""
        place = self._place(file_id)
        slices = pl.read_ipc(place / _SLICES).filter(pl.col("chunk") == chunk)
        rows = [
            _read_slice(place / _run_name(run), start, end, offset)
            for run, start, end, offset in slices.drop("chunk").iter_rows()
        ]
        return merged(rows)

    def runs(self, file_id: int) -> list[pl.LazyFrame]:
        """All records of a file (columns of DETAIL), run by run: each has what comes before the
        next one's in the file, in no order."""
        runs = sorted(self._place(file_id).glob(f"{'[0-9]' * _RUN_DIGITS}.run"))
        return [pl.defer(partial(_read_run, run), schema=DETAIL) for run in runs]

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for what there is no room for in memory, gone when it is left."""
        with tempfile.TemporaryDirectory(dir=self._unfinished) as folder:
            yield Path(folder)

    def remove(self, file_id: int) -> None:
        """Forget what was decoded of a file; no trouble where nothing was."""
        place = self._place(file_id)
        with contextlib.suppress(FileNotFoundError):
            (place / _CONTENTS).unlink()  # first, so that no half of it can pass for the whole
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(place)

    def discard_unfinished(self, before: datetime) -> None:
        """Remove what processes that were killed before then left half written."""
        discard_unfinished(self._unfinished, before)

    def _place(self, file_id: int) -> Path:
        return self._root / public_id(Prefix.HANDBACK_FILE, file_id)


class SpoolWriter:
    """Takes the details of one file in their order."""

    def __init__(self, folder: Path, chunk_records: int, thread: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._chunk_records = chunk_records
        self._thread = thread
        self._gathered: list[pl.DataFrame] = []
        self._runs = 0
        self._window: list[Future[_Run]] = []
        self._offsets: list[list[int]] = []
        self._steps: list[Step] = []
        self._unkeyed = 0
        self.closed = False

    def add(self, details: pl.DataFrame) -> None:
        """Keep details (columns of DETAIL, or of SPOOLED)."""
        self._gathered.append(details)
        self._unkeyed += details.select(UNKEYED.sum()).item()
        if sum(map(len, self._gathered)) >= RUN_CHUNKS * self._chunk_records:
            self._end_run()

    def close(
        self, agreement_version: int, *, records: int, rejected: int, searched: bool = False
    ) -> Contents:
        """Say what the whole is, now or once it was searched; without this nothing is kept."""
        if self._gathered:
            self._end_run()
        self._end_window()
        if records and not self._steps:
            # Records of which none could be decoded still have to be accounted for.
            self._steps.append(((),))
        chunks = [chunk for step in self._steps for chunk in step]
        self._placed(chunks).write_ipc(self._folder / _SLICES)
        counts = tuple(map(len, self._steps))
        contents = Contents(
            agreement_version=agreement_version,
            steps=counts,
            records=records,
            rejected=rejected,
            unkeyed=self._unkeyed,
            chunk_records=self._chunk_records,
            searched=searched,
        )
        with (self._folder / _CONTENTS).open("w") as target:
            json.dump(asdict(contents), target)
            target.flush()
            os.fsync(target.fileno())
        sync_folder(self._folder)
        self.closed = True
        return contents

    def _end_run(self) -> None:
        if self._window:
            self._window[-1].result()  # one at a time is in memory beside what is gathered
        run = self._folder / _run_name(self._runs)
        self._window.append(self._thread.submit(_write_run, self._gathered, run))
        self._gathered = []
        self._runs += 1
        if len(self._window) * RUN_CHUNKS == WINDOW_CHUNKS:
            self._end_window()

    def _end_window(self) -> None:
        runs = [written.result() for written in self._window]
        first = self._runs - len(runs)
        self._steps += steps([run.keys for run in runs], self._chunk_records, first) if runs else ()
        self._offsets += [run.offsets for run in runs]
        self._window = []

    def _placed(self, chunks: Sequence[Chunk]) -> pl.DataFrame:
        """The slices of chunks, with the columns of `_SLICE`."""
        rows = [
            (number, run, start, end, self._offsets[run][start // _SEGMENT_RECORDS])
            for number, chunk in enumerate(chunks)
            for run, start, end in chunk
        ]
        return pl.DataFrame(rows, schema=_SLICE, orient="row")


class _Run(NamedTuple):
    """The keys of a run that is written, and where each of its segments begins."""

    keys: Keys
    offsets: list[int]


def _write_run(details: list[pl.DataFrame], path: Path) -> _Run:
    """Sort a run and write it down durably, but for columns that nothing is said in."""
    run = sorted_run(details)
    told = run.select(s for s in run if s.null_count() < len(run))
    offsets = []
    with path.open("wb") as target:
        for segment in told.iter_slices(_SEGMENT_RECORDS):
            offsets.append(target.tell())
            segments.append(target, segment)
        target.flush()
        os.fsync(target.fileno())
    return _Run(keys_of(run), offsets)


def _read_slice(path: Path, start: int, end: int, offset: int) -> pl.DataFrame:
    """The rows of a run from `start` to before `end`; the segment of the first is at `offset`."""
    count = (end - 1) // _SEGMENT_RECORDS - start // _SEGMENT_RECORDS + 1
    with path.open("rb") as source:
        source.seek(offset)
        rows = pl.concat(islice(segments.read(source), count))
    return rows.slice(start % _SEGMENT_RECORDS, end - start)


def _read_run(path: Path) -> pl.DataFrame:
    with path.open("rb") as source:
        return pl.concat([DETAIL.to_frame(), *segments.read(source)], how="diagonal")


def _run_name(run: int) -> str:
    return f"{run:0{_RUN_DIGITS}}.run"
