"""What a group of commands is about to write, gathered step by step and written at once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from handback import telemetry
from handback.breaks import resolve
from handback.breaks.kinds import Resolution
from handback.errors import VersionConflict
from handback.ids import Prefix, public_id
from handback.journal.commit import Cause
from handback.journal.rows import Birth, Change, commit_rows, rename_member
from handback.lifecycle import machine
from handback.lifecycle.table import State, Transition, Trigger, View, apply
from handback.partners.codes import ReasonClass
from handback.redemptions.amending import Amendment
from handback.redemptions.queries import Owner, RedemptionView
from handback.redemptions.requests import Command, Step, Submit
from handback.store.bulk import table_of
from handback.store.rows import Row, Rows, columns_of
from handback.store.tables import Due, FormerDetail, MemberDetail, Request, TraceLink

DETAIL, DUE = table_of(MemberDetail), table_of(Due)

_DUE: Final = columns_of(DUE, "redemption_id", "partner_id", "unit_id", "due_at", "same_reference")
_DETAIL: Final = columns_of(DETAIL, "redemption_id", "fields")
_FORMER: Final = columns_of(
    table_of(FormerDetail), "redemption_id", "version", "member_ref", "fields", "changed"
)
_LINK: Final = columns_of(table_of(TraceLink), "redemption_id", "trace_context")
_REQUEST: Final = columns_of(
    table_of(Request),
    "programme_id",
    "request_key",
    "content_hash",
    "subject_id",
    "version",
    "comment",
    "created_at",
)


# Every submit asks for the whole of its own quantity, and there is nothing yet that it could
# contradict: the table answers all of them as it answers one that asks for a single mile.
_UNBORN: Final = View(
    attempt=0,
    answered_attempt=0,
    quantity=1,
    held=0,
    fulfilled=0,
    moved=1,
    same_unit=1,
    waiting=0,
)
_SUBMIT: Final = machine.decide(_UNBORN, State.NONE, Trigger.SUBMIT)
_ATTEMPT, _HELD, _FULFILLED = apply(_SUBMIT.effect, _UNBORN)
_FIRST: Final = 1  # the version that a submit makes
# What the events of all of them have in common: from the version to the class, and the accounts.
_SUBMITTED: Final = (
    _FIRST,
    int(_SUBMIT.trigger),
    int(_SUBMIT.source),
    int(_SUBMIT.target),
    _ATTEMPT,
    int(ReasonClass.NONE),
)
assert _SUBMIT.posting is not None, "a submit sets value aside"
_POSTED: Final = (int(_SUBMIT.posting.debit), int(_SUBMIT.posting.credit))


@dataclass(slots=True)
class Standing:
    """A redemption as the group has left it so far."""

    view: RedemptionView
    owner: Owner
    was_waiting: bool
    same_reference: bool = False
    """Whether a further attempt goes out under the reference of the last."""

    @property
    def waiting(self) -> bool:
        """Whether it waits for a payout batch."""
        return self.view.due_at is not None


@dataclass(slots=True)
class Sheet:
    """The events decided so far, the redemptions they leave, and the rows that go beside them."""

    now: datetime
    standings: dict[int, Standing] = field(default_factory=dict)
    _changes: list[Change] = field(default_factory=list)
    _births: list[Birth] = field(default_factory=list)
    _due: list[Row] = field(default_factory=list)
    _details: list[Row] = field(default_factory=list)
    _links: list[Row] = field(default_factory=list)
    _requests: list[Row] = field(default_factory=list)
    _resolved: list[tuple[int, Resolution, str | None]] = field(default_factory=list)
    _former: list[Row] = field(default_factory=list)
    _amended: list[Amendment] = field(default_factory=list)

    def move(
        self,
        standing: Standing,
        trigger: Trigger,
        moved: int,
        due_at: datetime | None,
        reason_class: ReasonClass = ReasonClass.NONE,
        *,
        attempt: int | None = None,
        approved: bool = False,
    ) -> None:
        """Let the machine decide a step, and note it. Raises IllegalTransition.

        `due_at` is when the redemption is due for a payout batch afterwards, if it is; `attempt`
        the one that the step is about, None for the last that was sent; `approved` says that
        a second person agrees.
        """
        view = standing.view
        about = view.attempt if attempt is None else attempt
        seen = View(
            attempt=view.attempt,
            answered_attempt=about,
            quantity=view.quantity,
            held=view.held,
            fulfilled=view.fulfilled,
            moved=moved,
            same_unit=1,
            waiting=int(standing.waiting),
            approved=int(approved),
        )
        name = public_id(Prefix.REDEMPTION, view.redemption_id)
        row = machine.decide(seen, view.state, trigger, redemption=name)
        last, held, fulfilled = apply(row.effect, seen)
        standing.view = view._replace(
            state=row.target,
            attempt=last,
            version=view.version + 1,
            held=held,
            fulfilled=fulfilled,
            due_at=due_at,
        )
        self._note(row, standing.view, standing.owner, about, moved, reason_class)

    def bear(
        self, command: Submit, redemption_id: int, owner: Owner, next_cut_off_at: datetime | None
    ) -> RedemptionView:
        """Note a new redemption with what is kept beside it; how it stands."""
        quantity, now = command.quantity, self.now
        held, fulfilled = _HELD * quantity, _FULFILLED * quantity
        # By place, as names cost as much again: all other callers pay for what happens here.
        view = RedemptionView(
            redemption_id,
            command.programme,
            command.partner,
            command.member_ref,
            command.unit,
            quantity,
            _SUBMIT.target,
            _ATTEMPT,
            _FIRST,
            held,
            fulfilled,
            now,
            now,
            next_cut_off_at,
        )
        after = (_ATTEMPT, held, fulfilled)
        self._changes.append(Change(redemption_id, *_SUBMITTED, quantity, *after, *owner, *_POSTED))
        self._births.append(Birth(redemption_id, *owner, quantity, command.member_ref))
        self._due.append((redemption_id, owner.partner_id, owner.unit_id, now, 0))
        if command.fields:
            self._details.append((redemption_id, command.fields_json))
        if command.trace_context and telemetry.is_sampled(command.trace_context):
            self._links.append((redemption_id, command.trace_context))
        return view

    def _note(
        self,
        row: Transition,
        after: RedemptionView,
        owner: Owner,
        attempt: int,
        moved: int,
        reason_class: ReasonClass = ReasonClass.NONE,
    ) -> None:
        """Note the event of a step that the table allows."""
        posting = row.posting
        self._changes.append(
            Change(
                redemption_id=after.redemption_id,
                version=after.version,
                trigger=int(row.trigger),
                from_state=int(row.source),
                to_state=int(row.target),
                attempt=attempt,
                reason_class=int(reason_class),
                quantity=moved,
                new_attempt=after.attempt,
                new_held=after.held,
                new_fulfilled=after.fulfilled,
                programme_id=owner.programme_id,
                partner_id=owner.partner_id,
                unit_id=owner.unit_id,
                debit=int(posting.debit) if posting else 0,
                credit=int(posting.credit) if posting else 0,
            )
        )

    def amend(self, standing: Standing, amendment: Amendment) -> None:
        """Note what the step just taken gives anew, and what that was before."""
        standing.view = standing.view._replace(member_ref=amendment.member_ref)
        was = (amendment.was_member_ref, amendment.was_fields, json.dumps(amendment.changed))
        self._former.append((amendment.redemption_id, standing.view.version, *was))
        self._amended.append(amendment)

    def resolve(self, redemption_id: int, resolution: Resolution, comment: str) -> None:
        """Note that the breaks in which a redemption waits are closed."""
        self._resolved.append((redemption_id, resolution, comment or None))

    def remember(
        self, command: Command, content_hash: bytes, owner: Owner, answer: RedemptionView
    ) -> None:
        """Note what a request key was used for, and what it came to."""
        comment = command.comment or None if isinstance(command, Step) else None
        asked = (owner.programme_id, command.request_key, content_hash)
        self._requests.append((*asked, answer.redemption_id, answer.version, comment, self.now))

    def write(self, tx: sa.Connection, cause: Cause) -> None:
        """Write everything noted. Raises VersionConflict where others were there first."""
        if not self._changes:
            return
        self._due += self._came()
        beside = (
            Rows(_DUE, self._due),
            Rows(_DETAIL, self._details),
            Rows(_LINK, self._links),
            Rows(_REQUEST, self._requests),
            Rows(_FORMER, self._former),
        )
        commit_rows(tx, cause, self._changes, self._births, self.now, beside)
        self._leave_queue(tx)
        self._write_amended(tx)
        for redemption_id, resolution, comment in self._resolved:
            resolve.close_for_redemption(
                tx, redemption_id, resolution, cause.actor, self.now, comment
            )

    def _write_amended(self, tx: sa.Connection) -> None:
        """Put members and details in place of those that were."""
        for one in self._amended:
            rename_member(tx, one.redemption_id, one.member_ref)
            if one.was_fields is None:
                new = {"redemption_id": one.redemption_id, "fields": one.fields}
                tx.execute(sa.insert(DETAIL).values(new))
            else:
                its = DETAIL.c.redemption_id == one.redemption_id
                tx.execute(sa.update(DETAIL).where(its).values(fields=one.fields))

    def _leave_queue(self, tx: sa.Connection) -> None:
        """Take out of the due queue what does not wait any more."""
        left = [
            redemption_id
            for redemption_id, standing in self.standings.items()
            if standing.was_waiting and not standing.waiting
        ]
        if not left:
            return
        gone = tx.execute(sa.delete(DUE).where(DUE.c.redemption_id.in_(left))).rowcount
        if gone != len(left):
            # A payout batch took one of them since it was read.
            raise VersionConflict(moved=gone, expected=len(left))

    def _came(self) -> list[Row]:
        """What waits in the due queue again."""
        return [
            (
                redemption_id,
                standing.owner.partner_id,
                standing.owner.unit_id,
                due_at,
                int(standing.same_reference),
            )
            for redemption_id, standing in self.standings.items()
            if (due_at := standing.view.due_at) is not None and not standing.was_waiting
        ]
