"""Transports: where partners' files are fetched from and brought to.

One narrow protocol; limits, retries and measures are wrappers around it, not parts of its
implementations. Folders are relative to what the transport was opened on, and `/` separates them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, Protocol

from handback.exchange.streams import Fingerprint, Readable

UNFINISHED_SUFFIXES: Final = (".part", ".tmp", ".filepart")
"""Names by which uploading programs say that they have not finished."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that lies at a partner's place and may be fetched."""

    folder: str
    name: str
    """As the partner called it, without bytes that are no text."""
    place: str
    """Where it lies now, below `folder`; for the transport alone."""
    size_bytes: int
    modified_at: datetime
    marker_suffix: str | None = None
    token: str | None = None
    """Under which token it was claimed, None before."""


class Transport(Protocol):
    """Fetches and brings files. Its failures are OSErrors, unless a method says otherwise."""

    def list(
        self, folder: str, pattern: str, marker_suffix: str | None = None
    ) -> Sequence[Arrival]:
        """The files of a folder whose names match: claimed ones first, then the others by age.

        `pattern` is a shell pattern. Hidden and unfinished names are left out, and with
        a `marker_suffix` every file without its marker, a file called NAME + suffix.
        """
        ...

    def open(self, arrival: Arrival) -> BinaryIO:
        """The content of a file. Raises FileNotFoundError where it has gone."""
        ...

    def claim(self, arrival: Arrival, token: str) -> Arrival | None:
        """Take a file out of the partner's sight, for good; None where it has gone.

        The file keeps the token through crashes: until it is acknowledged, `list` shows it with
        that token. A token is letters, digits and underscores, and is never used twice; a
        claimed file may be claimed anew under another.
        """
        ...

    def acknowledge(self, arrival: Arrival) -> None:
        """Put a claimed file away into the archive; a file that was put away before stays so."""
        ...

    def put(self, folder: str, name: str, content: Readable, expected: Fingerprint) -> None:
        """Deliver a file so that its name appears only with its whole content, and read it back.

        Content that is there already under that name counts as delivered. Raises AlreadyExists
        where the name has other content.
        """
        ...
