"""Payout batches: which were sent; gathering, recalling and sending again."""

from __future__ import annotations

import click

from handback_client.cli.command import (
    Group,
    comment_option,
    key_option,
    limit_option,
    partner_option,
    states_option,
)
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
OVERDUE_COLUMNS = (*COLUMNS[:-1], "deadline_at")


@click.group("batches", cls=Group)
def batches_command() -> None:
    """Payout batches: the files sent to partners."""


@batches_command.command("list")
@partner_option
@states_option(BatchState)
@click.option(
    "--overdue", is_flag=True, help="Only those whose deadline is over with answers outstanding."
)
@limit_option
@click.pass_obj
def list_batches(
    session: Session, partner: str, states: tuple[str, ...], overdue: bool, limit: int | None
) -> None:
    """List payout batches, oldest first."""
    with session.client() as client:
        found = client.batches.list(partner=partner, states=states, overdue=overdue)
        session.output.many(found, OVERDUE_COLUMNS if overdue else COLUMNS, limit)


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
    """Gather what is due for a partner now instead of at the next cut-off or interval."""
    with session.client() as client:
        batches = client.batches.gather(partner)
        session.output.whole(batches, COLUMNS)


@batches_command.command("recall")
@click.argument("batch_id")
@comment_option("Why it is recalled.", required=True)
@key_option
@click.pass_obj
def recall_batch(session: Session, batch_id: str, comment: str, request_key: str) -> None:
    """Recall a sealed batch that has not left; what was in it is due again.

    Hold the partner first: what is due again goes out with the next gathering.
    """
    with session.client() as client:
        batch = client.batches.recall(batch_id, comment=comment, request_key=request_key)
    session.output.one(batch)


@batches_command.command("resend")
@click.argument("batch_id")
@click.option("--as", "file_name", default="", metavar="NAME", help="Under another name.")
@comment_option("Why it is sent again.")
@key_option
@click.pass_obj
def resend_batch(
    session: Session, batch_id: str, file_name: str, comment: str, request_key: str
) -> None:
    """Bring the file of a delivered batch once more: the same bytes, no new attempt."""
    with session.client() as client:
        batch = client.batches.resend(
            batch_id, file_name=file_name, comment=comment, request_key=request_key
        )
    session.output.one(batch)
