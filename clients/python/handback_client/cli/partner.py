"""Partners, their agreements, and holding what goes out to them."""

from __future__ import annotations

from pathlib import Path

import click

from handback_client.cli.command import (
    Group,
    comment_option,
    file_type,
    key_option,
    limit_option,
    version_option,
)
from handback_client.cli.documents import programme_of, text_of_document
from handback_client.cli.session import Session

COLUMNS = ("partner", "agreement_version", "created_at")
HOLD_COLUMNS = ("partner", "held_at", "held_by", "reason", "released_at", "released_by")
VERSION_COLUMNS = ("version", "applied_at", "actor", "content_hash")

_documents_argument = click.argument("paths", nargs=-1, required=True, type=file_type)


@click.group("partner", cls=Group)
def partner_command() -> None:
    """Partners, their agreements, a TOML document each, and what is held back from them."""


@partner_command.command("apply")
@_documents_argument
@key_option
@click.pass_obj
def apply_agreements(session: Session, paths: tuple[Path, ...], request_key: str) -> None:
    """Make documents the latest agreements of their partners."""
    if request_key and len(paths) > 1:
        raise click.UsageError("--key goes with a single document")
    for path in paths:
        source = text_of_document(path)
        with session.client(programme_of(source)) as client:
            agreement = client.partners.apply(source, request_key=request_key)
        if session.as_json:
            session.output.line(agreement)
        else:
            state = "unchanged" if agreement.unchanged else "applied"
            click.echo(f"{path}: {agreement.partner}, version {agreement.version}, {state}")


@partner_command.command("check")
@_documents_argument
@click.pass_obj
def check_agreements(session: Session, paths: tuple[Path, ...]) -> None:
    """List every mistake of documents and change nothing; exit code 1 where there is one."""
    wrong = False
    for path in paths:
        source = text_of_document(path)
        with session.client(programme_of(source)) as client:
            violations = client.partners.check(source)
        wrong = wrong or bool(violations)
        if session.as_json:
            session.output.line({"path": str(path), "violations": violations})
        else:
            for violation in violations:
                click.echo(f"{path}: {violation}")
            if not violations:
                click.echo(f"{path}: good")
    if wrong:
        raise click.exceptions.Exit(1)


@partner_command.command("list")
@limit_option
@click.pass_obj
def list_partners(session: Session, limit: int | None) -> None:
    """List the partners of the programme."""
    with session.client() as client:
        session.output.many(client.partners.list(), COLUMNS, limit)


@partner_command.command("show")
@click.argument("partner")
@version_option("This version")
@click.pass_obj
def show_agreement(session: Session, partner: str, version: int | None) -> None:
    """Show a partner's agreement: its document, or in JSON all about it."""
    with session.client() as client:
        agreement = client.partners.agreement(partner, version or 0)
    if session.as_json:
        session.output.line(agreement)
    else:
        click.echo(agreement.source, nl=not agreement.source.endswith("\n"))


@partner_command.command("versions")
@click.argument("partner")
@limit_option
@click.pass_obj
def list_versions(session: Session, partner: str, limit: int | None) -> None:
    """List the versions of a partner's agreement, newest first."""
    with session.client() as client:
        session.output.many(client.partners.agreements(partner), VERSION_COLUMNS, limit)


@partner_command.command("hold")
@click.argument("partner")
@comment_option("Why it is held.", required=True)
@key_option
@click.pass_obj
def hold_partner(session: Session, partner: str, comment: str, request_key: str) -> None:
    """Gather nothing for a partner and deliver nothing to it until it is released."""
    with session.client() as client:
        hold = client.partners.hold(partner, comment=comment, request_key=request_key)
    session.output.one(hold)


@partner_command.command("release")
@click.argument("partner")
@comment_option("Why it is released.", required=True)
@key_option
@click.pass_obj
def release_partner(session: Session, partner: str, comment: str, request_key: str) -> None:
    """End the hold of a partner, whoever began it."""
    with session.client() as client:
        hold = client.partners.release(partner, comment=comment, request_key=request_key)
    session.output.one(hold)


@partner_command.command("holds")
@click.argument("partner", default="")
@limit_option
@click.pass_obj
def list_holds(session: Session, partner: str, limit: int | None) -> None:
    """List when and why partners were held, newest first; who is held now has no release."""
    with session.client() as client:
        session.output.many(client.partners.holds(partner), HOLD_COLUMNS, limit)
