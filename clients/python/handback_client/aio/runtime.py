"""What waits, and on what: all in which the two clients differ beyond their keywords."""

from __future__ import annotations

from asyncio import CancelledError, Queue, TimerHandle, get_running_loop, sleep
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from typing import TypeVar

import grpc
from grpc.aio import Channel
from grpc.aio import UnaryUnaryMultiCallable as UnaryMethod

from handback_client.channel import TLS, channel_options

__all__ = [
    "CancelledError",
    "Channel",
    "Queue",
    "UnaryMethod",
    "call_later",
    "each",
    "open_channel",
    "sleep",
]

_T = TypeVar("_T")


def open_channel(target: str, tls: TLS | None, options: Mapping[str, int | str] | None) -> Channel:
    """A channel to the server, which connects when it is first used."""
    if tls is None:
        return grpc.aio.insecure_channel(target, channel_options(options))
    return grpc.aio.secure_channel(target, tls.credentials(), channel_options(options))


def call_later(after_s: float, what: Callable[[], object]) -> TimerHandle:
    """Call something once, unless it is cancelled before."""
    return get_running_loop().call_later(after_s, what)


async def each(source: Iterable[_T] | AsyncIterable[_T]) -> AsyncIterator[_T]:
    """One after the other, from either kind of source."""
    if isinstance(source, AsyncIterable):
        async for one in source:
            yield one
    else:
        for one in source:
            yield one
