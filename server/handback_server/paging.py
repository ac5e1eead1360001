"""Pages of lists: how many, where to go on, and tokens that fit their own list only.

A token holds the place after which the next page begins and a hash of everything else that was
asked for, so that a token given to another list or with other filters is noticed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from google.protobuf.message import Message

from handback.errors import InvalidRequest, Violation

Row = TypeVar("Row")
Place = TypeVar("Place", int, list[str])

DEFAULT_SIZE: Final = 100
MAX_SIZE: Final = 1_000
_HASH_BYTES: Final = 12
# What a store has for a number.
_LARGEST: Final = 2**63 - 1


class ListRequest(Protocol):
    """A request that asks for a page."""

    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class Page(Generic[Place]):
    """One page as it was asked for: the rows that follow `after`."""

    after: Place
    size: int
    asked: bytes

    @property
    def fetch(self) -> int:
        """How many rows to read: one beyond the page, which says whether another follows."""
        return self.size + 1

    def cut(self, rows: Sequence[Row], place_of: Callable[[Row], Place]) -> tuple[list[Row], str]:
        """The rows of the page, and the token of the next one, empty where there is none."""
        taken = list(rows[: self.size])
        if len(rows) <= self.size:
            return taken, ""
        place = json.dumps(place_of(taken[-1]), separators=(",", ":")).encode()
        return taken, base64.urlsafe_b64encode(self.asked + place).decode()


def page_of(request: ListRequest, start: Place) -> Page[Place]:
    """The page a request asks for; `start` is the place before the first row.

    Raises InvalidRequest for a negative size, or a token that is not of this list.
    """
    if request.page_size < 0:
        raise InvalidRequest([Violation("page_size", f"expected 0 to {MAX_SIZE}")])
    size = min(request.page_size or DEFAULT_SIZE, MAX_SIZE)
    asked = _asked(request)
    if not request.page_token:
        return Page(start, size, asked)
    try:
        token = base64.urlsafe_b64decode(request.page_token.encode())
        place = json.loads(token[_HASH_BYTES:])
    except (binascii.Error, ValueError, RecursionError):
        token, place = b"", None
    if token[:_HASH_BYTES] != asked or not _like(place, start):
        expected = "expected the token of the page before, asked for with the same filters"
        raise InvalidRequest([Violation("page_token", expected)])
    return Page(place, size, asked)


def _like(place: object, start: int | list[str]) -> bool:
    """Whether a place can be one of a list; a token may be made up by whoever asks."""
    if isinstance(start, int):
        return type(place) is int and 0 <= place <= _LARGEST
    return (
        isinstance(place, list)
        and len(place) == len(start)
        and all(isinstance(part, str) and "\0" not in part for part in place)
    )


def _asked(request: ListRequest) -> bytes:
    assert isinstance(request, Message)
    filters = type(request)()
    filters.CopyFrom(request)
    for name in ("page_size", "page_token"):
        filters.ClearField(name)
    content = f"{request.DESCRIPTOR.full_name}:".encode()
    content += filters.SerializeToString(deterministic=True)
    return hashlib.sha256(content).digest()[:_HASH_BYTES]
