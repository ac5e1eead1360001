"""Submitting one redemption, or as many as a CSV file has rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from handback_client.cli.command import Command, fields_option, file_type, key_option
from handback_client.cli.session import Session, error_facts, error_text
from handback_client.cli.submissions import check, read
from handback_client.models import SubmitOutcome


@click.command("submit", cls=Command)
@click.option("--partner", default="", metavar="NAME", help="Which partner is to fulfil it.")
@click.option("--member", default="", metavar="REF", help="The member, as you name it.")
@click.option("--quantity", type=click.IntRange(min=1), metavar="N", help="How much is asked for.")
@click.option("--unit", default="", metavar="NAME", help="The unit of the quantity.")
@fields_option
@key_option
@click.option(
    "--csv",
    "path",
    type=file_type,
    help="Submit every row of this file: columns request_key, member_ref, quantity,"
    " and partner and unit unless given above; all others are fields.",
)
@click.pass_obj
def submit_command(
    session: Session,
    partner: str,
    member: str,
    quantity: int | None,
    unit: str,
    fields: dict[str, str],
    request_key: str,
    path: Path | None,
) -> None:
    """Submit a redemption, or many from a CSV file.

    A file may be submitted again after a failure: its request keys see to it that each row takes
    effect once.
    """
    if path is not None:
        if member or quantity or fields or request_key:
            raise click.UsageError("with --csv only --partner and --unit go along")
        _submit_file(session, path, {"partner": partner, "unit": unit})
        return
    if not (partner and member and quantity and unit):
        raise click.UsageError("--partner, --member, --quantity and --unit are needed, or --csv")
    with session.client() as client:
        redemption = client.submit(
            partner=partner,
            member_ref=member,
            quantity=quantity,
            unit=unit,
            fields=fields,
            request_key=request_key,
        )
        session.output.one(redemption)


def _submit_file(session: Session, path: Path, given: dict[str, str]) -> None:
    """Submit every row, say what was refused and how it went; exit code 1 where any was refused."""
    total = check(path, given)
    taken = replayed = refused = 0
    output = session.output
    with session.client() as client, output.progress("submitting", total) as progress:
        for done, outcome in enumerate(client.submit_many(read(path, given)), start=1):
            if outcome.redemption is None:
                refused += 1
            else:
                taken += 1
                replayed += outcome.redemption.replayed
            _tell(session, done, outcome)
            progress(done)
    if not output.as_json:
        click.echo(f"submitted {taken} of {total}, {replayed} of them before; {refused} refused")
    if refused:
        raise click.exceptions.Exit(1)


def _tell(session: Session, row: int, outcome: SubmitOutcome) -> None:
    """One outcome: every one in JSON, otherwise the refused ones on stderr."""
    key = outcome.submission.request_key
    if session.as_json:
        told: dict[str, Any] = {"request_key": key, "redemption": outcome.redemption}
        if outcome.error is not None:
            told["error"] = error_facts(outcome.error)
        session.output.line(told)
    elif outcome.error is not None:
        click.echo(f"row {row}, {key}: {error_text(outcome.error)}", err=True)
