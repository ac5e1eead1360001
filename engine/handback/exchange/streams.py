"""Byte streams: read in bounded pieces, fingerprinted on the way, made durable once written."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol

PIECE_BYTES: Final = 1 << 20  # what is held of a file at once; larger pieces copy no faster


class Readable(Protocol):
    """Anything that can be read piece by piece, such as an open file, or a part of one."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, empty only at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What some content is, whatever it is called: its sha256 (32 bytes) and its size."""

    sha256: bytes
    size_bytes: int

    @property
    def key(self) -> str:
        """The sha256 as 64 hexadecimal digits: the name of the content in the landing."""
        return self.sha256.hex()


def pieces_of(content: Readable) -> Iterator[bytes]:
    """The content in pieces of at most `PIECE_BYTES`."""
    return iter(partial(content.read, PIECE_BYTES), b"")


def fingerprint(content: Readable, into: BinaryIO | None = None) -> Fingerprint:
    """Read the content to its end and say what it is, writing it to an open file on the way."""
    digest, size_bytes = hashlib.sha256(), 0
    for piece in pieces_of(content):
        digest.update(piece)
        size_bytes += len(piece)
        if into is not None:
            into.write(piece)
    return Fingerprint(digest.digest(), size_bytes)


def sync(target: BinaryIO) -> None:
    """Have what was written to an open file survive a loss of power."""
    target.flush()
    os.fsync(target.fileno())


def sync_folder(folder: str | os.PathLike[str] | int) -> None:
    """Have the names in a folder (a path or an open descriptor) survive a loss of power."""
    if isinstance(folder, int):
        os.fsync(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard_unfinished(folder: Path, before: datetime) -> None:
    """Remove what killed processes left half written in a folder that holds nothing else."""
    for path in folder.iterdir():
        try:
            if path.stat().st_mtime >= before.timestamp():
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # its process was alive after all and has finished it
