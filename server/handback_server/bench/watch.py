"""Watch: one subscriber catches up from the beginning, beside a raw stream of the same messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import grpc

from handback_server._stubs.v1 import events_pb2 as pb
from handback_server.bench.apart import apart
from handback_server.bench.engine import PROGRAMME, engine
from handback_server.bench.ground import Ground, Place, settle
from handback_server.bench.serving import WATCH, product, replaying, serving


def watch(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """Catch up with so many events; `order` means nothing here."""
    with ground.place("product") as place:
        recorded = place.folder / "messages"
        apart(_prepare, place, records)
        with serving(product, place) as address:
            seconds = apart(_catch_up, address, recorded)
        with serving(replaying, recorded) as address:
            raw_s = apart(_catch_up, address, None)
        laws_hold = apart(_laws, place)
    return {
        "records": records,
        "seconds": seconds,
        "events_per_s": records / seconds,
        "raw_events_per_s": records / raw_s,
        "ratio_to_raw": raw_s / seconds,
        "laws_hold": laws_hold,
    }


def _prepare(place: Place, records: int) -> None:
    with engine(place) as ours:
        ours.bear(records)
        assert ours.laws_hold()
    settle(place)


def _laws(place: Place) -> bool:
    with engine(place) as ours:
        return ours.laws_hold()


def _catch_up(address: str, recorded: Path | None) -> float:
    return asyncio.run(_caught_up(address, recorded))


async def _caught_up(address: str, recorded: Path | None) -> float:
    """Seconds until the mark that all has been sent; every message is read as a client reads it."""
    messages: list[bytes] = []
    options = [("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        began = time.perf_counter()
        follow: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(WATCH)
        call = follow(pb.WatchRequest(programme=PROGRAMME).SerializeToString())
        async for message in call:
            messages.append(message)
            if pb.WatchResponse.FromString(message).caught_up:
                break
        seconds = time.perf_counter() - began
    if recorded is not None:
        recorded.write_bytes(b"".join(len(one).to_bytes(4, "big") + one for one in messages))
    return seconds
