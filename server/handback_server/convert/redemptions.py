"""Redemptions and their events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from handback.ids import Prefix, public_id
from handback.journal.names import Names
from handback.redemptions.corrections import CorrectionView
from handback.redemptions.queries import EventView, RedemptionView
from handback_server._stubs.v1 import (
    lifecycle_pb2,
    redemptions_pb2,
)
from handback_server.convert.values import cause_id, instant, optional_id


def redemption(view: RedemptionView) -> lifecycle_pb2.Redemption:
    """A redemption as it stands."""
    return lifecycle_pb2.Redemption(
        redemption_id=public_id(Prefix.REDEMPTION, view.redemption_id),
        programme=view.programme,
        partner=view.partner,
        member_ref=view.member_ref,
        quantity=view.quantity,
        unit=view.unit,
        state=lifecycle_pb2.RedemptionState.ValueType(view.state),
        attempt=view.attempt,
        version=view.version,
        held=view.held,
        fulfilled=view.fulfilled,
        submitted_at=instant(view.submitted_at),
        due_at=instant(view.due_at),
        next_cut_off_at=instant(view.next_cut_off_at),
    )


# What tells apart redemptions that were submitted to one partner, by whomever and whenever.
_OWN: Final = ("redemption_id", "member_ref", "quantity", "held")
_INSTANTS: Final = ("submitted_at", "due_at", "next_cut_off_at")
_ALIKE: Final = tuple(name for name in RedemptionView._fields if name not in {*_OWN, *_INSTANTS})
_alike: Final = attrgetter(*_ALIKE)


def put_redemption(into: lifecycle_pb2.Redemption, view: RedemptionView) -> None:
    """Write a redemption into an empty message, as `redemption` makes it.

    Half of its price, where one came before that is alike but for its id, member and quantities; as
    much as that where it has instants of its own.
    """
    into.CopyFrom(_pattern(_alike(view)))
    into.MergeFrom(_instants(view.submitted_at, view.due_at, view.next_cut_off_at))
    into.redemption_id = public_id(Prefix.REDEMPTION, view.redemption_id)
    into.member_ref = view.member_ref
    into.quantity = view.quantity
    into.held = view.held


@lru_cache(maxsize=64)
def _pattern(alike: tuple[Any, ...]) -> lifecycle_pb2.Redemption:
    return lifecycle_pb2.Redemption(**dict(zip(_ALIKE, alike, strict=True)))


# A group of submits has the same.
@lru_cache(maxsize=8)
def _instants(
    submitted_at: datetime, due_at: datetime | None, next_cut_off_at: datetime | None
) -> lifecycle_pb2.Redemption:
    return lifecycle_pb2.Redemption(
        submitted_at=instant(submitted_at),
        due_at=instant(due_at),
        next_cut_off_at=instant(next_cut_off_at),
    )


def correction(view: CorrectionView) -> redemptions_pb2.Correction:
    """A correction as it stands."""
    return redemptions_pb2.Correction(
        correction_id=public_id(Prefix.CORRECTION, view.correction_id),
        programme=view.programme,
        partner=view.partner,
        member_ref=view.member_ref,
        named_member=view.named_member or "",
        redemption_id=public_id(Prefix.REDEMPTION, view.redemption_id),
        file_id=optional_id(Prefix.HANDBACK_FILE, view.file_id),
        ordinal=view.ordinal or 0,
        reason_code=view.reason_code or "",
        raised_at=instant(view.raised_at),
        acknowledged_at=instant(view.acknowledged_at),
        acknowledged_by=view.acknowledged_by or "",
    )


def event(view: EventView, of: RedemptionView) -> lifecycle_pb2.RedemptionEvent:
    """One step of a redemption, as its history lists it."""
    return lifecycle_pb2.RedemptionEvent(
        redemption_id=public_id(Prefix.REDEMPTION, view.redemption_id),
        version=view.version,
        trigger=lifecycle_pb2.Trigger.ValueType(view.trigger),
        from_state=lifecycle_pb2.RedemptionState.ValueType(view.from_state),
        to_state=lifecycle_pb2.RedemptionState.ValueType(view.to_state),
        attempt=view.attempt,
        quantity=view.quantity,
        reason_class=lifecycle_pb2.ReasonClass.ValueType(view.reason_class),
        reason_code=view.reason_code or "",
        file_id=optional_id(Prefix.HANDBACK_FILE, view.file_id),
        ordinal=view.ordinal or 0,
        partner=of.partner,
        unit=of.unit,
        block_id=public_id(Prefix.BLOCK, view.block_id),
        committed_at=instant(view.committed_at),
        cause=lifecycle_pb2.CauseKind.ValueType(view.cause_kind),
        cause_id=cause_id(view.cause_kind, view.cause_id),
        actor=view.actor,
        position=view.position or 0,
        comment=view.comment or "",
        changed=view.changed,
    )


def event_kind(names: Names, row: Mapping[str, Any]) -> lifecycle_pb2.RedemptionEvent:
    """What an event of the journal has in common with many others, whatever their block."""
    _, partner = names.partners[row["partner_id"]]
    return lifecycle_pb2.RedemptionEvent(
        version=row["version"],
        trigger=row["trigger"],
        from_state=row["from_state"],
        to_state=row["to_state"],
        attempt=row["attempt"],
        reason_class=row["reason_class"],
        reason_code=row["reason_code"],
        file_id=optional_id(Prefix.HANDBACK_FILE, row["file_id"] or None),
        partner=partner,
        unit=names.units[row["unit_id"]],
    )


def event_block(row: Mapping[str, Any]) -> lifecycle_pb2.RedemptionEvent:
    """What the events of a block have in common."""
    return lifecycle_pb2.RedemptionEvent(
        block_id=public_id(Prefix.BLOCK, row["block_id"]),
        committed_at=instant(row["committed_at"]),
        cause=row["cause_kind"],
        cause_id=cause_id(row["cause_kind"], row["cause_id"]),
        actor=row["actor"],
        trace_context=row["trace_context"],
        position=row["position"],
    )
