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


class Words(dict[int, _Word]):
    """The words of an enumeration by their numbers on the wire, which follow its order.

    The last, `unknown`, has no number; it is what a number that is not here means.
    """

    def __init__(self, kind: type[_Word]) -> None:
        *known, self._unknown = kind
        super().__init__(enumerate(known))

    def __missing__(self, number: int) -> _Word:
        return self._unknown


STATES = Words(models.State)
TRIGGERS = Words(models.Trigger)
REASON_CLASSES = Words(models.ReasonClass)
CAUSES = Words(models.CauseKind)
BATCH_STATES = Words(models.BatchState)
FILE_STATES = Words(models.FileState)
SEVERITIES = Words(models.Severity)


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


def instant(stamp: Timestamp) -> datetime | None:
    """An aware UTC instant; None for a stamp that was not set."""
    if not stamp.seconds and not stamp.nanos:
        return None
    return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1_000)
