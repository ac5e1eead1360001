# Generated from handback_client/aio by async_to_sync.py; do not edit.
"""The responses of one call, and an end to it where the other side has fallen silent.

A connection can die without a word, and no end of the call tells of it. What the server promises
(a mark of progress on a quiet watch, an answer to each batch) says how long silence may last.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import Generic, Protocol, TypeVar
from weakref import WeakMethod

import grpc

from handback_client.errors import stream_broken
from handback_client.refusals import error_of_call
from handback_client.sync.runtime import CancelledError, call_later

_Response = TypeVar("_Response")
_Given = TypeVar("_Given", covariant=True)


class StreamCall(Protocol[_Given]):
    """A call of gRPC that answers with a stream."""

    def __iter__(self) -> Iterator[_Given]: ...

    def cancel(self) -> bool:
        """End the call."""
        ...


class Stream(Generic[_Response]):
    """Responses one after the other, until it is closed, broken, or silent for too long."""

    def __init__(self, call: StreamCall[_Response], silence_s: float) -> None:
        self._call = call
        self._responses = iter(call)
        self._silence_s = silence_s
        self._waits_since: float | None = None
        self._ended = False
        self._set_alarm(silence_s)

    def next(self) -> _Response:
        """The next response. Raises the HandbackError that the stream ended with."""
        self._waits_since = monotonic()
        try:
            return next(self._responses)
        except StopIteration:
            raise stream_broken("the server ended the stream") from None
        except grpc.RpcError as failed:
            raise error_of_call(failed) from failed
        except CancelledError:
            if self._ended:  # the call was cancelled, and not whoever waits for it
                raise stream_broken("the stream was given up") from None
            raise
        finally:
            self._waits_since = None

    def close(self) -> None:
        """End the call; whoever waits for a response sees the stream as broken."""
        self._ended = True
        self._alarm.cancel()
        self._call.cancel()

    def _set_alarm(self, after_s: float) -> None:
        """Look in time, unless nobody holds on to this stream any more."""
        look = WeakMethod(self._look)
        self._alarm = call_later(after_s, lambda: (alive := look()) and alive())

    def _look(self) -> None:
        """End the call where somebody has waited for too long, else look again in time."""
        since = self._waits_since
        waited_s = 0.0 if since is None else monotonic() - since
        if self._ended:
            return
        if waited_s >= self._silence_s:
            self.close()
        else:
            self._set_alarm(self._silence_s - waited_s)
