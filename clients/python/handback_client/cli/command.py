"""What commands have in common: `--json` after their name as well, and options many take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from handback_client.cli.session import Session

# Longer than any.
_SENTENCE = 1_000


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
    """A group of such commands, whose help says of each a whole sentence."""

    command_class = Command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands; click itself would cut their sentences off at the end of a line."""
        known = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, one.get_short_help_str(_SENTENCE)) for name, one in known if one]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _answer_in_json(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        session: Session = ctx.obj
        session.as_json = True


Option = Callable[[Any], Any]
file_type = click.Path(exists=True, dir_okay=False, path_type=Path)


def words_of(kind: type[StrEnum]) -> list[str]:
    """The words of an enumeration that may be asked for."""
    return [word.value for word in kind if word.name not in ("NONE", "UNKNOWN")]


def words_option(
    *names: str, words: Iterable[str], says: str, multiple: bool = False, **attributes: Any
) -> Option:
    """An option that takes one of some words, all of which its help names."""
    known = list(words)
    told = f"{says}, may be repeated" if multiple else says
    return click.option(
        *names,
        type=click.Choice(known),
        metavar=names[0].removeprefix("--").upper(),
        multiple=multiple,
        help=f"{told}: {', '.join(known)}.",
        **attributes,
    )


def states_option(kind: type[StrEnum]) -> Option:
    """`--state`, as often as wanted."""
    says = "Only those in this state"
    return words_option("--state", "states", words=words_of(kind), says=says, multiple=True)


def comment_option(says: str, *, required: bool = False) -> Option:
    """`--comment`, which is kept with what the command does."""
    # click takes a default, whatever it is, for an answer to what is required.
    given: dict[str, Any] = {"required": True} if required else {"default": ""}
    return click.option("--comment", metavar="TEXT", help=says, **given)


def version_option(says: str) -> Option:
    """`--version` of an agreement, None unless given."""
    told = f"{says}; the latest unless given."
    return click.option("--version", type=click.IntRange(min=1), metavar="N", help=told)


partner_option = click.option(
    "--partner", default="", metavar="NAME", help="Only those of this partner."
)
member_option = click.option(
    "--member", "member_ref", default="", metavar="REF", help="Only those of this member."
)
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
    help="What the partner needs to know of the member, may be repeated.",
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many at most; 100 on a terminal, all elsewhere.",
)
