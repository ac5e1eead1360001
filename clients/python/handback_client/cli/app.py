"""The root command: where the server is, who asks, how answers look; commands load when used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from handback_client.cli.command import Group, file_type
from handback_client.cli.session import Session

# Each command's own module; none is loaded before its command is asked for.
_HOME_OF_COMMAND: Mapping[str, str] = {
    "submit": "submit",
    "get": "redemptions",
    "list": "redemptions",
    "history": "redemptions",
    "cancel": "redemptions",
    "retry": "redemptions",
    "fail": "redemptions",
    "watch": "watch",
    "files": "files",
    "format": "formats",
    "breaks": "breaks",
    "correction": "corrections",
    "batches": "batches",
    "partner": "partner",
    "report": "report",
    "ledger": "ledger",
}


class LazyGroup(Group):
    """Commands in the order of the table above, which is the order of a redemption's life."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names for the help page."""
        return list(_HOME_OF_COMMAND)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        home = _HOME_OF_COMMAND.get(cmd_name)
        if home is None:
            return None
        module = import_module(f"handback_client.cli.{home}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _setting(name: str, variable: str, **attributes: Any) -> Callable[..., Any]:
    return click.option(name, envvar=variable, show_envvar=True, **attributes)


@click.command(cls=LazyGroup, context_settings=_HELP)
@_setting(
    "--server",
    "HANDBACK_SERVER",
    default="127.0.0.1:7470",
    show_default=True,
    metavar="HOST:PORT",
    help="Where the server is.",
)
@_setting(
    "--programme",
    "HANDBACK_PROGRAMME",
    default="",
    metavar="NAME",
    help="On behalf of which programme.",
)
@_setting(
    "--actor",
    "HANDBACK_ACTOR",
    default="",
    metavar="NAME",
    help="Who is recorded with commands; the login name unless given.",
)
@_setting(
    "--tls",
    "HANDBACK_TLS",
    is_flag=True,
    help="Connect over TLS, as each of these three does by itself.",
)
@_setting(
    "--server-ca",
    "HANDBACK_SERVER_CA",
    type=file_type,
    help="Who vouches for the server, a PEM file; the system's authorities unless given.",
)
@_setting(
    "--client-cert",
    "HANDBACK_CLIENT_CERT",
    type=file_type,
    help="The caller's certificate, a PEM file.",
)
@_setting("--client-key", "HANDBACK_CLIENT_KEY", type=file_type, help="The key of it, a PEM file.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one answer may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, one line for each result.")
@click.version_option(package_name="handback-client", message="%(version)s")
@click.pass_context
def handback(
    ctx: click.Context,
    server: str,
    programme: str,
    actor: str,
    tls: bool,
    server_ca: Path | None,
    client_cert: Path | None,
    client_key: Path | None,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Submit redemptions, follow them, and see what partners answered."""
    if not (actor.isascii() and actor.isprintable()):
        raise click.BadParameter("expected printable ASCII", param_hint="--actor")
    if (client_cert is None) != (client_key is None):
        raise click.UsageError("--client-cert and --client-key are given together or not at all")
    ctx.obj = Session(
        server=server,
        programme=programme,
        actor=actor,
        tls=tls,
        server_ca=server_ca,
        client_cert=client_cert,
        client_key=client_key,
        timeout_s=timeout_s,
        as_json=as_json,
    )
