"""Breaks: what reconciliation could not close by itself."""

from __future__ import annotations

import click

from handback_client.cli.command import Group, key_option, limit_option
from handback_client.cli.session import Session

COLUMNS = (
    "break_id",
    "kind",
    "partner",
    "redemption_id",
    "quantity",
    "reason_code",
    "file_id",
    "ordinal",
    "opened_at",
)


@click.group("breaks", cls=Group)
def breaks_command() -> None:
    """Breaks: what reconciliation could not close by itself."""


@breaks_command.command("list")
@click.option("--partner", default="", metavar="NAME", help="Only those of this partner.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Only those of this kind; may be repeated.",
)
@click.option(
    "--redemption",
    "redemption_id",
    default="",
    metavar="ID",
    help="Only those that concern this redemption.",
)
@click.option(
    "--file",
    "file_id",
    default="",
    metavar="ID",
    help="Only those that this hand-back file opened.",
)
@click.option("--all", "include_closed", is_flag=True, help="Closed ones too.")
@limit_option
@click.pass_obj
def list_breaks(
    session: Session,
    partner: str,
    kinds: tuple[str, ...],
    redemption_id: str,
    file_id: str,
    include_closed: bool,
    limit: int | None,
) -> None:
    """List open breaks, oldest first."""
    columns = (*COLUMNS, "resolution", "closed_at") if include_closed else COLUMNS
    with session.client() as client:
        found = client.breaks.list(
            partner=partner,
            kinds=kinds,
            redemption_id=redemption_id,
            file_id=file_id,
            include_closed=include_closed,
        )
        session.output.many(found, columns, limit)


@breaks_command.command("show")
@click.argument("break_id")
@click.pass_obj
def show_break(session: Session, break_id: str) -> None:
    """Show one break with the record that opened it."""
    with session.client() as client:
        session.output.one(client.breaks.get(break_id))


@breaks_command.command("dismiss")
@click.argument("break_id")
@click.option("--comment", required=True, metavar="TEXT", help="Why nothing more is needed.")
@key_option
@click.pass_obj
def dismiss_break(session: Session, break_id: str, comment: str, request_key: str) -> None:
    """Close a break that needs no step on any redemption."""
    with session.client() as client:
        found = client.breaks.dismiss(break_id, comment=comment, request_key=request_key)
        session.output.one(found)
