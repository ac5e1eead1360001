"""Balances: what the journal's postings add up to."""

from __future__ import annotations

import click

from handback_client.cli.command import Command, limit_option
from handback_client.cli.session import Session

COLUMNS = ("partner", "unit", "member", "held", "fulfilled")


@click.command("balances", cls=Command)
@click.option("--partner", default="", metavar="NAME", help="Only those of this partner.")
@click.option("--unit", default="", metavar="NAME", help="Only those in this unit.")
@click.option(
    "--at-position",
    type=click.IntRange(min=0),
    default=None,
    metavar="N",
    help="As they stood after this position of the journal; now unless given.",
)
@limit_option
@click.pass_obj
def balances_command(
    session: Session, partner: str, unit: str, at_position: int | None, limit: int | None
) -> None:
    """List balances by partner and unit.

    What members, open redemptions and the partner hold always adds up to nothing.
    """
    with session.client() as client:
        found = client.balances(partner=partner, unit=unit, at_position=at_position)
        session.output.many(found, COLUMNS, limit)
