"""One channel, and how calls are made on it: deadline, repetition, trace context, errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from random import random
from time import monotonic
from typing import Protocol, TypeVar

import grpc

from handback_client.aio.runtime import Channel, UnaryMethod, sleep
from handback_client.refusals import error_of_call
from handback_client.retry import Attempts, RetryPolicy
from handback_client.trace import trace_metadata


class PageRequest(Protocol):
    """A request for one page of many."""

    page_token: str


class Page(Protocol):
    """One page, and the token of the next; empty on the last one."""

    next_page_token: str


_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_PageRequest = TypeVar("_PageRequest", bound=PageRequest)
_Page = TypeVar("_Page", bound=Page)


@dataclass(frozen=True, slots=True)
class Connection:
    """A channel with what holds for every call on it."""

    channel: Channel
    programme: str
    deadline_s: float
    retry: RetryPolicy
    metadata: tuple[tuple[str, str], ...]

    def call_metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with a call that begins now."""
        return self.metadata + trace_metadata()

    async def call(self, method: UnaryMethod[_Request, _Response], request: _Request) -> _Response:
        """One request, one answer. Raises a HandbackError."""
        return await self.attempt(
            lambda left_s: method(request, timeout=left_s, metadata=self.call_metadata()),
            self.deadline_s,
        )

    async def attempt(
        self, start: Callable[[float], Awaitable[_Response]], deadline_s: float
    ) -> _Response:
        """Start a call with the seconds it has left, until it succeeds or need not be repeated."""
        attempts = Attempts(self.retry, deadline_s, monotonic, random)
        while True:
            try:
                return await start(attempts.left_s())
            except grpc.RpcError as failed:
                error = error_of_call(failed)
                pause_s = attempts.pause_after(error)
                if pause_s is None:
                    raise error from failed
            await sleep(pause_s)

    async def pages(
        self, method: UnaryMethod[_PageRequest, _Page], request: _PageRequest
    ) -> AsyncIterator[_Page]:
        """Every page from the one asked for to the last, each a call of its own."""
        while True:
            page = await self.call(method, request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
