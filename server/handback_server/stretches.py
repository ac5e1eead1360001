"""Stretches of the journal as watchers are sent them, and a place in memory for some of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from handback.journal.names import Names
from handback.journal.read import Page
from handback.partners.restricted import RESTRICTED, SHOWN
from handback_server.cursors import Cursor
from handback_server.wire import Encoder, Numbers, Records, response

# Events of a stretch, which is what one message brings; one for each event costs 25 times more.
STRETCH_EVENTS: Final = 2_048
# What a stretch takes in memory: for itself, and for each event in columns and as a record.
_STRETCH_BYTES: Final = 4_000
_EVENT_BYTES: Final = 350

# Which events a watcher wants: the values it lets through of each column that it narrows.
Filter = Mapping[str, frozenset[int]]


class Column:
    """The values of some events that filters ask about."""

    def __init__(self, values: Numbers) -> None:
        self._values = values

    @cached_property
    def _occurring(self) -> frozenset[int]:
        return frozenset(self._values.tolist())

    def among(self, wanted: frozenset[int]) -> npt.NDArray[np.bool_] | bool:
        """Which of the events have one of these values; one answer where all have, or none has."""
        shared = self._occurring & wanted
        if not shared or len(shared) == len(self._occurring):
            return bool(shared)
        return np.isin(self._values, list(shared))


class Encoders:
    """What encodes a page: for those who may see restricted reasons, and for everybody else.

    It is the same for both wherever a page has no such reason, which is nearly always.
    """

    def __init__(self, page: Page, names: Names) -> None:
        self._page, self._names = page, names
        restricted = page.events["reason_class"] == int(RESTRICTED)
        self.differ = bool(restricted.any())
        self.masked = Encoder(_masked(page) if self.differ else page, names)

    @cached_property
    def unmasked(self) -> Encoder:
        """Made when somebody asks for it."""
        return Encoder(self._page, self._names) if self.differ else self.masked


def _masked(page: Page) -> Page:
    restricted = pl.col("reason_class") == int(RESTRICTED)
    events = page.events.with_columns(
        reason_class=pl.when(restricted).then(int(SHOWN)).otherwise("reason_class"),
        reason_code=pl.when(restricted).then(pl.lit("")).otherwise("reason_code"),
    )
    return replace(page, events=events)


class Encoded:
    """The events of a stretch as bytes, made when they are asked for."""

    def __init__(self, encoder: Encoder, rows: slice, end: Cursor) -> None:
        self._encoder, self._rows, self._end = encoder, rows, end

    @cached_property
    def records(self) -> Records:
        """Each event by itself."""
        return self._encoder.records(self._rows)

    @cached_property
    def message(self) -> bytes:
        """The response that brings all of them."""
        return response(self.records.content, self._end)


class Stretch:
    """Events in a row: those after the cursor `start`, up to `end`; `page` is what they are of."""

    def __init__(self, page: Page, encoders: Encoders, programme_id: Numbers, offset: int) -> None:
        """Those of a page from a row on; `programme_id` has a value for each row of the page."""
        self.page = page
        self._encoders = encoders
        self._rows = slice(offset, min(offset + STRETCH_EVENTS, len(page.events)))
        self._programme_id = programme_id
        self._columns: dict[str, Column] = {}
        first, last = (page.events.row(row, named=True) for row in (offset, self._rows.stop - 1))
        self.start = Cursor(page.blocks["position"][first["block"]] - 1, first["place"] - 1)
        position = page.blocks["position"][last["block"]]
        whole = last["place"] == page.blocks["event_count"][last["block"]]
        self.end = Cursor(position) if whole else Cursor(position - 1, last["place"])

    def __len__(self) -> int:
        return self._rows.stop - self._rows.start

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return _STRETCH_BYTES + _EVENT_BYTES * len(self)

    @cached_property
    def _masked(self) -> Encoded:
        return Encoded(self._encoders.masked, self._rows, self.end)

    @cached_property
    def _unmasked(self) -> Encoded:
        if not self._encoders.differ:
            return self._masked
        return Encoded(self._encoders.unmasked, self._rows, self.end)

    def wanted(self, by: Filter, after: Cursor, *, unmasked: bool = False) -> bytes:
        """The response that brings what passes a filter after a cursor; empty where none does.

        Who wants all is given the same bytes as everybody who does. Restricted reasons are shown
        where they are `unmasked`.
        """
        encoded = self._unmasked if unmasked else self._masked
        passes: npt.NDArray[np.bool_] | bool = True
        for name, values in by.items():
            passes = passes & self._column(name).among(values)
            if passes is False:
                return b""
        if passes is True and after <= self.start:
            return encoded.message
        rows = np.flatnonzero(np.broadcast_to(passes, len(self)))
        rows = rows[rows >= self._taken(after)]
        return response(encoded.records.of(rows), self.end) if len(rows) else b""

    def _taken(self, after: Cursor) -> int:
        """How many of the events are not after the cursor, which is in the first of the blocks."""
        if after <= self.start:
            return 0
        block = self.page.events["block"].to_numpy()[self._rows]
        return min(after.place - self.start.place, int(np.count_nonzero(block == block[0])))

    def _column(self, name: str) -> Column:
        column = self._columns.get(name)
        if column is None:
            owner = name == "programme_id"
            values = self._programme_id if owner else self.page.events[name].to_numpy()
            column = self._columns[name] = Column(values[self._rows])
        return column


def stretches_of(page: Page, names: Names) -> list[Stretch]:
    """A page of the journal, in stretches. Raises KeyError where it names what `names` has not."""
    if page.events.is_empty():
        return []
    encoders = Encoders(page, names)
    partner_ids, which = np.unique(page.events["partner_id"].to_numpy(), return_inverse=True)
    programmes = np.array([names.partners[number][0] for number in partner_ids.tolist()])
    offsets = range(0, len(page.events), STRETCH_EVENTS)
    return [Stretch(page, encoders, programmes[which], offset) for offset in offsets]


class Kept:
    """The stretches used last, as many as there is room for; belongs to one thread."""

    def __init__(self, room_bytes: int) -> None:
        self._room_bytes = room_bytes
        self._by_start: OrderedDict[Cursor, Stretch] = OrderedDict()

    def __contains__(self, start: Cursor) -> bool:
        return start in self._by_start

    def get(self, start: Cursor) -> Stretch | None:
        """The stretch that begins there, None where it is not kept."""
        stretch = self._by_start.get(start)
        if stretch is not None:
            self._by_start.move_to_end(start)
        return stretch

    def add(self, stretch: Stretch) -> None:
        """Keep one, in place of those that have not been used for longest."""
        self._drop(stretch.start)
        self._by_start[stretch.start] = stretch
        self._room_bytes -= stretch.size_bytes
        while self._room_bytes < 0 and len(self._by_start) > 1:
            self._drop(next(iter(self._by_start)))

    def _drop(self, start: Cursor) -> None:
        dropped = self._by_start.pop(start, None)
        if dropped is not None:
            self._room_bytes += dropped.size_bytes
