"""Formats: trying files before they count, and drafting layouts from samples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from handback_client.cli.command import Group, file_type, limit_option, version_option
from handback_client.cli.documents import programme_of, text_of_document
from handback_client.cli.files import FINDING_COLUMNS
from handback_client.cli.session import Session
from handback_client.models import Trigger
from handback_client.models.inspection import CodeShare, FileCheck

CODE_COLUMNS = ("code", "outcome", "means", "records", "quantity", "then")
RECORD_COLUMNS = (
    "ordinal",
    "line",
    "reference",
    "redemption_id",
    "code",
    "outcome",
    "quantity",
    "fee",
    "unit",
    "member_ref",
    "partner_ref",
    "answered_on",
    "scope",
)
FORMAT_COLUMNS = ("name", "framing")
GOLDEN_COLUMNS = ("format", "file_name", "records", "result")
_GOOD = ("ACCEPTED", "ACCEPTED_WITH_FINDINGS", "HEARTBEAT")


@dataclass(frozen=True)
class Summary:
    """A dry run in a few lines."""

    verdict: str
    state: str
    repeats_file_id: str
    envelope: str
    content_bytes: int
    header: str
    control: str
    records: int
    quantity: int
    rejected: int
    with_reference: int
    findings: int


@dataclass(frozen=True)
class CodeRow:
    """What one code would do."""

    code: str
    outcome: str
    means: str
    records: int
    quantity: int
    then: str


@dataclass(frozen=True)
class GoldenRow:
    """What one golden file gave."""

    format: str
    file_name: str
    records: int
    result: str


@click.group("format", cls=Group)
def format_command() -> None:
    """Formats of files: trying one, drafting one. Nothing is written."""


@format_command.command("check")
@click.argument("path", type=file_type)
@click.option(
    "--agreement",
    required=True,
    metavar="PARTNER|FILE",
    help="The partner whose agreement it is, or a TOML document that may be new.",
)
@version_option("This version of the partner's agreement")
@click.pass_obj
def check_file(session: Session, path: Path, agreement: str, version: int | None) -> None:
    """Say what a hand-back file would be and do; exit code 1 where it would not be accepted."""
    document = Path(agreement)
    if document.suffix == ".toml" or document.is_file():
        if version is not None:
            raise click.UsageError("--version goes with a partner, not with a document")
        source = text_of_document(document)
        with session.client(programme_of(source)) as client:
            check = client.formats.check(path, agreement=source)
    else:
        with session.client() as client:
            check = client.formats.check(path, partner=agreement, agreement_version=version or 0)
    _show(session, check)
    if check.verdict not in _GOOD:
        raise click.exceptions.Exit(1)


@format_command.command("list")
@limit_option
@click.pass_obj
def list_formats(session: Session, limit: int | None) -> None:
    """List the formats that Handback brings along."""
    with session.client() as client:
        session.output.many(client.formats.list(), FORMAT_COLUMNS, limit)


@format_command.command("show")
@click.argument("name")
@click.option(
    "--agreement",
    default="",
    metavar="PARTNER",
    help="As this partner's agreement keeps it; as it is today unless given.",
)
@version_option("This version of the partner's agreement")
@click.pass_obj
def show_format(session: Session, name: str, agreement: str, version: int | None) -> None:
    """Show a format that Handback brings along, as an agreement would declare it."""
    if version is not None and not agreement:
        raise click.UsageError("--version goes with --agreement")
    with session.client() as client:
        found = client.formats.get(name, partner=agreement, agreement_version=version or 0)
    if session.as_json:
        session.output.line(found)
        return
    click.echo(found.source, nl=not found.source.endswith("\n"))
    if found.codes:
        click.echo("\n[codes]")
        for code, meaning in found.codes.items():
            click.echo(f"{json.dumps(code, ensure_ascii=False)} = {json.dumps(meaning)}")
    for name, table in found.policies.items():
        click.echo(f"\n[policy.{name}]\n{table}", nl=False)


@format_command.command("test")
@click.argument("name", required=False)
@click.pass_obj
def check_formats(session: Session, name: str | None) -> None:
    """Read the golden files of a format, or of all; exit code 1 where one is not as expected."""
    with session.client() as client:
        names = [name] if name else [one.name for one in client.formats.list()]
        rows = [
            GoldenRow(
                format=one,
                file_name=result.file_name,
                records=result.record_count,
                result="; ".join(result.differences) or "as expected",
            )
            for one in names
            for result in client.formats.test(one)
        ]
    session.output.whole(rows, GOLDEN_COLUMNS)
    if any(row.result != "as expected" for row in rows):
        raise click.exceptions.Exit(1)


@format_command.command("draft")
@click.argument("paths", nargs=-1, required=True, type=file_type)
@click.option(
    "--name", default="handback", show_default=True, metavar="NAME", help="What to call the format."
)
@click.pass_obj
def draft_format(session: Session, paths: tuple[Path, ...], name: str) -> None:
    """Propose a layout for sample files of one kind, as TOML with its doubts in comments."""
    with session.client() as client:
        draft = client.formats.draft(paths, name=name)
    if session.as_json:
        session.output.line(draft)
        return
    click.echo(draft.source, nl=False)
    for remark in draft.remarks:
        click.echo(remark, err=True)
    click.echo(f"to look at, marked `unsure:`: {draft.unsure_count}", err=True)


def _show(session: Session, check: FileCheck) -> None:
    output = session.output
    if output.as_json:
        output.line(check)
        return
    output.one(_summary(check))
    if check.codes:
        click.echo()
        output.whole(map(_code_row, check.codes), CODE_COLUMNS)
    if check.first_records:
        click.echo()
        output.whole(check.first_records, RECORD_COLUMNS)
    if check.findings:
        click.echo()
        output.whole(check.findings, FINDING_COLUMNS)


def _summary(check: FileCheck) -> Summary:
    return Summary(
        verdict=check.verdict,
        state=check.state,
        repeats_file_id=check.repeats_file_id,
        envelope=check.envelope,
        content_bytes=check.content_bytes,
        header=_said(check.header),
        control=_said(check.control),
        records=check.records.count,
        quantity=check.records.quantity,
        rejected=check.rejected_count,
        with_reference=check.referenced_count,
        findings=check.finding_count,
    )


def _code_row(share: CodeShare) -> CodeRow:
    means = str(share.reason_class) if share.mapped else f"{share.reason_class} (not in the map)"
    then = "" if share.trigger is Trigger.NONE else str(share.trigger)
    return CodeRow(
        code=share.code,
        outcome=share.outcome,
        means=means,
        records=share.records.count,
        quantity=share.records.quantity,
        then=" + ".join(filter(None, (then, share.action))) or "a break",
    )


def _said(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(facts.items()))
