"""The spool: what a file was decoded to, in chunks, waiting to be reconciled.

A chunk is one Arrow file of canonical detail rows (`formats.findings.DETAIL`). The spool of a file
appears as a whole or not at all, and is never the only copy: it is decoded again from the landing,
chunk for chunk the same, wherever it is missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from handback.exchange.streams import discard_unfinished, sync_folder
from handback.ids import Prefix, public_id

_CONTENTS: Final = "contents.json"


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in the spool of one file. Records that were rejected are not in its chunks.

    `steps` has the count of chunks of each step; those of one can be applied in any order.
    """

    agreement_version: int
    steps: tuple[int, ...]
    records: int
    rejected: int

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
    def writing(self, file_id: int) -> Iterator[SpoolWriter]:
        """Write the chunks of a file anew; they appear once the writer is told its contents."""
        unfinished = Path(tempfile.mkdtemp(dir=self._unfinished))
        writer = SpoolWriter(unfinished)
        try:
            yield writer
            if writer.closed:
                self.remove(file_id)
                unfinished.replace(self._place(file_id))
                sync_folder(self._root)
        finally:
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
        return pl.read_ipc(self._place(file_id) / _chunk_name(chunk))

    def drop(self, file_id: int, chunk: int) -> None:
        """Forget a chunk that nobody will ask for again; no trouble where it is not there."""
        (self._place(file_id) / _chunk_name(chunk)).unlink(missing_ok=True)

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
    """Takes the chunks of one file in their order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._steps: list[int] = []
        self.chunks = 0
        self.closed = False

    def add(self, step: Sequence[pl.DataFrame]) -> None:
        """Keep the chunks of one step durably."""
        for details in step:
            with (self._folder / _chunk_name(self.chunks)).open("wb") as target:
                details.write_ipc(target)
                target.flush()
                os.fsync(target.fileno())
            self.chunks += 1
        self._steps.append(len(step))

    def close(self, agreement_version: int, *, records: int, rejected: int) -> None:
        """Say what the whole is; without this nothing of it is kept."""
        contents = Contents(agreement_version, tuple(self._steps), records, rejected)
        with (self._folder / _CONTENTS).open("w") as target:
            json.dump(asdict(contents), target)
            target.flush()
            os.fsync(target.fileno())
        sync_folder(self._folder)
        self.closed = True


def _chunk_name(chunk: int) -> str:
    return f"{chunk:06}.arrow"
