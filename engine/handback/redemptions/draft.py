"""What one group of commands is about to write: decided command by command, written at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from handback import telemetry
from handback.breaks import resolve
from handback.breaks.kinds import Resolution
from handback.errors import (
    CutOffPassed,
    HandbackError,
    IllegalTransition,
    InvalidRequest,
    LimitReached,
    NotFound,
    RequestKeyReused,
    VersionConflict,
    Violation,
)
from handback.ids import MAX_ATTEMPT, Prefix, public_id
from handback.journal.commit import BIRTHS, CHANGES, Cause, commit
from handback.lifecycle import machine
from handback.lifecycle.table import State, Trigger, View, apply
from handback.partners.codes import ReasonClass
from handback.partners.registry import Agreements, Terms
from handback.redemptions.queries import RedemptionView, as_of, get
from handback.redemptions.requests import Command, Step, Submit
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import (
    Attempt,
    Due,
    MemberDetail,
    Programme,
    Redemption,
    Request,
    TraceLink,
)

ATTEMPT, DUE, REQUEST = table_of(Attempt), table_of(Due), table_of(Request)
DETAIL, LINK = table_of(MemberDetail), table_of(TraceLink)
PROGRAMME, REDEMPTION = table_of(Programme), table_of(Redemption)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The redemption as the command left it; `replayed` where the key had been used before."""

    redemption: RedemptionView
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Owner:
    """The numbers behind the names of a redemption's programme, partner and unit."""

    programme_id: int
    partner_id: int
    unit_id: int


@dataclass(slots=True)
class _Standing:
    """A redemption as the group has left it so far."""

    view: RedemptionView
    owner: _Owner
    was_waiting: bool

    @property
    def waiting(self) -> bool:
        return self.view.due_at is not None


class Draft:
    """Decides commands in order, each seeing what those before it did, then writes the sum."""

    def __init__(
        self,
        store: Store,
        tx: sa.Connection,
        agreements: Agreements,
        now: datetime,
        ids: Iterable[int],
    ) -> None:
        self._store = store
        self._tx = tx
        self._agreements = agreements
        self._now = now
        self._ids = iter(ids)
        self._known: dict[tuple[str, str], tuple[bytes, int, int]] = {}
        self._fresh: dict[tuple[str, str], RedemptionView] = {}
        self._standings: dict[int, _Standing] = {}
        self._terms: dict[tuple[str, str], Terms] = {}
        self._programmes: dict[str, int] = {}
        self._changes: list[tuple[object, ...]] = []
        self._births: list[tuple[object, ...]] = []
        self._details: list[dict[str, object]] = []
        self._links: list[dict[str, object]] = []
        self._requests: list[dict[str, object]] = []
        self._resolved: list[tuple[int, Resolution]] = []

    def decide(self, commands: Sequence[Command]) -> list[Outcome | HandbackError]:
        """The outcome of each command, as it will be once `write` is committed."""
        self._load(commands)
        outcomes: list[Outcome | HandbackError] = []
        for command in commands:
            try:
                outcomes.append(self._decide(command))
            except HandbackError as refusal:
                outcomes.append(refusal)
        return outcomes

    def write(self, cause: Cause) -> None:
        """Write everything decided. Raises VersionConflict where others were there first."""
        if not self._changes:
            return
        changes = pl.DataFrame(self._changes, schema=CHANGES, orient="row")
        births = pl.DataFrame(self._births, schema=BIRTHS, orient="row")
        commit(self._store, self._tx, cause, changes, self._now, births)
        self._write_queue()
        for table, rows in (
            (DETAIL, self._details),
            (LINK, self._links),
            (REQUEST, self._requests),
        ):
            if rows:
                self._tx.execute(sa.insert(table), rows)
        for redemption_id, resolution in self._resolved:
            resolve.close_for_redemption(
                self._tx, redemption_id, resolution, cause.actor, self._now
            )

    def _load(self, commands: Sequence[Command]) -> None:
        """Read what the commands refer to: programmes, request keys, redemptions."""
        names = {command.programme for command in commands}
        programmes = sa.select(PROGRAMME.c.name, PROGRAMME.c.programme_id)
        found = self._tx.execute(programmes.where(PROGRAMME.c.name.in_(names)))
        self._programmes = {row.name: row.programme_id for row in found}
        for name, programme_id in self._programmes.items():
            keys = {one.request_key for one in commands if one.programme == name}
            requests = sa.select(REQUEST).where(
                REQUEST.c.programme_id == programme_id, REQUEST.c.request_key.in_(keys)
            )
            for row in self._tx.execute(requests):
                answer = (row.content_hash, row.subject_id, row.version)
                self._known[name, row.request_key] = answer

    def _decide(self, command: Command) -> Outcome:
        command.check()
        key = (command.programme, command.request_key)
        content_hash = command.content_hash()
        if key in self._known:
            return self._replay(command, content_hash)
        match command:
            case Submit():
                view = self._submit(command)
                comment = None
            case Step():
                view = self._step(command)
                comment = command.comment or None
        self._known[key] = (content_hash, view.redemption_id, view.version)
        self._fresh[key] = view
        self._requests.append(
            {
                "programme_id": self._programmes[command.programme],
                "request_key": command.request_key,
                "content_hash": content_hash,
                "subject_id": view.redemption_id,
                "version": view.version,
                "comment": comment,
                "created_at": self._now,
            }
        )
        return Outcome(view)

    def _replay(self, command: Command, content_hash: bytes) -> Outcome:
        key = (command.programme, command.request_key)
        known_hash, redemption_id, version = self._known[key]
        if known_hash != content_hash:
            raise RequestKeyReused(request_key=command.request_key)
        view = self._fresh.get(key)
        if view is None:
            view = as_of(self._tx, command.programme, redemption_id, version)
        return Outcome(view, replayed=True)

    def _submit(self, command: Submit) -> RedemptionView:
        terms = self._terms_of(command.programme, command.partner)
        mistakes = terms.agreement.check_submit(
            command.member_ref, command.quantity, command.fields
        )
        if command.unit not in terms.unit_ids:
            offered = ", ".join(sorted(terms.unit_ids))
            mistakes.insert(0, Violation("unit", f"expected one of {offered}"))
        if mistakes:
            raise InvalidRequest(mistakes)
        owner = _Owner(terms.programme_id, terms.partner_id, terms.unit_ids[command.unit])
        redemption_id = next(self._ids)
        unborn = RedemptionView(
            redemption_id=redemption_id,
            programme=command.programme,
            partner=command.partner,
            member_ref=command.member_ref,
            unit=command.unit,
            quantity=command.quantity,
            state=State.NONE,
            attempt=0,
            version=0,
            held=0,
            fulfilled=0,
            submitted_at=self._now,
        )
        standing = _Standing(unborn, owner, was_waiting=False)
        self._move(standing, Trigger.SUBMIT, moved=command.quantity)
        self._enqueue(standing)
        self._standings[redemption_id] = standing
        self._births.append(
            (
                redemption_id,
                owner.programme_id,
                owner.partner_id,
                owner.unit_id,
                command.quantity,
                command.member_ref,
            )
        )
        if command.fields:
            fields = json.dumps(dict(command.fields), ensure_ascii=False, sort_keys=True)
            self._details.append({"redemption_id": redemption_id, "fields": fields})
        if telemetry.is_sampled(command.trace_context):
            self._links.append(
                {"redemption_id": redemption_id, "trace_context": command.trace_context}
            )
        return standing.view

    def _terms_of(self, programme: str, partner: str) -> Terms:
        """The partner's terms, asked for once in a group. Raises NotFound."""
        terms = self._terms.get((programme, partner))
        if terms is None:
            terms = self._agreements.current(self._tx, programme, partner)
            self._terms[programme, partner] = terms
        return terms

    def _step(self, command: Step) -> RedemptionView:
        standing = self._standing(command)
        if command.trigger is Trigger.RETRY and standing.view.attempt >= MAX_ATTEMPT:
            raise LimitReached("attempts of one redemption")
        try:
            self._move(standing, command.trigger, moved=standing.view.held)
        except IllegalTransition as refusal:
            if refusal.facts.get("unmet") == "waiting":
                raise self._in_batch(standing) from refusal
            raise
        match command.trigger:
            case Trigger.RETRY:
                self._enqueue(standing)
                self._resolved.append((command.redemption_id, Resolution.RETRIED))
            case Trigger.FAIL | Trigger.CANCEL:
                standing.view = replace(standing.view, due_at=None)
                self._resolved.append((command.redemption_id, Resolution.FAILED))
            case _:
                raise AssertionError(command.trigger)
        return standing.view

    def _standing(self, command: Step) -> _Standing:
        """The redemption of a command, as the group has left it. Raises NotFound."""
        found = self._standings.get(command.redemption_id)
        if found is None:
            view = get(self._tx, command.programme, command.redemption_id)
            ids = sa.select(
                REDEMPTION.c.programme_id, REDEMPTION.c.partner_id, REDEMPTION.c.unit_id
            ).where(REDEMPTION.c.redemption_id == command.redemption_id)
            owner = _Owner(*self._tx.execute(ids).one())
            found = _Standing(view, owner, was_waiting=view.due_at is not None)
            self._standings[command.redemption_id] = found
        if found.view.programme != command.programme:
            name = public_id(Prefix.REDEMPTION, command.redemption_id)
            raise NotFound(kind="redemption", id=name)
        return found

    def _in_batch(self, standing: _Standing) -> CutOffPassed:
        batch_id = self._tx.scalar(
            sa.select(ATTEMPT.c.batch_id)
            .where(ATTEMPT.c.redemption_id == standing.view.redemption_id)
            .where(ATTEMPT.c.attempt == standing.view.attempt + 1)
        )
        assert batch_id is not None, "an open redemption waits in the due queue or in a batch"
        return CutOffPassed(
            redemption=public_id(Prefix.REDEMPTION, standing.view.redemption_id),
            batch=public_id(Prefix.PAYOUT_BATCH, batch_id),
        )

    def _move(self, standing: _Standing, trigger: Trigger, moved: int) -> None:
        """Let the machine decide, and note the change. Raises IllegalTransition."""
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
        self._changes.append(
            (
                view.redemption_id,
                view.version + 1,
                int(trigger),
                int(view.state),
                int(row.target),
                view.attempt,
                int(ReasonClass.NONE),
                None,
                moved,
                None,
                None,
                attempt,
                held,
                fulfilled,
                owner.programme_id,
                owner.partner_id,
                owner.unit_id,
                int(row.posting.debit) if row.posting else 0,
                int(row.posting.credit) if row.posting else 0,
            )
        )

    def _enqueue(self, standing: _Standing) -> None:
        standing.view = replace(standing.view, due_at=self._now)

    def _write_queue(self) -> None:
        """Bring the due queue in line with what the redemptions now wait for."""
        left, came = [], []
        for redemption_id, standing in self._standings.items():
            if standing.was_waiting and not standing.waiting:
                left.append(redemption_id)
            if standing.waiting and not standing.was_waiting:
                came.append(
                    {
                        "redemption_id": redemption_id,
                        "partner_id": standing.owner.partner_id,
                        "unit_id": standing.owner.unit_id,
                        "due_at": standing.view.due_at,
                        "same_reference": 0,
                    }
                )
        if left:
            gone = self._tx.execute(sa.delete(DUE).where(DUE.c.redemption_id.in_(left))).rowcount
            if gone != len(left):
                # A payout batch took one of them since it was read.
                raise VersionConflict(moved=gone, expected=len(left))
        if came:
            self._tx.execute(sa.insert(DUE), came)
