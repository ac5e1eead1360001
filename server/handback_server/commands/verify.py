"""`handbackd verify`: whether the laws of the journal hold on what is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from handback.verify import Report


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def verify(context: click.Context, as_json: bool) -> None:
    """Check every law on the live store.

    Leaves with 1 where one is broken.
    """
    import handback_migrations
    from handback import verify as laws
    from handback.settings import Settings
    from handback.store.session import Store

    environment: Mapping[str, str] = context.obj
    url = Settings.read(environment).store.text
    handback_migrations.check(url)
    store = Store.open(url)
    try:
        report = laws.verify(store)
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps({"holds": report.holds, **asdict(report)}, default=str, indent=2))
    else:
        _print(report)
    context.exit(0 if report.holds else 1)


def _print(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("law", "", "checked", "broken", box=None)
    for verdict in report.verdicts:
        broken = f"[red]{verdict.broken:,}[/red]" if verdict.broken else "–"
        checked = f"{verdict.checked:,} {verdict.unit}"
        table.add_row(str(verdict.law), verdict.text, checked, broken)
    console.print(table)
    for verdict in report.verdicts:
        for breach in verdict.shown:
            where = ", ".join(f"{name} {value}" for name, value in breach.where.items())
            console.print(f"law {breach.law}: {breach.what}: {where}", style="red", markup=False)
