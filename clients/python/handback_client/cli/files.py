"""Hand-back files: which came, what was found wrong with them, letting them through."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from handback_client.cli.command import (
    Group,
    comment_option,
    file_type,
    key_option,
    limit_option,
    partner_option,
    states_option,
)
from handback_client.cli.session import Session
from handback_client.models import FileState
from handback_client.models.inspection import FileLine

COLUMNS = (
    "file_id",
    "state",
    "verdict",
    "partner",
    "file_name",
    "record_count",
    "finding_count",
    "received_at",
)
FINDING_COLUMNS = ("number", "severity", "code", "ordinal", "line", "field", "message")


@click.group("files", cls=Group)
def files_command() -> None:
    """Hand-back files: the files in which partners answer."""


@files_command.command("list")
@partner_option
@states_option(FileState)
@limit_option
@click.pass_obj
def list_files(session: Session, partner: str, states: tuple[str, ...], limit: int | None) -> None:
    """List files, oldest first."""
    with session.client() as client:
        found = client.files.list(partner=partner, states=states)
        session.output.many(found, COLUMNS, limit)


@files_command.command("show")
@click.argument("file_id")
@click.pass_obj
def show_file(session: Session, file_id: str) -> None:
    """Show one file; `handback report runs --file` says what became of its records."""
    with session.client() as client:
        session.output.one(client.files.get(file_id))


@files_command.command("upload")
@click.argument("partner")
@click.argument("path", type=file_type)
@click.option(
    "--name",
    "file_name",
    default="",
    metavar="NAME",
    help="The file's name at the partner, where it has another here.",
)
@key_option
@click.pass_obj
def upload_file(
    session: Session, partner: str, path: Path, file_name: str, request_key: str
) -> None:
    """Send a partner's file in, instead of leaving it in the partner's folder."""
    with session.client() as client:
        file = client.files.upload(partner, path, file_name=file_name, request_key=request_key)
        session.output.one(file)


@files_command.command("findings")
@click.argument("file_id")
@limit_option
@click.pass_obj
def list_findings(session: Session, file_id: str, limit: int | None) -> None:
    """List what was found wrong or odd in a file."""
    with session.client() as client:
        session.output.many(client.files.findings(file_id), FINDING_COLUMNS, limit)


@files_command.command("finding")
@click.argument("file_id")
@click.argument("number", type=click.IntRange(min=1))
@click.pass_obj
def show_finding(session: Session, file_id: str, number: int) -> None:
    """Show one finding with the bytes around its place."""
    with session.client() as client:
        placed = client.files.finding(file_id, number)
    if session.as_json:
        session.output.line(placed)
        return
    session.output.one(placed.finding)
    _show_lines(placed.lines, placed.finding.line)


@files_command.command("record")
@click.argument("file_id")
@click.argument("ordinal", type=click.IntRange(min=1))
@click.pass_obj
def show_record(session: Session, file_id: str, ordinal: int) -> None:
    """Show one record with the bytes around its place."""
    with session.client() as client:
        placed = client.files.record(file_id, ordinal)
    if session.as_json:
        session.output.line(placed)
        return
    session.output.one(placed.record)
    _show_lines(placed.lines, placed.record.line)


def _show_lines(lines: Iterable[FileLine], marked: int) -> None:
    for line in lines:
        mark = ">" if line.line == marked else " "
        cut = f" … and {line.cut_bytes} bytes" if line.cut_bytes else ""
        click.echo(f"{mark}{line.line:8}  {_shown(line.content)}{cut}")


def _shown(content: bytes) -> str:
    """Bytes as text in which nothing is hidden: what is no printable ASCII stands as \\xNN."""
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in content)


@files_command.command("release")
@click.argument("file_id")
@comment_option("Why it may be applied.", required=True)
@key_option
@click.pass_obj
def release_file(session: Session, file_id: str, comment: str, request_key: str) -> None:
    """Apply a quarantined file despite its findings."""
    with session.client() as client:
        file = client.files.release(file_id, comment=comment, request_key=request_key)
        session.output.one(file)


@files_command.command("discard")
@click.argument("file_id")
@comment_option("Why nobody wants it.", required=True)
@key_option
@click.pass_obj
def discard_file(session: Session, file_id: str, comment: str, request_key: str) -> None:
    """Discard a quarantined file, once a second person asks for it too."""
    with session.client() as client:
        file = client.files.discard(file_id, comment=comment, request_key=request_key)
        session.output.one(file)


@files_command.command("replay")
@click.argument("file_id")
@click.option(
    "--agreement-version",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="Decode it under this version; the latest unless given.",
)
@key_option
@click.pass_obj
def replay_file(
    session: Session, file_id: str, agreement_version: int | None, request_key: str
) -> None:
    """Decode a file anew and apply what had not been applied."""
    with session.client() as client:
        file = client.files.replay(
            file_id, agreement_version=agreement_version or 0, request_key=request_key
        )
        session.output.one(file)
