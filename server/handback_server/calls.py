"""What every call goes through: its span, its measure, its size, and what its errors become."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry import metrics, trace
from opentelemetry.context import attach

from handback import telemetry
from handback.errors import HandbackError, LimitReached, ShuttingDown
from handback_server.bridge import DEADLINE
from handback_server.callers import Context, metadata_of
from handback_server.drain import Drain
from handback_server.status import DETAILS_KEY, code_of, status_of
from handback_server.texts import check_texts

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

_LOG: Final = logging.getLogger(__name__)
_OURS: Final = "handback.v1."
# What the caller did wrong is no error of the server's span.
_OUR_FAULT: Final = {
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
# By (request is streamed, response is streamed).
_BUILD: Final = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class Calls(grpc.GenericRpcHandler):
    """The methods of a server in one table, ours within what every call goes through.

    To generated code that adds a service to a server it is that server. gRPC would wait for the
    next call of each method that it knows by itself, and walk all that waits at every call.
    """

    def __init__(self, drain: Drain, max_message_bytes: int) -> None:
        self._drain = drain
        self._max_message_bytes = max_message_bytes
        self._methods: dict[str, Handler] = {}
        self._under_way = 0
        self._ended = asyncio.Event()
        self._duration = metrics.get_meter("handback").create_histogram(
            "rpc.server.duration", unit="ms", description="How long calls take, by method and code"
        )

    async def idle(self) -> None:
        """Return once no call is under way."""
        while self._under_way:
            self._ended.clear()
            await self._ended.wait()

    def begun(self) -> None:
        """Count one more call as under way."""
        self._under_way += 1

    def ended(self, took_s: float, attributes: Mapping[str, str]) -> None:
        """Count one call less, and measure it."""
        self._under_way -= 1
        self._ended.set()
        self._duration.record(took_s * 1_000, attributes)

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Nothing to do: the methods of a service are named one by one besides."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Add the methods of a service; health and reflection stay as they are."""
        ours = service.startswith(_OURS)
        for name, handler in handlers.items():
            method = f"{service}/{name}"
            self._methods[f"/{method}"] = self._wrapped(handler, method) if ours else handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The handler of a method, None where there is no such method."""
        return self._methods.get(handler_call_details.method)

    def _wrapped(self, handler: Handler, method: str) -> Handler:
        behaviour: Any = (
            handler.unary_unary
            or handler.unary_stream
            or handler.stream_unary
            or handler.stream_stream
        )

        received: Any = self._checked_all if handler.request_streaming else self._checked
        service, _, name = method.partition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}

        async def answer(request: Any, context: Context) -> Any:
            async with _Call(self, method, attributes, context):
                self._refuse_late()
                return await behaviour(received(request), context)

        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            async with _Call(self, method, attributes, context):
                self._refuse_late()
                async for response in behaviour(received(request), context):
                    yield response

        within: Any = stream if handler.response_streaming else answer
        build = _BUILD[handler.request_streaming, handler.response_streaming]
        return build(within, handler.request_deserializer, handler.response_serializer)

    def _refuse_late(self) -> None:
        if self._drain.begun:
            raise ShuttingDown()

    def _checked(self, request: Message) -> Message:
        """A request that the stores can be asked with. Raises LimitReached, InvalidRequest."""
        content = request.SerializeToString()
        self._check_size(len(content))
        if b"\0" in content:
            check_texts(request)
        return request

    async def _checked_all(self, requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
        """Those of a stream, whose texts are looked at one by one, or in the header."""
        async for request in requests:
            self._check_size(request.ByteSize())
            yield request

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_message_bytes:
            raise LimitReached(f"message size of {self._max_message_bytes} bytes")


class _Call:
    """The span and the measure of one call, and its end where it fails.

    A class, as a generator would take a lone call twice as long to go through.
    """

    __slots__ = ("_attributes", "_began", "_calls", "_context", "_method", "_span")

    def __init__(
        self, calls: Calls, method: str, attributes: Mapping[str, str], context: Context
    ) -> None:
        self._calls, self._context = calls, context
        self._method, self._attributes = method, attributes

    async def __aenter__(self) -> None:
        self._began = asyncio.get_running_loop().time()
        # The types leave out that a call without a deadline has None left.
        left = cast("float | None", self._context.time_remaining())
        DEADLINE.set(math.inf if left is None else self._began + left)
        parent = telemetry.context_of(metadata_of(self._context).get("traceparent"))
        self._span = telemetry.tracer.start_span(
            self._method, parent, trace.SpanKind.SERVER, attributes=self._attributes
        )
        # A call has a task of its own, and its context ends with it: there is nothing to detach,
        # and a stream that its caller abandons would do so in another context.
        attach(trace.set_span_in_context(self._span))
        self._calls.begun()

    async def __aexit__(self, _kind: object, failure: BaseException | None, _trace: object) -> None:
        code = grpc.StatusCode.OK
        try:
            if isinstance(failure, asyncio.CancelledError):
                code = grpc.StatusCode.CANCELLED
            elif isinstance(failure, grpc.aio.AbortError):
                code = self._context.code()
            elif isinstance(failure, Exception):
                status = _explained(failure, self._span)
                code = code_of(status)
                await _end(self._context, status)
        finally:
            self._span.set_attribute("rpc.grpc.status_code", code.value[0])
            self._span.end()
            took_s = asyncio.get_running_loop().time() - self._began
            self._calls.ended(took_s, {**self._attributes, "rpc.grpc.status_code": code.name})


def _explained(failure: Exception, span: trace.Span) -> Status:
    """What the caller is told; the text of a mistake of ours goes to the log alone."""
    status = status_of(failure)
    if isinstance(failure, HandbackError):
        span.set_attribute("error.type", failure.reason)
    else:
        span.set_attribute("error.type", type(failure).__qualname__)
        _LOG.error("a call failed", exc_info=failure)
    if code_of(status) in _OUR_FAULT:
        span.set_status(trace.StatusCode.ERROR)
    return status


async def _end(context: Context, status: Status) -> None:
    details = ((DETAILS_KEY, status.SerializeToString()),)
    await context.abort(code_of(status), status.message, details)
