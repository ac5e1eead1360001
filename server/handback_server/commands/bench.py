"""`handbackd bench`: how fast this machine is, beside a floor tuned by hand."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from handback_server.bench.ground import Ground

_NAMES: Final = {
    "decoding": "a file of each kind to canonical columns",
    "growth": "ingest on a database that has grown, or of one long file",
    "ingest": "a hand-back file to its last commit",
    "latency": "from a commit until a subscriber has its event",
    "matching": "a file that has no key to go by",
    "payouts": "due redemptions to a delivered file",
    "reads": "get, history, pages, breaks and balances",
    "startup": "a server until it answers, the command line, the client",
    "submit": "from 64 callers, from one, and streamed",
    "subscribers": "1,000 subscribers while redemptions are submitted",
    "verify": "every law",
    "watch": "subscribers that catch up from the beginning",
    "workers": "what a second process gains on PostgreSQL",
}

Benchmark = Callable[["Ground", int, str], Mapping[str, object]]


_LISTED: Final = "\b\nNAME is one of\n" + "\n".join(f"  {n:12} {of}" for n, of in _NAMES.items())


@click.command(epilog=_LISTED)
@click.argument("name", type=click.Choice(tuple(_NAMES)), metavar="NAME")
@click.option(
    "--store", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True
)
@click.option("--records", type=click.IntRange(min=100), default=100_000, show_default=True)
@click.option(
    "--order",
    type=click.Choice(["batch", "random"]),
    default="random",
    show_default=True,
    help="In which the partner answers.",
)
@click.option("--postgres", metavar="URL", help="A server that runs already, not a throw-away one.")
@click.option(
    "--grown",
    type=click.IntRange(min=0),
    default=1_000_000,
    show_default=True,
    help="Finished redemptions of the large database, for growth and reads.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the large database is kept for the next time.",
)
@click.option("--profile", is_flag=True, help="Say what PostgreSQL's time went into (ingest).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(
    name: str,
    store: str,
    records: int,
    order: str,
    postgres: str | None,
    grown: int,
    keep: Path | None,
    profile: bool,
    as_json: bool,
) -> None:
    """Run one benchmark on databases of its own."""
    from handback_server.bench.ground import ground

    module = importlib.import_module(f"handback_server.bench.{name}")
    run: Benchmark = getattr(module, name)
    with ground(store, postgres, grown, keep, profiled=profile) as chosen:
        told = {"benchmark": name, "store": store, **run(chosen, records, order), **chosen.facts()}
    if as_json:
        click.echo(json.dumps(_rounded(told)))
        return
    for key, value in _rounded(told).items():
        for line in value if isinstance(value, list) else [value]:
            shown = json.dumps(line) if isinstance(line, Mapping) else line
            click.echo(f"{key:28} {shown}")


def _rounded(told: Mapping[str, object]) -> dict[str, object]:
    """Rates and times to a sensible number of digits."""
    return {
        key: round(value, 3 if abs(value) < 100 else None) if isinstance(value, float) else value
        for key, value in told.items()
    }
