"""Asking after redemptions, and steering single ones."""

from __future__ import annotations

import click

from handback_client.cli.command import (
    Command,
    comment_option,
    fields_option,
    key_option,
    limit_option,
    member_option,
    partner_option,
    states_option,
)
from handback_client.cli.session import Session
from handback_client.models import State

COLUMNS = (
    "redemption_id",
    "state",
    "partner",
    "member_ref",
    "quantity",
    "unit",
    "attempt",
    "submitted_at",
)
EVENT_COLUMNS = (
    "committed_at",
    "version",
    "trigger",
    "from_state",
    "to_state",
    "attempt",
    "quantity",
    "reason_class",
    "reason_code",
    "actor",
    "changed",
    "comment",
)
_why = comment_option("Why.")


@click.command("get", cls=Command)
@click.argument("redemption_id")
@click.pass_obj
def get_command(session: Session, redemption_id: str) -> None:
    """Show one redemption as it stands."""
    with session.client() as client:
        session.output.one(client.get(redemption_id))


@click.command("list", cls=Command)
@partner_option
@member_option
@states_option(State)
@limit_option
@click.pass_obj
def list_command(
    session: Session, partner: str, member_ref: str, states: tuple[str, ...], limit: int | None
) -> None:
    """List redemptions, oldest first."""
    with session.client() as client:
        found = client.list(partner=partner, member_ref=member_ref, states=states)
        session.output.many(found, COLUMNS, limit)


@click.command("history", cls=Command)
@click.argument("redemption_id")
@limit_option
@click.pass_obj
def history_command(session: Session, redemption_id: str, limit: int | None) -> None:
    """List the steps of one redemption, oldest first."""
    with session.client() as client:
        session.output.many(client.history(redemption_id), EVENT_COLUMNS, limit)


@click.command("cancel", cls=Command)
@click.argument("redemption_id")
@_why
@key_option
@click.pass_obj
def cancel_command(session: Session, redemption_id: str, comment: str, request_key: str) -> None:
    """Take a redemption back that has not left yet."""
    with session.client() as client:
        session.output.one(client.cancel(redemption_id, comment=comment, request_key=request_key))


@click.command("retry", cls=Command)
@click.argument("redemption_id")
@click.option("--member", default="", metavar="REF", help="The member, where it is another one.")
@fields_option
@_why
@key_option
@click.pass_obj
def retry_command(
    session: Session,
    redemption_id: str,
    member: str,
    fields: dict[str, str],
    comment: str,
    request_key: str,
) -> None:
    """Send a rejected redemption to its partner once more, with what has changed of its member."""
    with session.client() as client:
        retried = client.retry(
            redemption_id,
            member_ref=member,
            fields=fields,
            comment=comment,
            request_key=request_key,
        )
        session.output.one(retried)


@click.command("fail", cls=Command)
@click.argument("redemption_id")
@_why
@key_option
@click.pass_obj
def fail_command(session: Session, redemption_id: str, comment: str, request_key: str) -> None:
    """Give a rejected or retrying redemption up."""
    with session.client() as client:
        session.output.one(client.fail(redemption_id, comment=comment, request_key=request_key))
