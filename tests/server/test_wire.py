"""Events encoded by the page are what the generated classes make of them one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from handback.ids import MAX_ID, Prefix, public_id
from handback.journal.names import Names
from handback.journal.read import Page
from handback.store.bulk import INSTANT
from handback_server import convert
from handback_server._stubs.v1.events_pb2 import WatchResponse
from handback_server._stubs.v1.lifecycle_pb2 import RedemptionEvent
from handback_server.cursors import Cursor
from handback_server.wire import Encoder, combinations, response

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = Names(
    programmes={"aurora": 1},
    partners={1: (1, "skyways"), 2: (1, "Flügel"), 2**40: (1, "p" * 200)},
    units={1: "miles", MAX_ID: "points"},
)

# Where the length of a varint, or the number of digits, changes.
EDGES = [
    edge
    for limit in (*(2**bits for bits in range(7, 63, 7)), *(10**digits for digits in range(1, 18)))
    for edge in (limit - 1, limit)
]


def numbers(least: int, most: int = MAX_ID) -> st.SearchStrategy[int]:
    edges = [edge for edge in [least, *EDGES, most] if least <= edge <= most]
    return st.sampled_from(edges) | st.integers(least, most)


texts = st.text(st.characters(codec="utf-8"), max_size=200)
BLOCKS = st.fixed_dictionaries(
    {
        "block_id": numbers(1),
        "position": numbers(1, 10**18 - 1),
        "cause_kind": st.integers(1, 5),
        "cause_id": st.none() | numbers(1),
        "actor": texts,
        "committed_at": st.integers(0, 10**15).map(lambda us: EPOCH + timedelta(microseconds=us)),
        "trace_context": st.none() | texts,
    }
)
EVENTS = st.fixed_dictionaries(
    {
        "block": st.integers(0, 10**9),
        "place": numbers(1, 10**9 - 1),
        "redemption_id": numbers(0),
        "version": numbers(1, 2**31 - 1),
        "trigger": st.integers(0, 2**15 - 1),
        "from_state": st.integers(0, 2**15 - 1),
        "to_state": st.integers(0, 2**15 - 1),
        "attempt": st.integers(0, 2**15 - 1),
        "reason_class": st.integers(0, 2**15 - 1),
        "quantity": numbers(-MAX_ID),
        "file_id": numbers(0),
        "ordinal": numbers(0),
        "partner_id": st.sampled_from(sorted(NAMES.partners)),
        "unit_id": st.sampled_from(sorted(NAMES.units)),
        "reason_code": texts,
    }
)
BLOCK_SCHEMA = pl.Schema(
    {
        "block_id": pl.Int64(),
        "position": pl.Int64(),
        "cause_kind": pl.Int16(),
        "cause_id": pl.Int64(),
        "actor": pl.String(),
        "committed_at": INSTANT,
        "trace_context": pl.String(),
    }
)
PLAIN = (
    "version",
    "trigger",
    "from_state",
    "to_state",
    "attempt",
    "reason_class",
    "quantity",
    "ordinal",
    "reason_code",
)
EVENT_SCHEMA = pl.Schema(
    {
        **{
            name: pl.Int64()
            for name in (
                "block",
                "place",
                "redemption_id",
                "file_id",
                "partner_id",
                "unit_id",
                *PLAIN[:-1],
            )
        },
        "reason_code": pl.String(),
    }
)

Row = dict[str, Any]


def message(event: Row, block: Row) -> RedemptionEvent:
    """An event as the generated class has it."""
    made = RedemptionEvent(
        redemption_id=public_id(Prefix.REDEMPTION, event["redemption_id"]),
        file_id=public_id(Prefix.HANDBACK_FILE, event["file_id"]) if event["file_id"] else "",
        partner=NAMES.partners[event["partner_id"]][1],
        unit=NAMES.units[event["unit_id"]],
        block_id=public_id(Prefix.BLOCK, block["block_id"]),
        cause=block["cause_kind"],
        cause_id=convert.cause_id(block["cause_kind"], block["cause_id"]),
        actor=block["actor"],
        trace_context=block["trace_context"],
        position=block["position"],
        cursor=f"{block['position'] - 1}.{event['place']}",
        **{name: event[name] for name in PLAIN},
    )
    made.committed_at.FromDatetime(block["committed_at"])
    return made


def encoder(events: list[Row], blocks: list[Row]) -> Encoder:
    page = Page(pl.DataFrame(blocks, BLOCK_SCHEMA), pl.DataFrame(events, EVENT_SCHEMA), after=1)
    return Encoder(page, NAMES)


@given(st.lists(BLOCKS, min_size=1, max_size=3), st.lists(EVENTS, min_size=1, max_size=20))
def test_every_event_reads_as_the_generated_class_has_it(
    blocks: list[Row], events: list[Row]
) -> None:
    for event in events:
        event["block"] %= len(blocks)
    records = encoder(events, blocks).records(slice(0, len(events)))
    expected = [message(event, blocks[event["block"]]) for event in events]
    read = WatchResponse.FromString(response(records.content, Cursor(7, 3)))
    assert read == WatchResponse(events=expected, cursor="7.3")
    # What every reader can read back can be written by every writer: nothing unknown is in it.
    assert read.SerializeToString(deterministic=True) == WatchResponse(
        events=expected, cursor="7.3"
    ).SerializeToString(deterministic=True)


@given(st.lists(EVENTS, min_size=1, max_size=20), st.data())
def test_some_events_are_those_of_their_rows(events: list[Row], data: st.DataObject) -> None:
    for event in events:
        event["block"] = 0
    block = dict.fromkeys(BLOCK_SCHEMA) | {
        "block_id": 1,
        "position": 5,
        "cause_kind": 1,
        "actor": "local",
        "committed_at": EPOCH,
    }
    start = data.draw(st.integers(0, len(events) - 1))
    records = encoder(events, [block]).records(slice(start, len(events)))
    events = events[start:]
    rows = sorted(data.draw(st.sets(st.integers(0, len(events) - 1))))
    read = WatchResponse.FromString(records.of(np.array(rows, dtype=np.int64)))
    assert list(read.events) == [message(events[row], block) for row in rows]


def test_combinations_are_told_apart_however_wide_their_columns() -> None:
    # Two columns of 62 bits and one of 40 do not fit into one number.
    chance = np.random.default_rng(1)
    pools = [chance.integers(0, 2**bits, 20) for bits in (62, 62, 40)]
    columns = [chance.choice(pool, 500) for pool in pools]
    first, which = combinations(columns)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert [rows[first[number]] for number in which] == rows
    assert len(first) == len(set(rows))
