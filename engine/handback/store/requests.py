"""Request keys: what is asked twice under one key is done once.

Commands on redemptions keep theirs with `redemptions.draft`, many in one transaction.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from handback.errors import RequestKeyReused
from handback.store.bulk import table_of
from handback.store.tables import Request

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

REQUEST: Final = table_of(Request)


@dataclass(frozen=True, slots=True)
class Command:
    """Who asks, in which words, and under which key; without a key nothing is remembered."""

    actor: str
    comment: str = ""
    request_key: str | None = None


def answered(tx: sa.Connection, programme_id: int, command: Command, content: bytes) -> int | None:
    """What the same request concerned before, by its number; None where it is new.

    Raises RequestKeyReused where the key came with other content.
    """
    answer = answered_version(tx, programme_id, command, content)
    return answer[0] if answer else None


def answered_version(
    tx: sa.Connection, programme_id: int, command: Command, content: bytes
) -> tuple[int, int] | None:
    """Number and version of what the same request concerned before; see `answered`."""
    if command.request_key is None:
        return None
    same = (REQUEST.c.programme_id == programme_id) & (REQUEST.c.request_key == command.request_key)
    row = tx.execute(sa.select(REQUEST).where(same)).one_or_none()
    if row is None:
        return None
    if row.content_hash != content:
        raise RequestKeyReused(request_key=command.request_key)
    return row.subject_id, row.version


def remember(
    tx: sa.Connection,
    programme_id: int,
    command: Command,
    content: bytes,
    subject_id: int,
    at: datetime,
    version: int = 0,
) -> None:
    """Keep the request beside what it did, in the same transaction; without a key, nothing.

    Files, breaks and batches have no versions.
    """
    if command.request_key is not None:
        tx.execute(
            sa.insert(REQUEST).values(
                programme_id=programme_id,
                request_key=command.request_key,
                content_hash=content,
                subject_id=subject_id,
                version=version,
                comment=command.comment or None,
                created_at=at,
            )
        )


def content_hash(*asked: object) -> bytes:
    """SHA-256 of everything asked for."""
    canonical = json.dumps(asked, ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(canonical.encode()).digest()


def said(asked: DataclassInstance) -> dict[str, object]:
    """What a request sets, for its content: a field that a later release adds is not in it."""
    return {
        field.name: value
        for field in fields(asked)
        if (value := getattr(asked, field.name)) not in (field.default, [])
    }
