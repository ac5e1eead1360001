"""What one run of the command line works with: its settings, a client, a way to answer."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from handback_client.cli.output import Output, printable

if TYPE_CHECKING:
    from handback_client import TLS, Client
    from handback_client.errors import HandbackError


@dataclass
class Session:
    """The settings of a run; connects when a command first asks for the client."""

    server: str
    programme: str
    actor: str
    tls: bool
    server_ca: Path | None
    client_cert: Path | None
    client_key: Path | None
    timeout_s: float
    as_json: bool

    @cached_property
    def output(self) -> Output:
        """Where answers go, in JSON, as tables for people, or as plain text for pipes."""
        return Output(as_json=self.as_json, terminal=sys.stdout.isatty())

    @contextmanager
    def client(self, programme: str = "") -> Iterator[Client]:
        """A client for one command; its errors end the run with one line and exit code 1."""
        from handback_client import Client, RetryPolicy
        from handback_client.errors import HandbackError

        programme = self.programme or programme
        if not programme:
            raise click.UsageError("say which --programme, or set HANDBACK_PROGRAMME")
        try:
            with Client(
                self.server,
                programme=programme,
                tls=self._tls(),
                deadline_s=self.timeout_s,
                retry=RetryPolicy(max_attempts=5),
                actor=self.actor or _login_name(),
            ) as client:
                yield client
        except HandbackError as error:
            self.refuse(error)

    def refuse(self, error: HandbackError) -> None:
        """Say on stderr why the server refused, and leave with exit code 1."""
        click.echo(json.dumps(error_facts(error)) if self.as_json else error_text(error), err=True)
        raise click.exceptions.Exit(1)

    def _tls(self) -> TLS | None:
        from handback_client import TLS

        if not (self.tls or self.server_ca or self.client_cert):
            return None
        return TLS.from_files(self.server_ca, self.client_cert, self.client_key)


def _login_name() -> str:
    """Who is logged in; nobody where the machine cannot say, as in a bare container."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return ""
    return name if name.isascii() and name.isprintable() else ""


def error_facts(error: HandbackError) -> dict[str, Any]:
    """An error for programs."""
    return {
        "reason": error.reason,
        "message": str(error),
        "facts": dict(error.facts),
        "violations": [
            {"field": violation.field, "expected": violation.expected}
            for violation in error.violations
        ],
    }


def error_text(error: HandbackError) -> str:
    """An error for people: the reason, what happened, the facts."""
    facts = ", ".join(f"{name}={value}" for name, value in sorted(error.facts.items()))
    return printable(f"handback: {error.reason}: {error}" + (f" ({facts})" if facts else ""))
