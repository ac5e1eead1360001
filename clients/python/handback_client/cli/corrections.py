"""Members whom a partner credits under other details, and taking note of that."""

from __future__ import annotations

import click

from handback_client.cli.command import (
    Group,
    comment_option,
    key_option,
    limit_option,
    member_option,
    partner_option,
)
from handback_client.cli.session import Session

COLUMNS = (
    "correction_id",
    "partner",
    "member_ref",
    "named_member",
    "redemption_id",
    "reason_code",
    "raised_at",
    "acknowledged_by",
)


@click.group("correction", cls=Group)
def correction_command() -> None:
    """Members whom a partner credits under other details; blocked until acknowledged."""


@correction_command.command("list")
@partner_option
@member_option
@click.option("--all", "include_acknowledged", is_flag=True, help="Acknowledged ones too.")
@limit_option
@click.pass_obj
def list_corrections(
    session: Session, partner: str, member_ref: str, include_acknowledged: bool, limit: int | None
) -> None:
    """List what is to be acknowledged, oldest first."""
    with session.client() as client:
        found = client.corrections.list(
            partner=partner, member_ref=member_ref, include_acknowledged=include_acknowledged
        )
        session.output.many(found, COLUMNS, limit)


@correction_command.command("acknowledge")
@click.argument("correction_id")
@comment_option("What was done about it.")
@key_option
@click.pass_obj
def acknowledge_correction(
    session: Session, correction_id: str, comment: str, request_key: str
) -> None:
    """Take note of a correction: the member may be submitted again."""
    with session.client() as client:
        done = client.corrections.acknowledge(
            correction_id, comment=comment, request_key=request_key
        )
        session.output.one(done)
