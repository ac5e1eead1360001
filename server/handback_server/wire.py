"""Events as the bytes of the wire, thousands at a time.

To build a message object for each event and serialise it costs several microseconds. Here events
are laid out as a matrix of bytes: a row for each event, and for each field as many columns as its
widest value takes. Bytes that a shorter value leaves over are dropped at the end.

A message of protobuf may be written in parts, one behind the other. So only what differs from
event to event is written here. What events share is serialised by the generated class, once for
each combination that occurs, and copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from handback.ids import Prefix, public_id
from handback.journal.names import Names
from handback.journal.read import Page
from handback_server import convert
from handback_server._stubs.v1.events_pb2 import WatchResponse
from handback_server._stubs.v1.lifecycle_pb2 import RedemptionEvent
from handback_server.cursors import Cursor

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

_ALPHABET: Final = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)
_SHIFTS: Final = np.arange(60, -1, -5, dtype=np.int64)

# What stands before a value, taken from a message with the shortest.
_EVENTS_TAG: Final = WatchResponse(events=[RedemptionEvent()]).SerializeToString()[:-1]
_QUANTITY_TAG: Final = RedemptionEvent(quantity=1).SerializeToString()[:-1]
_ORDINAL_TAG: Final = RedemptionEvent(ordinal=1).SerializeToString()[:-1]
_CURSOR_TAG: Final = RedemptionEvent(cursor=" ").SerializeToString()[:-2]
_REDEMPTION_ID_HEAD: Final = RedemptionEvent(
    redemption_id=public_id(Prefix.REDEMPTION, 0)
).SerializeToString()[: -len(_SHIFTS)]

# What a redemption's events have in common with those of many others.
_KIND: Final = (
    "version",
    "trigger",
    "from_state",
    "to_state",
    "attempt",
    "reason_class",
    "file_id",
    "partner_id",
    "unit_id",
)
_LARGEST: Final = 2**63


@dataclass(frozen=True, slots=True)
class Records:
    """Events as they stand in the field `events` of a response, one behind the other.

    `ends` says where each ends in `content`.
    """

    content: bytes
    ends: Numbers

    def __len__(self) -> int:
        return len(self.ends)

    def of(self, rows: Numbers) -> bytes:
        """The records of some rows, which are given in their order."""
        if not len(rows):
            return b""
        # Neighbours are copied together.
        first = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        last = np.append(first[1:], len(rows)) - 1
        starts = np.where(rows[first] > 0, self.ends[rows[first] - 1], 0).tolist()
        ends = self.ends[rows[last]].tolist()
        runs = zip(starts, ends, strict=True)
        return b"".join(self.content[start:end] for start, end in runs)


def response(records: bytes, cursor: Cursor) -> bytes:
    """A WatchResponse with these records."""
    return records + WatchResponse(cursor=str(cursor)).SerializeToString()


class Encoder:
    """The events of a page of the journal, to be had as records."""

    def __init__(self, page: Page, names: Names) -> None:
        """`names` knows all that the page names."""
        events, blocks = page.events, page.blocks
        self._redemption_id = events["redemption_id"].to_numpy()
        self._quantity = events["quantity"].to_numpy()
        self._ordinal = events["ordinal"].to_numpy()
        self._place = events["place"].to_numpy()
        self._block = events["block"].to_numpy()
        self._before = _Texts([f"{position - 1}.".encode() for position in blocks["position"]])
        self._by_block = _serialised(convert.event_block, blocks)
        first, self._kind = _kinds(events)
        self._by_kind = _serialised(partial(convert.event_kind, names), events[first])

    def records(self, rows: slice) -> Records:
        """The events of some rows, at least of one."""
        body = [
            *_redemption_ids(self._redemption_id[rows]),
            *_number_field(_QUANTITY_TAG, self._quantity[rows]),
            *_number_field(_ORDINAL_TAG, self._ordinal[rows]),
            *_cursors(self._before.of(self._block[rows]), _digits(self._place[rows])),
            self._by_kind.of(self._kind[rows]),
            self._by_block.of(self._block[rows]),
        ]
        length = np.zeros(len(self._block[rows]), dtype=np.int64)
        for part in body:
            length += part.lengths
        head = [_constant(_EVENTS_TAG), _varint(length)]
        for part in head:
            length = length + part.lengths
        return Records(_joined(len(length), [*head, *body]), np.cumsum(length))


@dataclass(frozen=True, slots=True)
class _Part:
    """Some columns of the matrix, or one row for all; `counts` marks the bytes that count."""

    content: Bytes
    counts: Mask

    @property
    def lengths(self) -> Numbers:
        """How many bytes of each row count."""
        lengths: Numbers = self.counts.sum(axis=1, dtype=np.int64)
        return lengths


def _joined(rows: int, parts: Sequence[_Part]) -> bytes:
    width = sum(part.content.shape[1] for part in parts)
    content = np.empty((rows, width), dtype=np.uint8)
    counts = np.empty((rows, width), dtype=np.bool_)
    at = 0
    for part in parts:
        end = at + part.content.shape[1]
        content[:, at:end] = part.content
        counts[:, at:end] = part.counts
        at = end
    return content[counts].tobytes()


def _constant(content: bytes) -> _Part:
    """The same bytes in every row."""
    row = np.frombuffer(content, dtype=np.uint8)[None, :]
    return _Part(row, np.ones(row.shape, dtype=np.bool_))


def _varint(values: Numbers) -> _Part:
    """Seven bits a byte, the least first; the eighth says that more follow."""
    rest = values.astype(np.uint64)
    width = max(1, -(-int(rest.max()).bit_length() // 7))
    content = np.empty((len(rest), width), dtype=np.uint8)
    counts = np.ones((len(rest), width), dtype=np.bool_)
    for place in range(width):
        content[:, place] = rest & 0x7F
        rest >>= 7
        more = rest > 0
        content[:, place] |= more.astype(np.uint8) << 7
        counts[:, place + 1 : place + 2] = more[:, None]
    return _Part(content, counts)


def _number_field(tag: bytes, values: Numbers) -> Iterator[_Part]:
    """A whole field of numbers; one that is 0 is left out."""
    there = (values != 0)[:, None]
    for part in (_constant(tag), _varint(values)):
        yield _Part(part.content, part.counts & there)


def _redemption_ids(numbers: Numbers) -> Iterator[_Part]:
    """The whole field; the ids are those that `ids.public_id` makes one by one."""
    yield _constant(_REDEMPTION_ID_HEAD)
    digits = _ALPHABET[(numbers[:, None] >> _SHIFTS) & 31]
    yield _Part(digits, np.ones((1, len(_SHIFTS)), dtype=np.bool_))


def _cursors(before: _Part, place: _Part) -> Iterator[_Part]:
    """The whole field: the position before the block, a point, the place in the block."""
    length = before.lengths + place.lengths
    assert length.max() < 128, "the length of a cursor is one byte"
    yield _constant(_CURSOR_TAG)
    yield _varint(length)
    yield before
    yield place


def _digits(numbers: Numbers) -> _Part:
    """Positive numbers in decimal."""
    powers = 10 ** np.arange(len(str(numbers.max())) - 1, -1, -1, dtype=np.int64)
    content = (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)
    return _Part(content, numbers[:, None] >= powers)


class _Texts:
    """Some texts, to be copied into rows."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        lengths = np.array([len(text) for text in texts])
        width = int(lengths.max())
        padded = b"".join(text.ljust(width, b"\0") for text in texts)
        self._content = np.frombuffer(padded, dtype=np.uint8).reshape(len(texts), width)
        self._counts = np.arange(width) < lengths[:, None]

    def of(self, which: Numbers) -> _Part:
        """For each row the text with its number."""
        if len(self._content) == 1:
            return _Part(self._content, self._counts)
        return _Part(self._content[which], self._counts[which])


def _serialised(
    message: Callable[[Mapping[str, Any]], RedemptionEvent], rows: pl.DataFrame
) -> _Texts:
    return _Texts([message(row).SerializeToString() for row in rows.iter_rows(named=True)])


def _kinds(events: pl.DataFrame) -> tuple[Numbers, Numbers]:
    """What events share whatever their block: the first row of each kind, and the kind of each."""
    code = events["reason_code"].cast(pl.Categorical).to_physical().cast(pl.Int64)
    return combinations([*(events[name].to_numpy() for name in _KIND), code.to_numpy()])


def combinations(columns: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    """Of each combination of values that occurs the first row, and of each row its combination."""
    combined, span = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        least, most = int(column.min()), int(column.max())
        values = most - least + 1
        if span * values >= _LARGEST:
            combined, span = _numbered(combined), len(combined)
        if span * values >= _LARGEST:
            column, least, values = _numbered(column), 0, len(column)
        combined = combined * values + (column - least)
        span *= values
    _, first, which = np.unique(combined, return_index=True, return_inverse=True)
    return first, which


def _numbered(values: Numbers) -> Numbers:
    return np.unique(values, return_inverse=True)[1]
