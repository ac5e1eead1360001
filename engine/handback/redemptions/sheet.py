"""What a group of commands is about to write, gathered step by step and written at once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from handback import telemetry
from handback.breaks import resolve
from handback.breaks.kinds import Resolution
from handback.errors import VersionConflict
from handback.ids import Prefix, public_id
from handback.journal.changes import BIRTHS, CHANGES
from handback.journal.commit import Cause, commit
from handback.lifecycle import machine
from handback.lifecycle.table import Trigger, View, apply
from handback.partners.codes import ReasonClass
from handback.redemptions.queries import RedemptionView
from handback.redemptions.requests import Submit
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import Due, MemberDetail, Request, TraceLink

DUE, REQUEST = table_of(Due), table_of(Request)
DETAIL, LINK = table_of(MemberDetail), table_of(TraceLink)


@dataclass(frozen=True, slots=True)
class Owner:
    """The numbers behind the names of a redemption's programme, partner and unit."""

    programme_id: int
    partner_id: int
    unit_id: int


@dataclass(slots=True)
class Standing:
    """A redemption as the group has left it so far."""

    view: RedemptionView
    owner: Owner
    was_waiting: bool

    @property
    def waiting(self) -> bool:
        """Whether it waits for a payout batch."""
        return self.view.due_at is not None


@dataclass(slots=True)
class Sheet:
    """Rows to be written, by table; the events decided so far and the redemptions they leave."""

    now: datetime
    standings: dict[int, Standing] = field(default_factory=dict)
    _changes: list[tuple[object, ...]] = field(default_factory=list)
    _births: list[tuple[object, ...]] = field(default_factory=list)
    _details: list[dict[str, object]] = field(default_factory=list)
    _links: list[dict[str, object]] = field(default_factory=list)
    _requests: list[dict[str, object]] = field(default_factory=list)
    _resolved: list[tuple[int, Resolution]] = field(default_factory=list)

    def move(self, standing: Standing, trigger: Trigger, moved: int) -> None:
        """Let the machine decide a step, and note it. Raises IllegalTransition."""
        view, owner = standing.view, standing.owner
        seen = View(
            attempt=view.attempt,
            answered_attempt=view.attempt,
            quantity=view.quantity,
            held=view.held,
            fulfilled=view.fulfilled,
            moved=moved,
            same_unit=1,
            waiting=int(standing.waiting),
        )
        name = public_id(Prefix.REDEMPTION, view.redemption_id)
        row = machine.decide(seen, view.state, trigger, redemption=name)
        attempt, held, fulfilled = apply(row.effect, seen)
        standing.view = replace(
            view,
            state=row.target,
            attempt=attempt,
            version=view.version + 1,
            held=held,
            fulfilled=fulfilled,
        )
        change = {
            "redemption_id": view.redemption_id,
            "version": view.version + 1,
            "trigger": int(trigger),
            "from_state": int(view.state),
            "to_state": int(row.target),
            "attempt": view.attempt,
            "reason_class": int(ReasonClass.NONE),
            "quantity": moved,
            "new_attempt": attempt,
            "new_held": held,
            "new_fulfilled": fulfilled,
            "programme_id": owner.programme_id,
            "partner_id": owner.partner_id,
            "unit_id": owner.unit_id,
            "debit": int(row.posting.debit) if row.posting else 0,
            "credit": int(row.posting.credit) if row.posting else 0,
        }
        self._changes.append(tuple(change.get(name) for name in CHANGES))

    def bear(self, standing: Standing, command: Submit) -> None:
        """Note a new redemption with what is kept beside it."""
        view, owner = standing.view, standing.owner
        redemption_id = view.redemption_id
        self.standings[redemption_id] = standing
        whose = (owner.programme_id, owner.partner_id, owner.unit_id)
        self._births.append((redemption_id, *whose, view.quantity, view.member_ref))
        if command.fields:
            fields = json.dumps(dict(command.fields), ensure_ascii=False, sort_keys=True)
            self._details.append({"redemption_id": redemption_id, "fields": fields})
        if telemetry.is_sampled(command.trace_context):
            self._links.append(
                {"redemption_id": redemption_id, "trace_context": command.trace_context}
            )

    def resolve(self, redemption_id: int, resolution: Resolution) -> None:
        """Note that the breaks in which a redemption waits are closed."""
        self._resolved.append((redemption_id, resolution))

    def remember(self, request: dict[str, object]) -> None:
        """Note what a request key was used for."""
        self._requests.append(request | {"created_at": self.now})

    def write(self, store: Store, tx: sa.Connection, cause: Cause) -> None:
        """Write everything noted. Raises VersionConflict where others were there first."""
        if not self._changes:
            return
        changes = pl.DataFrame(self._changes, schema=CHANGES, orient="row")
        births = pl.DataFrame(self._births, schema=BIRTHS, orient="row")
        commit(store, tx, cause, changes, self.now, births)
        self._write_queue(tx)
        beside = ((DETAIL, self._details), (LINK, self._links), (REQUEST, self._requests))
        for table, rows in beside:
            if rows:
                tx.execute(sa.insert(table), rows)
        for redemption_id, resolution in self._resolved:
            resolve.close_for_redemption(tx, redemption_id, resolution, cause.actor, self.now)

    def _write_queue(self, tx: sa.Connection) -> None:
        """Bring the due queue in line with what the redemptions now wait for."""
        left = [
            redemption_id
            for redemption_id, standing in self.standings.items()
            if standing.was_waiting and not standing.waiting
        ]
        came = [
            {
                "redemption_id": redemption_id,
                "partner_id": standing.owner.partner_id,
                "unit_id": standing.owner.unit_id,
                "due_at": standing.view.due_at,
                "same_reference": 0,
            }
            for redemption_id, standing in self.standings.items()
            if standing.waiting and not standing.was_waiting
        ]
        if left:
            gone = tx.execute(sa.delete(DUE).where(DUE.c.redemption_id.in_(left))).rowcount
            if gone != len(left):
                # A payout batch took one of them since it was read.
                raise VersionConflict(moved=gone, expected=len(left))
        if came:
            tx.execute(sa.insert(DUE), came)
