"""Reports: what became of the records of a file, and of what a payout batch sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import click

from handback_client.cli.command import Group
from handback_client.cli.session import Session
from handback_client.models import BatchReport, RunReport, Tally

COLUMNS = ("of", "what", "count", "quantity")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report."""

    of: str
    what: str
    count: int
    quantity: int


@click.group("report", cls=Group)
def report_command() -> None:
    """Reports of files and of payout batches, which add up."""


@report_command.command("file")
@click.argument("file_id")
@click.pass_obj
def report_file(session: Session, file_id: str) -> None:
    """What became of a file's records: records = events + repeats + breaks + rejects."""
    with session.client() as client:
        report = client.files.report(file_id)
    if session.as_json:
        session.output.line(report)
        return
    lines = list(_lines(report.file.file_id, report))
    for batch in report.batches:
        lines += _lines(batch.batch_id, batch)
    session.output.many(lines, COLUMNS, len(lines))


@report_command.command("batch")
@click.argument("batch_id")
@click.pass_obj
def report_batch(session: Session, batch_id: str) -> None:
    """What became of what a payout batch sent: sent = confirmed + rejected + open."""
    with session.client() as client:
        report = client.batches.report(batch_id)
    if session.as_json:
        session.output.line(report)
        return
    session.output.many(_lines(report.batch_id, report), COLUMNS, None)


def _lines(of: str, report: RunReport | BatchReport) -> Iterator[Line]:
    for one in fields(report):
        tally = getattr(report, one.name)
        if isinstance(tally, Tally):
            yield Line(of, one.name, tally.count, tally.quantity)
