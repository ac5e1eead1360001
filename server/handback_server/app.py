"""One server: its gRPC side, its workers, and how both start and stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from handback.clock import Clock
from handback.errors import InvalidSettings, Violation
from handback.settings import TLS, Settings
from handback_server._stubs.v1 import (
    agreements_pb2,
    agreements_pb2_grpc,
    breaks_pb2,
    breaks_pb2_grpc,
    events_pb2,
    formats_pb2,
    formats_pb2_grpc,
    handback_files_pb2,
    handback_files_pb2_grpc,
    ledger_pb2,
    ledger_pb2_grpc,
    payouts_pb2,
    payouts_pb2_grpc,
    redemptions_pb2,
    redemptions_pb2_grpc,
    reports_pb2,
    reports_pb2_grpc,
)
from handback_server.calls import Calls
from handback_server.runtime import Runtime
from handback_server.services.agreements import Agreements
from handback_server.services.breaks import Breaks
from handback_server.services.events import Events, add_events
from handback_server.services.formats import Formats
from handback_server.services.handback_files import HandbackFiles
from handback_server.services.ledger import Ledger
from handback_server.services.payouts import Payouts
from handback_server.services.redemptions import Redemptions
from handback_server.services.reports import Reports
from handback_server.workers import Work, Workers

_LOG: Final = logging.getLogger(__name__)

# Generated code that adds a service to a server.
_Add = Callable[[Any, Any], None]
_ADD_HEALTH: Final[_Add] = health_pb2_grpc.add_HealthServicer_to_server
_ADD_REFLECTION: Final[_Add] = reflection_pb2_grpc.add_ServerReflectionServicer_to_server

# What serves each service, and what makes gRPC call it.
_SERVICES: Final[Sequence[tuple[Callable[[Runtime], Any], _Add]]] = (
    (Redemptions, redemptions_pb2_grpc.add_RedemptionServiceServicer_to_server),
    (Payouts, payouts_pb2_grpc.add_PayoutServiceServicer_to_server),
    (HandbackFiles, handback_files_pb2_grpc.add_HandbackFileServiceServicer_to_server),
    (Breaks, breaks_pb2_grpc.add_BreakServiceServicer_to_server),
    (Agreements, agreements_pb2_grpc.add_AgreementServiceServicer_to_server),
    (Formats, formats_pb2_grpc.add_FormatServiceServicer_to_server),
    (Ledger, ledger_pb2_grpc.add_LedgerServiceServicer_to_server),
    (Reports, reports_pb2_grpc.add_ReportServiceServicer_to_server),
    (Events, add_events),
)
_NAMES: Final = tuple(
    service.full_name
    for file in (
        redemptions_pb2,
        payouts_pb2,
        handback_files_pb2,
        breaks_pb2,
        agreements_pb2,
        formats_pb2,
        ledger_pb2,
        reports_pb2,
        events_pb2,
        health_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
)


class Server:
    """Serves one store until it drains. Belongs to the event loop it was opened on."""

    def __init__(self, runtime: Runtime, works: Sequence[Work]) -> None:
        """Not yet serving; `open` gives one that is, and its `port`."""
        self._runtime = runtime
        self._workers = Workers(works, runtime.store, runtime.drain)
        self._calls = Calls(runtime.drain, runtime.settings.max_message_bytes)
        self._health = health.HealthServicer()
        self._grpc = grpc.aio.server(options=_options(runtime.settings))
        self.port = 0

    @classmethod
    async def open(
        cls, settings: Settings, clock: Clock, works: Callable[[Runtime], Sequence[Work]]
    ) -> Server:
        """A server that serves, on a store that is at the newest schema.

        Raises InvalidSettings where it cannot listen, StoreUnavailable.
        """
        runtime = await Runtime.open(settings, clock)
        try:
            server = cls(runtime, works(runtime))
            await server._start()
        except BaseException:
            await runtime.close()
            raise
        return server

    async def _start(self) -> None:
        for servicer, add in _SERVICES:
            add(servicer(self._runtime), self._calls)
        _ADD_HEALTH(self._health, self._calls)
        reflected = reflection.aio.ReflectionServicer((*_NAMES, reflection.SERVICE_NAME))
        _ADD_REFLECTION(reflected, self._calls)
        self._grpc.add_generic_rpc_handlers((self._calls,))
        for name in _NAMES:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self.port = _listen(self._grpc, self._runtime.settings)
        await self._grpc.start()
        self._workers.start()

    async def drained(self) -> None:
        """Return when the server is told to stop."""
        await self._runtime.drain.wait()

    def drain(self) -> None:
        """Take nothing new from now on; `close` then waits for what is under way."""
        self._runtime.drain.begin()

    async def close(self) -> None:
        """Drain, give running calls and steps their grace, end the rest, close the store."""
        self.drain()
        await self._health.enter_graceful_shutdown()
        try:
            async with asyncio.timeout(self._runtime.settings.drain_s):
                await self._calls.idle()
                await self._workers.finished()
        except TimeoutError:
            _LOG.warning("some calls had to be ended after their grace")
        # A moment in which callers hang up by themselves; without it their connections break.
        await self._grpc.stop(1)
        await self._workers.close()
        await self._runtime.close()


def _options(settings: Settings) -> list[tuple[str, int]]:
    return [
        # Ours is checked by the interceptor and says so in the words of the rest; gRPC's own
        # bound, beyond which nothing is even read into memory, lies well above it.
        ("grpc.max_receive_message_length", 2 * settings.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        # Two servers on one port would each see a part of the calls.
        ("grpc.so_reuseport", 0),
        # Watchers on quiet streams may ask whether we are still there.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]


def _listen(server: grpc.aio.Server, settings: Settings) -> int:
    """Bind the address, with mutual TLS where certificates are set; the port that was taken."""
    address = str(settings.listen)
    try:
        if settings.tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, _credentials(settings.tls))
    except RuntimeError:
        mistake = Violation("HANDBACK_LISTEN", f"cannot listen on {address}")
        raise InvalidSettings([mistake]) from None


def _credentials(tls: TLS) -> grpc.ServerCredentials:
    pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
    authority = tls.client_authority.read_bytes()
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=True)
