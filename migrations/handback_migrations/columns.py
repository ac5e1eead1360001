"""Columns by kind, as the versions write them. What is here never changes, as versions never do."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def key(name: str, *identity: sa.Identity) -> sa.Column[Any]:
    """A 64-bit id that is a primary key by itself; the row id on SQLite."""
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, *identity, nullable=False, autoincrement=bool(identity))


def big(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A 64-bit whole number: ids of others, quantities, counts."""
    return sa.Column(name, sa.BigInteger(), nullable=null, autoincrement=False)


def whole(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A 32-bit whole number: versions and ordinals."""
    return sa.Column(name, sa.Integer(), nullable=null, autoincrement=False)


def small(name: str, *, null: bool = False) -> sa.Column[Any]:
    """A 16-bit whole number: enumerations and attempts."""
    return sa.Column(name, sa.SmallInteger(), nullable=null, autoincrement=False)


def text(name: str, *, null: bool = False) -> sa.Column[Any]:
    """Text without a limit."""
    return sa.Column(name, sa.Text(), nullable=null)


def binary(name: str, *, null: bool = False) -> sa.Column[Any]:
    """Bytes: hashes and fingerprints."""
    return sa.Column(name, sa.LargeBinary(), nullable=null)


def instant(name: str, *, null: bool = False) -> sa.Column[Any]:
    """An aware UTC instant: timestamptz on PostgreSQL, microseconds since 1970 on SQLite."""
    kind = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
    return sa.Column(name, kind, nullable=null)
