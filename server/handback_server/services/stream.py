"""Rows of the journal as messages of the status stream, a thousand at a time.

This is the hot path of every watch, so it works on columns and knows its messages by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from google.protobuf.timestamp_pb2 import Timestamp

from handback.ids import Prefix
from handback.journal.names import Names
from handback_server import convert
from handback_server._stubs.v1.lifecycle_pb2 import RedemptionEvent

_ALPHABET: Final = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)
_SHIFTS: Final = np.arange(60, -1, -5, dtype=np.int64)

_optional_id = lru_cache(1_024)(convert.optional_id)
_cause_id = lru_cache(1_024)(convert.cause_id)


def redemption_ids(numbers: npt.NDArray[np.int64]) -> list[str]:
    """The public ids of redemptions, as `ids.public_id` makes them one by one."""
    digits = _ALPHABET[(numbers[:, None] >> _SHIFTS) & 31]
    prefix = np.frombuffer(f"{Prefix.REDEMPTION}_".encode(), dtype=np.uint8)
    text = np.concatenate([np.tile(prefix, (len(numbers), 1)), digits], axis=1).tobytes().decode()
    width = len(prefix) + len(_SHIFTS)
    return [text[start : start + width] for start in range(0, len(text), width)]


def events_of(rows: pl.DataFrame, names: Names) -> Sequence[RedemptionEvent]:
    """The messages of some rows of a stretch, in their order."""
    instants = rows["committed_at"].dt.epoch("us").to_list()
    columns = (
        redemption_ids(rows["redemption_id"].to_numpy()),
        *(rows[name].to_list() for name in _COLUMNS),
    )
    partners = {number: name for number, (_, name) in names.partners.items()}
    return [
        RedemptionEvent(
            redemption_id=redemption_id,
            version=version,
            trigger=trigger,
            from_state=from_state,
            to_state=to_state,
            attempt=attempt,
            quantity=quantity,
            reason_class=reason_class,
            reason_code=reason_code,
            file_id=_optional_id(Prefix.HANDBACK_FILE, file_id),
            ordinal=ordinal,
            partner=partners[partner_id],
            unit=names.units[unit_id],
            block_id=_optional_id(Prefix.BLOCK, block_id),
            committed_at=Timestamp(seconds=at // 1_000_000, nanos=at % 1_000_000 * 1_000),
            cause=cause_kind,
            cause_id=_cause_id(cause_kind, cause_id),
            actor=actor,
            trace_context=trace_context,
            position=position,
            cursor=f"{position - 1}.{place}",
        )
        for (
            redemption_id,
            version,
            trigger,
            from_state,
            to_state,
            attempt,
            quantity,
            reason_class,
            reason_code,
            file_id,
            ordinal,
            partner_id,
            unit_id,
            block_id,
            cause_kind,
            cause_id,
            actor,
            trace_context,
            position,
            place,
        ), at in zip(zip(*columns, strict=True), instants, strict=True)
    ]


_COLUMNS: Final = (
    "version",
    "trigger",
    "from_state",
    "to_state",
    "attempt",
    "quantity",
    "reason_class",
    "reason_code",
    "file_id",
    "ordinal",
    "partner_id",
    "unit_id",
    "block_id",
    "cause_kind",
    "cause_id",
    "actor",
    "trace_context",
    "position",
    "place",
)
