"""Watch: one subscriber catches up from the beginning, beside a raw stream of the same messages.

The raw stream comes from a server that has the same messages, in the same batches, ready made in
memory, and leaves it to gRPC to serialise them; a second one builds them from rows in memory with
the generated classes. The product reads them from the database, of which nothing is in its memory
at first, and then a second time, when what fits there is.

The subscriber is the same for all: the bare stub, which parses every message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grpc

from handback_server._stubs.v1.events_pb2 import WatchRequest, WatchResponse
from handback_server.bench.apart import apart
from handback_server.bench.engine import PROGRAMME, engine
from handback_server.bench.ground import Ground, Place, settle
from handback_server.bench.replaying import built, made, record
from handback_server.bench.serving import product, serving

_WATCH: Final = "/handback.v1.EventService/Watch"
# As large a block as files and payouts make.
_BORN_AT_ONCE: Final = 50_000


def watch(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """Catch up with so many events; `order` means nothing here."""
    with ground.place("product") as place:
        recorded = place.folder / "messages"
        apart(_prepare, place, records)
        with serving(product, place) as address:
            seconds = apart(_catch_up, address, recorded)
            again_s = apart(_catch_up, address, None)
        with serving(made, recorded) as address:
            raw_s = apart(_catch_up, address, None)
        with serving(built, recorded) as address:
            built_s = apart(_catch_up, address, None)
        laws_hold = apart(_laws, place)
    return {
        "records": records,
        "seconds": seconds,
        "events_per_s": records / seconds,
        "again_events_per_s": records / again_s,
        "raw_events_per_s": records / raw_s,
        "built_events_per_s": records / built_s,
        "ratio_to_raw": raw_s / seconds,
        "again_to_raw": raw_s / again_s,
        "ratio_to_built": built_s / seconds,
        "laws_hold": laws_hold,
    }


def _prepare(place: Place, records: int) -> None:
    with engine(place) as ours:
        for start in range(0, records, _BORN_AT_ONCE):
            ours.bear(min(_BORN_AT_ONCE, records - start))
        assert ours.laws_hold()
    settle(place)


def _laws(place: Place) -> bool:
    with engine(place) as ours:
        return ours.laws_hold()


def _catch_up(address: str, recorded: Path | None) -> float:
    return asyncio.run(_caught_up(address, recorded))


async def _caught_up(address: str, recorded: Path | None) -> float:
    """Seconds until the mark that all has been sent; every message is parsed as it comes."""
    messages: list[bytes] = []
    options = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        await channel.channel_ready()
        began = time.perf_counter()
        follow: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(_WATCH)
        call = follow(WatchRequest(programme=PROGRAMME).SerializeToString())
        async for message in call:
            messages.append(message)
            if WatchResponse.FromString(message).caught_up:
                break
        seconds = time.perf_counter() - began
    if recorded is not None:
        record(messages, recorded)
    return seconds
