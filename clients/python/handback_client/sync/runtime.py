"""What waits, and on what: all in which the two clients differ beyond their keywords."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from queue import SimpleQueue as Queue
from threading import Timer
from time import sleep
from typing import TypeVar

import grpc
from grpc import Channel
from grpc import UnaryUnaryMultiCallable as UnaryMethod

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
        return grpc.insecure_channel(target, channel_options(options))
    return grpc.secure_channel(target, tls.credentials(), channel_options(options))


def call_later(after_s: float, what: Callable[[], object]) -> Timer:
    """Call something once, in a thread of its own, unless it is cancelled before."""
    timer = Timer(after_s, what)
    timer.daemon = True
    timer.start()
    return timer


def each(source: Iterable[_T]) -> Iterator[_T]:
    """One after the other."""
    return iter(source)
