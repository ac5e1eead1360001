"""Following events as they are committed."""

from __future__ import annotations

import click

from handback_client.cli.colours import COLOUR_OF_WORD
from handback_client.cli.command import Command, words_of, words_option
from handback_client.cli.output import printable
from handback_client.cli.session import Session
from handback_client.models import Event, Trigger
from handback_client.retry import RetryPolicy

COLUMNS = (
    "committed_at",
    "redemption_id",
    "trigger",
    "from_state",
    "to_state",
    "quantity",
    "unit",
    "partner",
    "reason_code",
    "cursor",
)
# About half a minute of a server that is away.
_PATIENT = RetryPolicy(max_attempts=20)


@click.command("watch", cls=Command)
@click.option("--after", default="", metavar="CURSOR", help="Go on after this cursor.")
@click.option("--new", "only_new", is_flag=True, help="Only what is committed from now on.")
@click.option(
    "--partner",
    "partners",
    multiple=True,
    metavar="NAME",
    help="Only events of this partner, may be repeated.",
)
@words_option(
    "--trigger",
    "triggers",
    words=words_of(Trigger),
    says="Only events with this trigger",
    multiple=True,
)
@click.option(
    "--redemption",
    "redemption_id",
    default="",
    metavar="ID",
    help="Only events of this redemption.",
)
@click.option(
    "--until-caught-up", is_flag=True, help="Leave when everything committed so far has been shown."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Leave after so many.")
@click.pass_obj
def watch_command(
    session: Session,
    after: str,
    only_new: bool,
    partners: tuple[str, ...],
    triggers: tuple[str, ...],
    redemption_id: str,
    until_caught_up: bool,
    limit: int | None,
) -> None:
    """Follow events as they are committed.

    Begins at the oldest still served and ends with Ctrl-C. Each event carries a cursor; --after
    takes up the stream there.
    """
    left = limit
    with (
        session.client() as client,
        client.watch(
            after,
            only_new=only_new,
            partners=partners,
            triggers=triggers,
            redemption_id=redemption_id,
            retry=_PATIENT,
        ) as watch,
    ):
        try:
            for batch in watch.batches():
                for event in batch.events[:left]:
                    _show(session, event)
                left = None if left is None else left - len(batch.events)
                if (left is not None and left <= 0) or (until_caught_up and watch.caught_up):
                    return
        except KeyboardInterrupt:
            return


def _show(session: Session, event: Event) -> None:
    if session.as_json or not session.output.terminal:
        session.output.line(event, COLUMNS)
        return
    when = f"{event.committed_at:%H:%M:%S}" if event.committed_at else ""
    state = click.style(f"{event.to_state:<17}", fg=COLOUR_OF_WORD.get(event.to_state, "reset"))
    click.echo(
        f"{when} {event.redemption_id} {event.trigger:<11} {state} "
        f"{event.quantity:>12,} {event.unit:<8} {event.partner:<12} {printable(event.reason_code)}"
    )
