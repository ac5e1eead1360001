"""Words by their numbers on the wire, and instants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from handback_client import models
from handback_client._stubs.v1 import (
    handback_files_pb2,
    lifecycle_pb2,
    payouts_pb2,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_Word = TypeVar("_Word", bound=StrEnum)


def words_of(kind: type[_Word]) -> dict[int, _Word]:
    """The words of an enumeration by their numbers on the wire, which follow its order.

    The last, `unknown`, has no number; reading a number that is not here means it.
    """
    return dict(enumerate(list(kind)[:-1]))


STATES = words_of(models.State)


TRIGGERS = words_of(models.Trigger)


REASON_CLASSES = words_of(models.ReasonClass)


CAUSES = words_of(models.CauseKind)


BATCH_STATES = words_of(models.BatchState)


FILE_STATES = words_of(models.FileState)


SEVERITIES = words_of(models.Severity)


def states(words: Iterable[str]) -> list[lifecycle_pb2.RedemptionState.ValueType]:
    """States to ask for. Raises ValueError for a word that is none."""
    return [
        lifecycle_pb2.RedemptionState.Value(f"REDEMPTION_STATE_{models.State(word).name}")
        for word in words
    ]


def triggers(words: Iterable[str]) -> list[lifecycle_pb2.Trigger.ValueType]:
    """Triggers to ask for. Raises ValueError for a word that is none."""
    return [lifecycle_pb2.Trigger.Value(f"TRIGGER_{models.Trigger(word).name}") for word in words]


def batch_states(words: Iterable[str]) -> list[payouts_pb2.PayoutBatchState.ValueType]:
    """States of payout batches to ask for. Raises ValueError for a word that is none."""
    return [
        payouts_pb2.PayoutBatchState.Value(f"PAYOUT_BATCH_STATE_{models.BatchState(word).name}")
        for word in words
    ]


def file_states(words: Iterable[str]) -> list[handback_files_pb2.HandbackFileState.ValueType]:
    """States of hand-back files to ask for. Raises ValueError for a word that is none."""
    return [
        handback_files_pb2.HandbackFileState.Value(
            f"HANDBACK_FILE_STATE_{models.FileState(word).name}"
        )
        for word in words
    ]


def file_state(number: int) -> models.FileState:
    """The state of a hand-back file."""
    return FILE_STATES.get(number, models.FileState.UNKNOWN)


def reason_class(number: int) -> models.ReasonClass:
    """What a partner's code means."""
    return REASON_CLASSES.get(number, models.ReasonClass.UNKNOWN)


def trigger(number: int) -> models.Trigger:
    """What moves a redemption."""
    return TRIGGERS.get(number, models.Trigger.UNKNOWN)


def instant(stamp: Timestamp) -> datetime | None:
    """An aware UTC instant; None for a stamp that was not set."""
    if not stamp.seconds and not stamp.nanos:
        return None
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1_000)
