"""A server that answers as the test tells it to: over a real connection, without any engine."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from handback_client._stubs.v1 import (  # noqa: F401  (registers the descriptors)
    agreements_pb2,
    breaks_pb2,
    events_pb2,
    handback_files_pb2,
    ledger_pb2,
    payouts_pb2,
    redemptions_pb2,
    reports_pb2,
)


@dataclass(frozen=True)
class Refuse:
    """An answer that is an error; without a reason it carries no details at all."""

    code: grpc.StatusCode
    reason: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    violations: tuple[tuple[str, str], ...] = ()
    retry_after_s: float = 0.0
    message: str = "refused"
    domain: str = "handback"

    def status(self) -> Status:
        """As the server puts it on the wire."""
        status = Status(code=self.code.value[0], message=self.message)
        if self.reason:
            info = ErrorInfo(reason=self.reason, domain=self.domain, metadata=self.facts)
            status.details.add().Pack(info)
        if self.violations:
            mistakes = BadRequest()
            for name, expected in self.violations:
                mistakes.field_violations.add(field=name, description=expected)
            status.details.add().Pack(mistakes)
        if self.retry_after_s:
            delay = Duration()
            delay.FromMilliseconds(round(self.retry_after_s * 1_000))
            status.details.add().Pack(RetryInfo(retry_delay=delay))
        return status


@dataclass(frozen=True)
class Call:
    """A call that arrived."""

    requests: list[Message]
    metadata: dict[str, str]
    left_s: float | None


Answer = Message | Refuse | Callable[[Any, grpc.ServicerContext], Any]


class Gate:
    """Keeps a streaming answer open until the caller leaves, or the test lets it end."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._left = threading.Event()
        context.add_callback(self._left.set)

    def wait(self) -> None:
        """Until the call is over; bounded, so that a broken test fails and does not hang."""
        self._left.wait(20)


class ScriptedServer(grpc.GenericRpcHandler):
    """Gives each method's answers in the order they were put up, and keeps what was asked."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Call]] = defaultdict(list)
        self._answers: dict[str, deque[Answer]] = defaultdict(deque)
        self._pool = ThreadPoolExecutor(8)
        self.port = 0
        self._server: grpc.Server | None = None
        self.start()

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, after a stop on the same port as before."""
        self._server = grpc.server(self._pool, handlers=[self])
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def stop(self) -> None:
        """Drop every connection."""
        assert self._server is not None
        self._server.stop(0).wait()

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._pool.shutdown()

    def on(self, method: str, *answers: Answer) -> None:
        """Answer the next calls of a method with a message, a refusal, or what a function does.

        The function gets the request (its iterator where the method takes a stream) and the
        context; for a method that answers with a stream it is a generator.
        """
        self._answers[method].extend(answers)

    def service(self, handler_call_details: Any) -> Any:
        """The handler of any method that the proto declares."""
        service, _, name = handler_call_details.method.strip("/").rpartition("/")
        pool = descriptor_pool.Default()
        method = pool.FindServiceByName(service).methods_by_name[name]
        takes, gives = method.client_streaming, method.server_streaming
        build = getattr(
            grpc,
            f"{'stream' if takes else 'unary'}_{'stream' if gives else 'unary'}_rpc_method_handler",
        )
        request_type = message_factory.GetMessageClass(method.input_type)
        return build(
            self._streamed(name) if gives else self._single(name),
            request_type.FromString,
            lambda message: message.SerializeToString(),
        )

    def _single(self, name: str) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            chosen = self._next(name, request, context)
            if isinstance(chosen, Message):
                if not isinstance(request, Message):
                    self.calls[name][-1].requests.extend(request)
                return chosen
            return chosen(self._kept(name, request), context)

        return answer

    def _streamed(self, name: str) -> Callable[[Any, grpc.ServicerContext], Iterator[Any]]:
        def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            chosen = self._next(name, request, context)
            assert not isinstance(chosen, Message), "a stream is answered by a generator"
            yield from chosen(self._kept(name, request), context)

        return answer

    def _next(self, name: str, request: Any, context: grpc.ServicerContext) -> Any:
        requests = [request] if isinstance(request, Message) else []
        metadata = {key: str(value) for key, value in context.invocation_metadata()}
        self.calls[name].append(Call(requests, metadata, context.time_remaining()))
        if not self._answers[name]:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"no answer was put up for {name}")
        chosen = self._answers[name].popleft()
        if isinstance(chosen, Refuse):
            refuse(context, chosen)
        return chosen

    def _kept(self, name: str, request: Any) -> Any:
        """The request as it is, or its parts one by one, each kept as it is taken."""
        if isinstance(request, Message):
            return request
        kept = self.calls[name][-1].requests
        return (kept.append(part) or part for part in request)


def refuse(context: grpc.ServicerContext, refusal: Refuse) -> None:
    """End a call with an error; raises."""
    if refusal.reason or refusal.violations or refusal.retry_after_s:
        details = refusal.status().SerializeToString()
        context.set_trailing_metadata((("grpc-status-details-bin", details),))
    context.abort(refusal.code, refusal.message)


class Feed:
    """A streaming answer that the test writes message by message while the call goes on."""

    def __init__(self) -> None:
        self._messages: SimpleQueue[Message | Refuse | None] = SimpleQueue()

    def send(self, *messages: Message | Refuse | None) -> None:
        """Send messages; a refusal ends the stream with it, None ends it well."""
        for message in messages:
            self._messages.put(message)

    def __call__(self, request: Any, context: grpc.ServicerContext) -> Iterator[Message]:
        context.add_callback(lambda: self._messages.put(None))
        while (message := self._messages.get()) is not None:
            if isinstance(message, Refuse):
                refuse(context, message)
            else:
                yield message
