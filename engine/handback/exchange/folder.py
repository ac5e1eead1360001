"""The transport for folders on a disk, mounted or shared with a file server.

Claimed files lie in `claimed/` and acknowledged ones in `archive/` beside the partner's own, as
TOKEN.NAME: the token makes the name unique, so an older file of the same name is never replaced.

Everything goes through open descriptors of folders and follows no symbolic link below the root, so
no name, link or race reaches a file outside of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO, Final

from handback.errors import AlreadyExists, InvalidRequest, Violation
from handback.exchange.streams import Fingerprint, Readable, fingerprint, sync, sync_folder
from handback.exchange.transport import UNFINISHED_SUFFIXES, Arrival

CLAIMED: Final = "claimed"
ARCHIVE: Final = "archive"

_TOKEN: Final = re.compile(r"[A-Za-z0-9_]{1,48}")
# File systems allow 255 bytes; a token (48), its dot and a marker's suffix must fit beside it.
_KEPT_NAME_BYTES: Final = 180


class FolderTransport:
    """Files below one root folder. Whoever claims files holds a lock on the partner meanwhile."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(
        self, folder: str, pattern: str, marker_suffix: str | None = None
    ) -> Sequence[Arrival]:
        """See `Transport.list`. A folder that is not there yet is made."""
        with (
            self._opened(folder, create=True) as at,
            self._opened(folder, CLAIMED, create=True) as claimed,
        ):
            return [
                *_claimed(at, claimed, folder, pattern, marker_suffix),
                *_complete(at, folder, pattern, marker_suffix),
            ]

    def open(self, arrival: Arrival) -> BinaryIO:
        """See `Transport.open`."""
        below, name = _split(arrival.place)
        with self._opened(arrival.folder, *below) as at:
            return _open_file(at, name)

    def claim(self, arrival: Arrival, token: str) -> Arrival | None:
        """See `Transport.claim`. The marker follows its file."""
        assert _TOKEN.fullmatch(token), token
        below, name = _split(arrival.place)
        given = name if arrival.token is None else name.partition(".")[2]
        kept = f"{token}.{_shortened(given)}"
        with (
            self._opened(arrival.folder, *below) as at,
            self._opened(arrival.folder, CLAIMED, create=True) as claimed,
        ):
            try:
                os.rename(name, kept, src_dir_fd=at, dst_dir_fd=claimed)
            except FileNotFoundError:
                return None
            _move_marker(arrival.marker_suffix, (at, name), (claimed, kept))
            return _arrival(claimed, arrival.folder, kept, arrival.marker_suffix, token)

    def acknowledge(self, arrival: Arrival) -> None:
        """See `Transport.acknowledge`."""
        assert arrival.token is not None, arrival
        below, kept = _split(arrival.place)
        with (
            self._opened(arrival.folder, *below) as claimed,
            self._opened(arrival.folder, ARCHIVE, create=True) as archive,
        ):
            _move_marker(arrival.marker_suffix, (claimed, kept), (archive, kept))
            with contextlib.suppress(FileNotFoundError):
                os.rename(kept, kept, src_dir_fd=claimed, dst_dir_fd=archive)

    def put(self, folder: str, name: str, content: Readable, expected: Fingerprint) -> None:
        """See `Transport.put`. Raises OSError (EIO) where the disk gives other bytes back."""
        _check_outgoing_name(name)
        with self._opened(folder, create=True) as at:
            if _is_there(at, name, expected):
                return
            unfinished = f".{name}.part"
            _write(at, unfinished, content, expected)
            os.rename(unfinished, name, src_dir_fd=at, dst_dir_fd=at)
            sync_folder(at)

    @contextmanager
    def _opened(self, folder: str, *below: str, create: bool = False) -> Iterator[int]:
        """A descriptor of a folder below the root, entered step by step."""
        at = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for step in (*_steps(folder), *below):
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(step, dir_fd=at)
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
                entered = os.open(step, flags, dir_fd=at)
                os.close(at)
                at = entered
            yield at
        finally:
            os.close(at)


def _claimed(
    at: int, claimed: int, folder: str, pattern: str, marker_suffix: str | None
) -> list[Arrival]:
    """The claimed files of a folder in the order of their tokens."""
    names = _regular_files(claimed)
    found = []
    for kept in sorted(names):
        token, dot, name = kept.partition(".")
        if not dot or not _TOKEN.fullmatch(token) or _is_marker(name, marker_suffix):
            continue
        if not fnmatchcase(name, pattern):
            continue
        if marker_suffix is not None and kept + marker_suffix not in names:
            # A crash fell between the file and its marker. Left there, the marker would vouch
            # for the next file of that name.
            _move_marker(marker_suffix, (at, name), (claimed, kept))
        found.append(_arrival(claimed, folder, kept, marker_suffix, token))
    return [arrival for arrival in found if arrival is not None]


def _complete(at: int, folder: str, pattern: str, marker_suffix: str | None) -> list[Arrival]:
    """The files that match and are complete, oldest first."""
    names = _regular_files(at)
    arrivals = [
        _arrival(at, folder, name, marker_suffix, None)
        for name in names
        if fnmatchcase(name, pattern)
        and not name.startswith(".")
        and not name.lower().endswith(UNFINISHED_SUFFIXES)
        and not _is_marker(name, marker_suffix)
        and (marker_suffix is None or name + marker_suffix in names)
    ]
    found = [arrival for arrival in arrivals if arrival is not None]
    return sorted(found, key=lambda arrival: (arrival.modified_at, arrival.place))


def _arrival(
    at: int, folder: str, stored: str, marker_suffix: str | None, token: str | None
) -> Arrival | None:
    """What a name in an open folder stands for, None where it has gone."""
    try:
        found = os.stat(stored, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return None
    name = stored if token is None else stored.partition(".")[2]
    return Arrival(
        folder=folder,
        name=os.fsencode(name).decode(errors="replace"),
        place=stored if token is None else f"{CLAIMED}/{stored}",
        size_bytes=found.st_size,
        modified_at=datetime.fromtimestamp(found.st_mtime, UTC),
        marker_suffix=marker_suffix,
        token=token,
    )


def _regular_files(at: int) -> set[str]:
    with os.scandir(at) as entries:
        return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}


def _is_marker(name: str, marker_suffix: str | None) -> bool:
    return marker_suffix is not None and name.endswith(marker_suffix)


def _move_marker(
    marker_suffix: str | None, source: tuple[int, str], target: tuple[int, str]
) -> None:
    """Move the marker beside a file, if the agreement has markers and this one is still there."""
    if marker_suffix is None:
        return
    with contextlib.suppress(FileNotFoundError):
        os.rename(
            source[1] + marker_suffix,
            target[1] + marker_suffix,
            src_dir_fd=source[0],
            dst_dir_fd=target[0],
        )


def _open_file(at: int, name: str) -> BinaryIO:
    """Open a regular file in an open folder; never a link, and never waiting for a pipe."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", name)
    return os.fdopen(descriptor, "rb")


def _is_there(at: int, name: str, expected: Fingerprint) -> bool:
    """Whether the name has the expected content. Raises AlreadyExists where it has another."""
    try:
        with _open_file(at, name) as found:
            if fingerprint(found) == expected:
                return True
    except FileNotFoundError:
        return False
    raise AlreadyExists(kind="file", id=name)


def _write(at: int, name: str, content: Readable, expected: Fingerprint) -> None:
    """Write a file durably and read it back, before anybody may see it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(name, flags, 0o666, dir_fd=at), "wb") as target:
        fingerprint(content, into=target)
        sync(target)
    with _open_file(at, name) as written:
        found = fingerprint(written)
    if found != expected:
        raise OSError(errno.EIO, f"read back {found}, not {expected}", name)


def _steps(folder: str) -> list[str]:
    """The folders to enter one after the other. Raises InvalidRequest for a way out of the root."""
    steps = folder.split("/")
    if "\0" in folder or any(step in ("", ".", "..") for step in steps):
        expected = (
            f"expected a relative folder without `..`, such as inbound/skyways, not {folder!r}"
        )
        raise InvalidRequest([Violation("folder", expected)])
    return steps


def _check_outgoing_name(name: str) -> None:
    """Refuse a name that would leave its folder or that the partner would leave alone."""
    hidden = name.startswith(".") or name.lower().endswith(UNFINISHED_SUFFIXES)
    if not name or hidden or "/" in name or "\0" in name:
        raise InvalidRequest([Violation("file_name", f"expected a plain file name, not {name!r}")])


def _split(place: str) -> tuple[list[str], str]:
    *below, name = place.split("/")
    return below, name


def _shortened(name: str) -> str:
    """A name with room for a token; of a very long one the beginning and the end."""
    stored = os.fsencode(name)
    half = _KEPT_NAME_BYTES // 2
    return name if len(stored) <= _KEPT_NAME_BYTES else os.fsdecode(stored[:half] + stored[-half:])
