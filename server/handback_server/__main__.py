"""`handbackd`: serving, and looking after the store. The only place that reads the environment."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Final

import click

from handback.errors import HandbackError, InvalidSettings

_COMMANDS: Final = ("bench", "demo", "doctor", "migrate", "serve", "verify")

# What Polars frees its allocator keeps for a while. Given back soon, a long file takes a fifth less
# memory and no more time. It is read once, when Polars is loaded, and so said before.
_ALLOCATOR: Final = ("_RJEM_MALLOC_CONF", "dirty_decay_ms:100,muzzy_decay_ms:0")


class _Commands(click.Group):
    """Commands by their names, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `NAME` of the module `commands.NAME`."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"handback_server.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="handback")
@click.pass_context
def handbackd(context: click.Context) -> None:
    """The server of Handback. Settings are read from HANDBACK_… in the environment; `handbackd
    doctor` lists them all."""
    context.obj = dict(os.environ)


def main() -> None:
    """Run one command and leave: 0 done, 1 refused or broken, 2 asked for wrongly."""
    os.environ.setdefault(*_ALLOCATOR)
    try:
        handbackd()
    except InvalidSettings as refusal:
        for violation in refusal.violations:
            click.echo(f"handbackd: {violation}", err=True)
        sys.exit(2)
    except HandbackError as refusal:
        click.echo(f"handbackd: {refusal.reason}: {refusal}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
