"""The ledger: balances, what is owed, statements, and closing periods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click

from handback_client.cli.command import (
    Group,
    limit_option,
    member_option,
    partner_option,
    words_of,
    words_option,
)
from handback_client.cli.moments import as_of_options, stretch_options, when
from handback_client.cli.session import Session
from handback_client.models.words import Account, LiabilityBy, OpenStanding

if TYPE_CHECKING:
    from handback_client.models.ledger import (
        Liability,
        MemberStanding,
        MemberStatement,
        PartnerStatement,
        StatementDay,
    )

BALANCE_COLUMNS = ("partner", "unit", "member", "held", "fulfilled", "variance", "written_off")
OPEN_COLUMNS = (
    "redemption_id",
    "standing",
    "partner",
    "member_ref",
    "held",
    "unit",
    "batch_id",
    "submitted_at",
)
POSTING_COLUMNS = (
    "position",
    "committed_at",
    "redemption_id",
    "trigger",
    "debit",
    "credit",
    "quantity",
    "unit",
    "partner",
    "file_id",
    "ordinal",
)
STATEMENT_COLUMNS = (
    "committed_at",
    "redemption_id",
    "trigger",
    "quantity",
    "unit",
    "member",
    "held",
    "fulfilled",
)
INVOICE_COLUMNS = (
    "on",
    "unit",
    "confirmed",
    "returned",
    "adjusted",
    "written_off",
    "net",
    "net_count",
    "after_position",
    "until_position",
)
PERIOD_COLUMNS = ("number", "name", "after_position", "position", "cut_at", "closed_at", "actor")


unit_option = click.option("--unit", default="", metavar="NAME", help="Only those in this unit.")
batch_option = click.option(
    "--batch", "batch_id", default="", metavar="ID", help="Only those of this payout batch."
)
standing_option = words_option(
    "--standing", words=words_of(OpenStanding), says="Only those that have come so far"
)
days_option = click.option(
    "--days",
    "bucket_days",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="N",
    help="The last day of a bucket, may be repeated; 7, 30, 60 and 90 unless given.",
)


@click.group("ledger", cls=Group)
def ledger_command() -> None:
    """Balances, what is owed, statements, and closing periods."""


@ledger_command.command("balances")
@partner_option
@unit_option
@as_of_options
@limit_option
@click.pass_obj
def balances(session: Session, /, limit: int | None, **asked: Any) -> None:
    """List balances by partner and unit.

    What members, open redemptions and partners hold always adds up to nothing.
    """
    with session.client() as client:
        session.output.many(client.ledger.balances(**asked), BALANCE_COLUMNS, limit)


@ledger_command.command("liability")
@words_option(
    "--by",
    words=words_of(LiabilityBy),
    says="What lines are about",
    default="partner",
    show_default=True,
)
@partner_option
@unit_option
@batch_option
@member_option
@standing_option
@days_option
@as_of_options
@limit_option
@click.pass_obj
def liability(session: Session, /, by: str, limit: int | None, **asked: Any) -> None:
    """List what open redemptions hold, by how many days they have been open.

    Of members those come first who are owed most. `handback ledger open` lists what is behind.
    """
    with session.client() as client:
        _show_liability(session, client.ledger.liability(by=by, **asked), by, limit)


@ledger_command.command("cut-off")
@partner_option
@unit_option
@days_option
@as_of_options
@limit_option
@click.pass_obj
def cut_off(session: Session, /, limit: int | None, **asked: Any) -> None:
    """Tell what was due and not sent, sent and not answered, or undecided, at a cut.

    Name the --period that was closed, or another moment; it is told as of now otherwise.
    """
    with session.client() as client:
        found = client.ledger.liability(by="standing", **asked)
        _show_liability(session, found, "standing", limit)


@ledger_command.command("open")
@partner_option
@unit_option
@batch_option
@member_option
@standing_option
@click.option(
    "--min-days", type=click.IntRange(min=0), metavar="N", help="Only those open for so long."
)
@click.option(
    "--max-days", type=click.IntRange(min=0), metavar="N", help="Only those open for no longer."
)
@as_of_options
@limit_option
@click.pass_obj
def open_redemptions(session: Session, /, limit: int | None, **asked: Any) -> None:
    """List the open redemptions behind a line of the liability."""
    with session.client() as client:
        session.output.many(client.ledger.open(**asked), OPEN_COLUMNS, limit)


@ledger_command.command("postings")
@partner_option
@unit_option
@member_option
@words_option(
    "--account",
    "accounts",
    words=words_of(Account),
    says="Only those that touch this account",
    multiple=True,
)
@stretch_options
@limit_option
@click.pass_obj
def postings(session: Session, /, limit: int | None, **asked: Any) -> None:
    """List the postings behind any figure, with the record that caused each."""
    with session.client() as client:
        session.output.many(client.ledger.postings(**asked), POSTING_COLUMNS, limit)


@ledger_command.command("statement")
@click.argument("member_ref")
@partner_option
@unit_option
@stretch_options
@click.pass_obj
def statement(session: Session, /, member_ref: str, **asked: Any) -> None:
    """Show a member's statement: how it opened, what moved, and how it closed."""
    with session.client() as client:
        told = client.ledger.statement(member_ref, **asked)
    if session.as_json:
        session.output.one(told)
    else:
        session.output.whole(_statement_rows(told), STATEMENT_COLUMNS)


@ledger_command.command("invoice")
@click.argument("partner")
@unit_option
@stretch_options
@click.option(
    "--zone",
    "time_zone",
    default="",
    metavar="ZONE",
    help="The zone whose days are told; the partner's own unless given.",
)
@click.pass_obj
def invoice(session: Session, /, partner: str, **asked: Any) -> None:
    """Show what a partner credited and took back, day by day, beside its invoice.

    `handback ledger postings` between the positions of a line lists what is behind it.
    """
    with session.client() as client:
        told = client.ledger.invoice(partner, **asked)
    if session.as_json:
        session.output.one(told)
    else:
        session.output.whole(_invoice_rows(told), INVOICE_COLUMNS)


@ledger_command.command("close")
@click.argument("name")
@click.option(
    "--at-position",
    type=click.IntRange(min=0),
    metavar="N",
    help="The last position of the journal that belongs to it.",
)
@click.option(
    "--at",
    callback=when(day_ends=True),
    metavar="WHEN",
    help="The last instant that belongs to it, or the last day in UTC; now unless given.",
)
@click.pass_obj
def close(session: Session, name: str, at_position: int | None, at: Any) -> None:
    """Close the period that follows the last one, under a name such as 2026-03.

    Nobody has to stop for it. What is committed later belongs to a later period.
    """
    if at_position is not None and at is not None:
        raise click.UsageError("--at-position and --at exclude one another")
    with session.client() as client:
        session.output.one(
            client.ledger.close_period(name, at=at if at_position is None else at_position)
        )


@ledger_command.command("periods")
@limit_option
@click.pass_obj
def periods(session: Session, limit: int | None) -> None:
    """List the periods that were closed."""
    with session.client() as client:
        session.output.many(client.ledger.periods(), PERIOD_COLUMNS, limit)


def _show_liability(
    session: Session, found: Iterator[Liability], by: str, limit: int | None
) -> None:
    if session.as_json:
        session.output.many(found, (), limit)
        return
    first = next(found, None)
    about = {"batch": ("batch_id",), "standing": ("standing",)}.get(by, ())
    whose = ("member_ref", "unit") if by == "member" else ("partner", "unit", *about)
    days = first.bucket_days if first else ()
    columns = (*whose, "count", "quantity", *_buckets(days))
    rows = (_liability_row(line) for line in _chained(first, found))
    session.output.many(rows, columns, limit)


def _chained(first: Liability | None, rest: Iterator[Liability]) -> Iterator[Liability]:
    if first is not None:
        yield first
        yield from rest


def _buckets(days: Sequence[int]) -> list[str]:
    """What the buckets are called: 0-7, 8-30, and so on to >90."""
    names = [
        f"{start}-{end}" for start, end in zip((0, *(day + 1 for day in days)), days, strict=False)
    ]
    return [*names, f">{days[-1]}"] if days else []


def _liability_row(line: Liability) -> SimpleNamespace:
    names = _buckets(line.bucket_days)
    ages = {name: one.quantity for name, one in zip(names, line.buckets, strict=True)}
    return SimpleNamespace(
        partner=line.partner,
        unit=line.unit,
        batch_id=line.batch_id,
        standing=line.standing.value,
        member_ref=line.member_ref,
        count=line.total.count,
        quantity=line.total.quantity,
        **ages,
    )


def _statement_rows(told: MemberStatement) -> Iterator[SimpleNamespace]:
    for one in told.opening:
        yield _statement_row("opening", one)
    for line in told.lines:
        posting = line.posting
        yield SimpleNamespace(
            committed_at=posting.committed_at,
            redemption_id=posting.redemption_id,
            trigger=posting.trigger.value,
            quantity=posting.quantity,
            unit=posting.unit,
            member=line.after.member,
            held=line.after.held,
            fulfilled=line.after.fulfilled,
        )
    for one in told.closing:
        yield _statement_row("closing", one)


def _statement_row(word: str, standing: MemberStanding) -> SimpleNamespace:
    return SimpleNamespace(
        committed_at=None,
        redemption_id="",
        trigger=word,
        quantity=None,
        unit=standing.unit,
        member=standing.member,
        held=standing.held,
        fulfilled=standing.fulfilled,
    )


def _invoice_rows(told: PartnerStatement) -> Iterator[SimpleNamespace]:
    for day in told.days:
        yield _invoice_row(day.on.isoformat(), [day], day.after_position, day.until_position)
    for unit in sorted({day.unit for day in told.days}):
        days = [day for day in told.days if day.unit == unit]
        yield _invoice_row("total", days, told.after_position, told.until_position)


def _invoice_row(
    name: str, days: Sequence[StatementDay], after: int, until: int
) -> SimpleNamespace:
    parts = ("confirmed", "returned", "adjusted", "written_off", "net")
    sums = {part: sum(getattr(day, part).quantity for day in days) for part in parts}
    return SimpleNamespace(
        on=name,
        unit=days[0].unit,
        **sums,
        net_count=sum(day.net.count for day in days),
        after_position=after,
        until_position=until,
    )
