"""The landing: every file that came or went, byte for byte, under the sha256 of its content.

Names play no part in where something lies, so nothing a partner calls a file can reach another
place, and the same content is stored once however often it comes.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, cast

from handback.errors import NotFound
from handback.exchange.streams import (
    Fingerprint,
    Readable,
    discard_unfinished,
    fingerprint,
    sync,
    sync_folder,
)

_KEY: Final = re.compile(r"[0-9a-f]{64}")


class Landing:
    """A folder of contents. Safe to share between threads and processes."""

    def __init__(self, root: Path) -> None:
        """`root` is made where it is missing, open to its owner alone."""
        self._root = root
        self._unfinished = root / "unfinished"
        self._unfinished.mkdir(mode=0o700, parents=True, exist_ok=True)

    def land(self, content: Readable) -> Fingerprint:
        """Store the content durably; once this returns it survives a loss of power.

        Whatever reading the content raises leaves nothing behind.
        """
        descriptor, unfinished = tempfile.mkstemp(dir=self._unfinished)
        try:
            with os.fdopen(descriptor, "wb") as target:
                landed = fingerprint(content, into=target)
                sync(target)
            self._keep(Path(unfinished), self._place(landed.key))
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
        return landed

    def open(self, key: str) -> BinaryIO:
        """The content with that key, from its beginning. Raises NotFound."""
        try:
            return self._place(key).open("rb")
        except FileNotFoundError:
            raise NotFound(kind="landed content", id=key) from None

    def remove(self, key: str, before: datetime) -> None:
        """Forget the content with that key, unless it was landed again since then."""
        place, aside = self._place(key), self._unfinished / f"{key}.removed"
        with contextlib.suppress(FileNotFoundError):
            place.rename(aside)
            if aside.stat().st_mtime >= before.timestamp():
                aside.rename(place)
            else:
                aside.unlink()

    def scratch(self) -> BinaryIO:
        """An empty file without a name, beside what is landed; it vanishes when closed."""
        return cast(BinaryIO, tempfile.TemporaryFile(dir=self._unfinished))

    def discard_unfinished(self, before: datetime) -> None:
        """Remove what processes that were killed before then left half written."""
        discard_unfinished(self._unfinished, before)

    def _place(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise NotFound(kind="landed content", id=key)
        return self._root / key[:2] / key[2:4] / key

    def _keep(self, unfinished: Path, place: Path) -> None:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Replaces the same content if it lies there: equal bytes, and freshly made durable.
        unfinished.replace(place)
        for folder in (place.parent, place.parent.parent, self._root):
            sync_folder(folder)
