"""What commands have in common: `--json` after their name as well, and options many take."""

from __future__ import annotations

from typing import Any

import click

from handback_client.cli.session import Session


class Command(click.Command):
    """A command that answers through its session."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params.append(
            click.Option(
                ["--json"],
                is_flag=True,
                expose_value=False,
                callback=_answer_in_json,
                help="Answer in JSON, one line for each result.",
            )
        )


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


def _answer_in_json(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        session: Session = ctx.obj
        session.as_json = True


key_option = click.option(
    "--key",
    "request_key",
    default="",
    metavar="KEY",
    help="A request key of your own; the same again does nothing twice.",
)


def _pairs(
    ctx: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not name or not sign:
            raise click.BadParameter(f"expected NAME=VALUE, not {text!r}")
        pairs[name] = value
    return pairs


fields_option = click.option(
    "--field",
    "fields",
    callback=_pairs,
    multiple=True,
    metavar="NAME=VALUE",
    help="What the partner needs to know of the member; may be repeated.",
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many at most; 100 on a terminal, all elsewhere.",
)
