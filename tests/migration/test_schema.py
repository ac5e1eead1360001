"""The migrated schema is the models' schema, on both stores, to the last index option."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel

import handback_migrations
from handback.errors import SchemaMismatch, StoreUnavailable
from handback.store import tables
from handback.store.session import Store
from handback_migrations.schema import config_for

MODELS = SQLModel.metadata
HOT = (tables.Redemption, tables.Attempt, tables.Event, tables.Due)
CHANGING = {"state", "attempt", "version", "held", "fulfilled"}


@contextmanager
def opened(url: str) -> Iterator[Store]:
    store = Store.open(url)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def migrated(empty_store_url: str) -> Iterator[Store]:
    handback_migrations.migrate(empty_store_url)
    with opened(empty_store_url) as store:
        yield store


def described(tx: sa.Connection) -> dict[str, str]:
    """Every table, constraint and index as the database itself writes it down."""
    rows = tx.execute(sa.text(_CATALOGUE[tx.dialect.name])).all()
    return {name: re.sub(r"\s+", " ", text) for name, text in rows}


_CATALOGUE = {
    "sqlite": """
        select type || ' ' || name, sql from sqlite_master
        where name not like '%alembic_version%' and sql is not null
    """,
    "postgresql": """
        with ours as (
            select oid as class_id, relname, relkind, reloptions from pg_class
            where relnamespace = 'public'::regnamespace and relname !~ 'alembic_version'
        )
        select relkind::text || ' ' || relname, concat('with ', array_to_string(reloptions, ' '))
        from ours
        union all
        select 'column ' || relname || '.' || attname, concat_ws(
            ' ', attnum, format_type(atttypid, atttypmod), 'not null: ', attnotnull, attidentity,
            pg_get_expr(adbin, adrelid)
        ) from ours
        join pg_attribute on attrelid = class_id and attnum > 0 and relkind = 'r'
        left join pg_attrdef on adrelid = class_id and adnum = attnum
        union all
        select 'index ' || relname, pg_get_indexdef(class_id) from ours where relkind = 'i'
        union all
        select 'constraint ' || conname, pg_get_constraintdef(pg_constraint.oid)
        from pg_constraint join ours on conrelid = class_id
    """,
}


def test_the_migrated_schema_is_that_of_the_models(migrated: Store) -> None:
    with migrated.write() as tx:
        found = described(tx)
        command.downgrade(config_for(tx), "base")
        MODELS.create_all(tx)
        expected = described(tx)
    assert found == expected
    assert len(expected) > len(MODELS.tables), "the catalogue query sees the schema"


def test_alembic_finds_nothing_to_change(migrated: Store) -> None:
    with migrated.write() as tx:
        options: dict[str, Any] = {
            "compare_type": True,
            # SQLite knows no identity columns, its row id needs no word; Alembic would miss one.
            "compare_server_default": tx.dialect.name != "sqlite",
        }
        assert compare_metadata(MigrationContext.configure(tx, opts=options), MODELS) == []


def test_an_empty_database_is_brought_to_the_head(empty_store_url: str) -> None:
    assert handback_migrations.current(empty_store_url) is None
    assert handback_migrations.migrate(empty_store_url) == handback_migrations.head()
    assert handback_migrations.current(empty_store_url) == handback_migrations.head()


def test_migrating_again_changes_nothing(empty_store_url: str, migrated: Store) -> None:
    with migrated.read() as tx:
        before = described(tx)
    handback_migrations.migrate(empty_store_url)
    with migrated.read() as tx:
        assert described(tx) == before


def test_the_last_version_can_be_taken_back_and_applied_again(migrated: Store) -> None:
    with migrated.read() as tx:
        newest = described(tx)
    with migrated.write() as tx:
        command.downgrade(config_for(tx), "-1")
        assert not described(tx).keys() & {f"table {name}" for name in MODELS.tables}
        command.upgrade(config_for(tx), "head")
        assert described(tx) == newest


def test_two_processes_may_migrate_at_once(empty_postgres_url: str) -> None:
    migrate = "import sys, handback_migrations; print(handback_migrations.migrate(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", migrate, empty_postgres_url],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [process.communicate()[0] for process in racing] == [
        f"{handback_migrations.head()}\n"
    ] * 2
    assert [process.returncode for process in racing] == [0, 0]


def test_a_migration_that_fails_leaves_no_trace(empty_store_url: str) -> None:
    with opened(empty_store_url) as store:
        with store.write() as tx:  # the last table to be created is in the way
            tx.execute(sa.text('create table "break" (break_id integer)'))
            before = described(tx)
        with pytest.raises((sa.exc.DBAPIError, StoreUnavailable)):
            handback_migrations.migrate(empty_store_url)
        with store.read() as tx:
            assert described(tx) == before
    assert handback_migrations.current(empty_store_url) is None


def test_sqlite_migrates_itself(empty_sqlite_url: str) -> None:
    handback_migrations.prepare(empty_sqlite_url)
    assert handback_migrations.current(empty_sqlite_url) == handback_migrations.head()


def test_postgresql_at_the_newest_schema_is_served(postgres_url: str) -> None:
    handback_migrations.prepare(postgres_url)


def test_postgresql_refuses_to_serve_an_old_schema(empty_postgres_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="run `handbackd migrate`") as refused:
        handback_migrations.prepare(empty_postgres_url)
    assert refused.value.facts == {"found": "none", "needed": handback_migrations.head()}
    assert handback_migrations.current(empty_postgres_url) is None


def test_a_version_from_the_future_is_left_alone(empty_store_url: str, migrated: Store) -> None:
    with migrated.write() as tx:
        tx.execute(sa.text("update alembic_version set version_num = '9999'"))
    for act in (handback_migrations.migrate, handback_migrations.prepare):
        with pytest.raises(SchemaMismatch) as refused:
            act(empty_store_url)
        assert refused.value.facts["found"] == "9999"


def test_everything_is_named_by_hand(migrated: Store) -> None:
    with migrated.read() as tx:
        reflected = sa.MetaData()
        reflected.reflect(tx)
    for table in reflected.tables.values():
        if table.name == "alembic_version":
            continue
        assert table.primary_key.name == f"pk_{table.name}"
        for index in table.indexes:
            assert str(index.name).startswith((f"ix_{table.name}", f"uq_{table.name}"))
        for constraint in table.foreign_key_constraints:
            assert str(constraint.name).startswith(f"fk_{table.name}")


@pytest.mark.parametrize("model", HOT, ids=lambda model: model.__tablename__)
def test_hot_tables_are_keyed_by_redemption_and_index_nothing_that_changes(
    migrated: Store, model: type[SQLModel]
) -> None:
    name = str(model.__tablename__)
    with migrated.read() as tx:
        inspector = sa.inspect(tx)
        assert inspector.get_pk_constraint(name)["constrained_columns"][0] == "redemption_id"
        assert inspector.get_foreign_keys(name) == []
        indexed = {
            column for index in inspector.get_indexes(name) for column in index["column_names"]
        }
    if model is tables.Redemption:
        assert not indexed & CHANGING
