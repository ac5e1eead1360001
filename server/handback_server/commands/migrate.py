"""`handbackd migrate`: bringing the store to the schema this program needs."""

from __future__ import annotations

from collections.abc import Mapping

import click


@click.command
@click.pass_obj
def migrate(environment: Mapping[str, str]) -> None:
    """Bring the store to the newest schema, wholly or not at all."""
    import handback_migrations
    from handback.settings import Settings

    settings = Settings.read(environment)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    version = handback_migrations.migrate(settings.store.text)
    click.echo(f"{settings.store} is at schema {version}")
