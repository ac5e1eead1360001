"""`handbackd serve`: one server process."""

from __future__ import annotations

from collections.abc import Mapping

import click


@click.command
@click.option(
    "--log-level",
    type=click.Choice(("debug", "info", "warning", "error", "critical"), case_sensitive=False),
    metavar="LEVEL",
    default="info",
    show_default=True,
    help="Least grave that is logged: debug, info, warning, error or critical.",
)
@click.pass_obj
def serve(environment: Mapping[str, str], log_level: str) -> None:
    """Serve gRPC and do the work that is due, until SIGTERM."""
    from handback.clock import SystemClock
    from handback_server.serving import run
    from handback_server.works import works

    run(environment, SystemClock(), works, log_level)
