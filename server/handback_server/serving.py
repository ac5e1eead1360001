"""A server process: from its settings to its last answered call."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from handback.clock import Clock
    from handback.settings import Settings
    from handback_server.runtime import Runtime
    from handback_server.workers import Work


def run(
    environment: Mapping[str, str],
    clock: Clock,
    works: Callable[[Runtime], Sequence[Work]],
    log_level: str = "info",
) -> None:
    """Serve by a clock, with loops of work, until SIGTERM. Raises InvalidSettings."""
    import handback_migrations
    from handback import telemetry
    from handback.settings import Settings

    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for chatty in ("alembic", "transitions"):  # a line for every step they take
        logging.getLogger(chatty).setLevel(logging.WARNING)
    settings = Settings.read(environment)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(settings.store.text):
        handback_migrations.prepare(settings.store.text)
        flush = telemetry.configure("handbackd", environment)
        try:
            asyncio.run(_serve(settings, clock, works))
        finally:
            flush()


@contextmanager
def _alone(store_url: str) -> Iterator[None]:
    """See to it that an embedded store has one server. Raises InvalidSettings for a second one."""
    import sqlalchemy as sa

    from handback.errors import InvalidSettings, Violation

    url = sa.make_url(store_url)
    if url.get_backend_name() != "sqlite" or url.database is None:
        yield
        return
    with Path(f"{url.database}.serving").open("w") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            mistake = Violation("HANDBACK_STORE", "a file that no other server serves")
            raise InvalidSettings([mistake]) from None
        yield


async def _serve(
    settings: Settings, clock: Clock, works: Callable[[Runtime], Sequence[Work]]
) -> None:
    from handback_server.app import Server
    from handback_server.runtime import spare_collector

    server = await Server.open(settings, clock, works)
    spare_collector()
    loop = asyncio.get_running_loop()
    for told in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(told, server.drain)
    click.echo(f"listening on {settings.listen.host}:{server.port}")
    try:
        await server.drained()
    finally:
        # Whoever is told a second time to stop does not wait for the grace of the first.
        for told in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(told)
        await server.close()
