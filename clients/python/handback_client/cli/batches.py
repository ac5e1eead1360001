"""Payout batches: which were sent, and gathering one now."""

from __future__ import annotations

import click

from handback_client.cli.command import Group, limit_option
from handback_client.cli.session import Session
from handback_client.models import BatchState

COLUMNS = (
    "batch_id",
    "state",
    "partner",
    "sequence",
    "record_count",
    "quantity",
    "unit",
    "file_name",
    "sealed_at",
)
_STATES = [word.value for word in BatchState if word not in (BatchState.NONE, BatchState.UNKNOWN)]


@click.group("batches", cls=Group)
def batches_command() -> None:
    """Payout batches: the files sent to partners."""


@batches_command.command("list")
@click.option("--partner", default="", metavar="NAME", help="Only those for this partner.")
@click.option(
    "--state",
    "states",
    type=click.Choice(_STATES),
    multiple=True,
    help="Only those in this state; may be repeated.",
)
@limit_option
@click.pass_obj
def list_batches(
    session: Session, partner: str, states: tuple[str, ...], limit: int | None
) -> None:
    """List payout batches, oldest first."""
    with session.client() as client:
        found = client.batches.list(partner=partner, states=states)
        session.output.many(found, COLUMNS, limit)


@batches_command.command("show")
@click.argument("batch_id")
@click.pass_obj
def show_batch(session: Session, batch_id: str) -> None:
    """Show one payout batch; `handback report batches --batch` says what became of it."""
    with session.client() as client:
        session.output.one(client.batches.get(batch_id))


@batches_command.command("gather")
@click.argument("partner")
@click.pass_obj
def gather_batches(session: Session, partner: str) -> None:
    """Gather what is due for a partner now instead of at the next interval."""
    with session.client() as client:
        batches = client.batches.gather(partner)
        session.output.many(batches, COLUMNS, None)
