"""`handbackd demo`: the whole loop on this machine, with an outcome known beforehand."""

from __future__ import annotations

import importlib.util
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

# The narrowest that tables are drawn where nobody looks at a terminal.
_WIDTH = 120


@click.command
@click.option(
    "--records",
    type=click.IntRange(min=100),
    default=20_000,
    show_default=True,
    metavar="N",
    help="How many redemptions are submitted.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Work in this folder, which must be empty or new, and leave everything there.",
)
@click.option("--seed", default=1, show_default=True, metavar="N", help="Which plan is played.")
@click.option("--server", is_flag=True, hidden=True, help="Be the demo's server.")
@click.pass_context
def demo(context: click.Context, records: int, keep: Path | None, seed: int, server: bool) -> None:
    """Show the whole loop with a server and three invented partners.

    Every count of the outcome is known before it starts; leaves with 1 where one is not met.
    """
    environment: Mapping[str, str] = context.obj
    if server:
        from handback_server.demo.server import serve

        serve(environment)
        return
    if importlib.util.find_spec("handback_client") is None:
        raise click.ClickException(
            "the demo calls its server through the client: pip install handback-client"
        )
    from rich.console import Console

    from handback_server.demo.failure import DemoFailed
    from handback_server.demo.run import run

    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    for told in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(told, _leave)
    try:
        with _folder(keep) as folder:
            met = run(console, environment, folder, records, seed)
            if keep is not None:
                click.echo(f"HANDBACK_HOME={folder} handbackd serve goes on from here.")
    except DemoFailed as failure:
        raise click.ClickException(str(failure)) from failure
    context.exit(0 if met else 1)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where the demo works: a folder that stays, or one that goes when it is over."""
    if keep is None:
        with TemporaryDirectory(prefix="handback-demo-") as made:
            yield Path(made)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise click.BadParameter(f"{keep} is not empty", param_hint="--keep")
    yield keep.absolute()


def _leave(number: int, frame: object) -> None:
    """Leave as Ctrl-C does, so that what was started is stopped."""
    sys.exit(128 + number)
