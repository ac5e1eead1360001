"""Breaks: what reconciliation could not close by itself, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from handback_client.cli.command import (
    Group,
    comment_option,
    key_option,
    limit_option,
    partner_option,
    words_option,
)
from handback_client.cli.session import Session

if TYPE_CHECKING:
    from handback_client.models import Resolved, ResolveOutcome

COLUMNS = (
    "break_id",
    "severity",
    "kind",
    "partner",
    "redemption_id",
    "quantity",
    "reason_code",
    "owner",
    "due_at",
)
NOTE_COLUMNS = ("at", "kind", "actor", "text")
FINDING_COLUMNS = ("number", "severity", "code", "line", "field", "message")
EARLIER_COLUMNS = ("break_id", "kind", "opened_at", "resolution", "closed_by", "comment")
DECISIONS = (
    "retry",
    "fail",
    "dismiss",
    "confirm",
    "link",
    "accept_variance",
    "write_off",
    "reinstate",
)
_SEVERITIES = ("low", "normal", "high", "critical")

_Function = TypeVar("_Function", bound=Callable[..., Any])


@click.group("breaks", cls=Group)
def breaks_command() -> None:
    """Breaks: what reconciliation could not close by itself."""


def _filters(command: _Function) -> _Function:
    """The options by which breaks are chosen."""
    options = (
        partner_option,
        click.option(
            "--kind",
            "kinds",
            multiple=True,
            metavar="KIND",
            help="Only those of this kind, may be repeated.",
        ),
        words_option(
            "--severity",
            "severities",
            words=_SEVERITIES,
            says="Only those of this severity",
            multiple=True,
        ),
        click.option("--owner", default="", metavar="NAME", help="Only those of this owner."),
        click.option(
            "--file",
            "file_id",
            default="",
            metavar="ID",
            help="Only those that this hand-back file opened.",
        ),
        click.option("--overdue", is_flag=True, help="Only those that ought to be closed by now."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@breaks_command.command("list")
@_filters
@click.option(
    "--redemption",
    "redemption_id",
    default="",
    metavar="ID",
    help="Only those that concern this redemption.",
)
@click.option("--unowned", is_flag=True, help="Only those that nobody has taken on.")
@click.option("--proposed", is_flag=True, help="Only those that wait for a second person.")
@click.option("--all", "include_closed", is_flag=True, help="Closed ones too.")
@limit_option
@click.pass_obj
def list_breaks(
    session: Session, /, include_closed: bool, limit: int | None, **narrowed: Any
) -> None:
    """List open breaks, oldest first."""
    columns = (*COLUMNS, "resolution", "closed_at") if include_closed else COLUMNS
    with session.client() as client:
        found = client.breaks.list(include_closed=include_closed, **narrowed)
        session.output.many(found, columns, limit)


@breaks_command.command("show")
@click.argument("break_id")
@click.pass_obj
def show_break(session: Session, break_id: str) -> None:
    """Show one break with its history and the record that it rests on."""
    with session.client() as client:
        dossier = client.breaks.dossier(break_id)
    output = session.output
    if session.as_json:
        output.line(dossier)
        return
    output.one(dossier.found)
    for title, results, columns in (
        ("history", dossier.history, NOTE_COLUMNS),
        ("findings in the record", dossier.findings, FINDING_COLUMNS),
        ("earlier breaks about the same", dossier.earlier, EARLIER_COLUMNS),
    ):
        if results:
            click.echo(f"\n{title}")
            output.whole(results, columns)


@breaks_command.command("assign")
@click.argument("break_id")
@click.argument("owner", default="")
@key_option
@click.pass_obj
def assign_break(session: Session, break_id: str, owner: str, request_key: str) -> None:
    """Give a break to somebody, or to nobody where no OWNER is named."""
    with session.client() as client:
        session.output.one(client.breaks.assign(break_id, owner, request_key=request_key))


@breaks_command.command("comment")
@click.argument("break_id")
@click.argument("text")
@key_option
@click.pass_obj
def comment_break(session: Session, break_id: str, text: str, request_key: str) -> None:
    """Add a comment to a break."""
    with session.client() as client:
        session.output.one(client.breaks.comment(break_id, text, request_key=request_key))


@breaks_command.command("resolve")
@click.argument("decision", type=click.Choice(DECISIONS), metavar="DECISION")
@click.argument("break_ids", nargs=-1, metavar="[BREAK_ID]...")
@comment_option("Why it is decided so.", required=True)
@click.option(
    "--quantity", type=click.IntRange(min=1), metavar="N", help="How much counts as credited."
)
@click.option(
    "--redemption", "redemption_id", default="", metavar="ID", help="The redemption, for link."
)
@_filters
@key_option
@click.pass_obj
def resolve_breaks(
    session: Session,
    /,
    decision: str,
    break_ids: tuple[str, ...],
    comment: str,
    quantity: int | None,
    redemption_id: str,
    request_key: str,
    **narrowed: Any,
) -> None:
    """Decide on breaks, listed or chosen by options; what moves value waits for a second person.

    DECISION is retry, fail, dismiss, confirm, link, accept_variance, write_off or reinstate.
    """
    filtered = any(narrowed.values())
    if bool(break_ids) == filtered:
        raise click.UsageError("say which breaks, or choose them by options")
    if filtered and (quantity is not None or redemption_id):
        raise click.UsageError("--quantity and --redemption are for breaks that are listed")
    said: dict[str, Any] = {"comment": comment, "request_key": request_key}
    with session.client() as client:
        if filtered:
            resolved = client.breaks.resolve_matching(decision, **said, **narrowed)
        else:
            resolved = client.breaks.resolve(
                decision, break_ids, **said, quantity=quantity, redemption_id=redemption_id
            )
    _show(session, resolved)


@dataclass(frozen=True, slots=True)
class _Row:
    """What one decision came to."""

    break_id: str
    outcome: str
    proposal: int | None
    message: str


def _show(session: Session, resolved: Resolved) -> None:
    """The outcome of each break; exit code 1 where one was refused."""
    rows = map(_row, resolved.outcomes)
    session.output.whole(rows, ("break_id", "outcome", "proposal", "message"))
    if resolved.more:
        click.echo("further breaks are left: ask again, with another key", err=True)
    if any(one.error is not None for one in resolved.outcomes):
        raise click.exceptions.Exit(1)


def _row(outcome: ResolveOutcome) -> _Row:
    if outcome.error is not None:
        return _Row(outcome.break_id, outcome.error.reason, None, str(outcome.error))
    found = outcome.found
    if found is not None and found.proposal is not None:
        waits = f"{found.proposal.decision} waits for a second person"
        return _Row(outcome.break_id, "proposed", found.proposal.number, waits)
    return _Row(outcome.break_id, found.resolution if found is not None else "", None, "")


@breaks_command.command("approve")
@click.argument("break_id")
@click.argument("proposal", type=click.IntRange(min=1))
@comment_option("What there is to say of it.")
@key_option
@click.pass_obj
def approve_resolution(
    session: Session, break_id: str, proposal: int, comment: str, request_key: str
) -> None:
    """Do what somebody else has proposed, by the number of the PROPOSAL."""
    with session.client() as client:
        found = client.breaks.approve(break_id, proposal, comment=comment, request_key=request_key)
        session.output.one(found)


@breaks_command.command("decline")
@click.argument("break_id")
@click.argument("proposal", type=click.IntRange(min=1))
@comment_option("Why it shall not be done.", required=True)
@key_option
@click.pass_obj
def decline_resolution(
    session: Session, break_id: str, proposal: int, comment: str, request_key: str
) -> None:
    """Turn a proposal down, or take your own back."""
    with session.client() as client:
        found = client.breaks.decline(break_id, proposal, comment=comment, request_key=request_key)
        session.output.one(found)


@breaks_command.command("reopen")
@click.argument("break_id")
@comment_option("Why it is looked at again.", required=True)
@key_option
@click.pass_obj
def reopen_break(session: Session, break_id: str, comment: str, request_key: str) -> None:
    """Open a closed break again; nothing that its closing has moved moves back."""
    with session.client() as client:
        found = client.breaks.reopen(break_id, comment=comment, request_key=request_key)
        session.output.one(found)


@breaks_command.command("dismiss")
@click.argument("break_id")
@comment_option("Why nothing more is needed.", required=True)
@key_option
@click.pass_obj
def dismiss_break(session: Session, break_id: str, comment: str, request_key: str) -> None:
    """Close a break that needs no step on any redemption."""
    with session.client() as client:
        found = client.breaks.dismiss(break_id, comment=comment, request_key=request_key)
        session.output.one(found)
