"""`handbackd doctor`: the settings in force, and whether a server could start with them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from handback.settings import Settings


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Show the settings in force, and what prevents a start.

    Leaves with 1 where anything does.
    """
    from handback.settings import Settings

    environment: Mapping[str, str] = context.obj
    settings = Settings.read(environment)
    troubles = dict(_troubles(settings))
    if as_json:
        found = {"settings": dict(settings.listed()), "troubles": troubles}
        click.echo(json.dumps(found, indent=2))
    else:
        _print(settings, troubles)
    context.exit(1 if troubles else 0)


def _troubles(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is not as it must be, by what was looked at."""
    from handback.errors import HandbackError

    looks: Mapping[str, Callable[[Settings], None]] = {
        "folders": _look_at_folders,
        "store": _look_at_store,
        "certificates": _look_at_certificates,
    }
    for name, look in looks.items():
        try:
            look(settings)
        except (HandbackError, OSError, ValueError) as trouble:
            yield name, str(trouble)


def _look_at_folders(settings: Settings) -> None:
    folder = settings.home.absolute()
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} cannot be written to")


def _look_at_store(settings: Settings) -> None:
    import sqlalchemy as sa

    import handback_migrations

    url = sa.make_url(settings.store.text)
    if url.get_backend_name() != "sqlite":  # which is made and migrated at the start
        handback_migrations.check(settings.store.text)


def _look_at_certificates(settings: Settings) -> None:
    import ssl

    if settings.tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings.tls.certificate, settings.tls.key)
        context.load_verify_locations(settings.tls.client_authority)


def _print(settings: Settings, troubles: Mapping[str, str]) -> None:
    from handback.settings import declarations

    for (name, value), declared in zip(
        settings.listed().items(), declarations().values(), strict=True
    ):
        click.echo(f"{f'{name}={value}':60} # {declared.says}")
    for name, trouble in troubles.items():
        click.secho(f"{name}: {trouble}", fg="red")
    if not troubles:
        click.secho("ready to serve", fg="green")
