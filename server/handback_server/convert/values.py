"""Names, ids, instants and members of enumerations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import Final, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from handback.errors import InvalidRequest, Violation
from handback.ids import Prefix, number_of, public_id
from handback.journal.commit import CauseKind

Enum = TypeVar("Enum", bound=IntEnum)


_CAUSE_PREFIX: Final = {
    CauseKind.PAYOUT_BATCH: Prefix.PAYOUT_BATCH,
    CauseKind.HANDBACK_FILE: Prefix.HANDBACK_FILE,
    CauseKind.BREAK: Prefix.BREAK,
}


def named(text: str, field: str) -> str:
    """A name that has to be there. Raises InvalidRequest."""
    if not text.strip():
        raise InvalidRequest([Violation(field, "expected a name")])
    return text


def redemption_number(text: str) -> int:
    """The number of a redemption's id. Raises InvalidRequest."""
    return number_of(Prefix.REDEMPTION, text, "redemption_id")


def file_number(text: str, field: str = "file_id") -> int:
    """The number of a hand-back file's id. Raises InvalidRequest."""
    return number_of(Prefix.HANDBACK_FILE, text, field)


def members(values: Sequence[int], enum: type[Enum], field: str) -> tuple[Enum, ...]:
    """The members behind the numbers of a filter. Raises InvalidRequest for any other number."""
    known = {int(member) for member in enum if member > 0}
    if unknown := sorted({value for value in values if value not in known}):
        expected = f"expected values among {sorted(known)}, not {unknown}"
        raise InvalidRequest([Violation(field, expected)])
    return tuple(enum(value) for value in values)


def instant(at: datetime | None) -> Timestamp | None:
    """An aware instant as a message; None stays unset."""
    if at is None:
        return None
    # Three times as fast as Timestamp.FromDatetime; an instant has microseconds and no less.
    return Timestamp(seconds=int(at.timestamp()), nanos=at.microsecond * 1_000)


def optional_id(prefix: Prefix, number: int | None) -> str:
    """The public id of a number, empty for none."""
    return "" if number is None else public_id(prefix, number)


def cause_id(kind: int, number: int | None) -> str:
    """The public id of what caused a block, empty where it has none."""
    prefix = _CAUSE_PREFIX.get(CauseKind(kind))
    return "" if prefix is None or number is None else public_id(prefix, number)
