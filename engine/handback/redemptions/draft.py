"""Deciding a group of commands: each in turn, seeing what those before it did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from handback.breaks.doubts import doubts
from handback.breaks.kinds import Resolution
from handback.errors import (
    CutOffPassed,
    HandbackError,
    IllegalTransition,
    InvalidRequest,
    LimitReached,
    MemberCorrected,
    NotFound,
    RequestKeyReused,
    SecondPersonNeeded,
    Violation,
)
from handback.ids import MAX_ATTEMPT, Prefix, public_id
from handback.lifecycle.table import OPEN_STATES, State, Trigger
from handback.partners.policy import Reference
from handback.partners.registry import Agreements, Terms
from handback.redemptions import corrections
from handback.redemptions.amending import (
    Amendment,
    Background,
    backgrounds,
    check_retry,
    policy_of,
)
from handback.redemptions.known import Answered, Known, look_up
from handback.redemptions.queries import Owner, RedemptionView, as_of, not_found, owned
from handback.redemptions.requests import Command, Retry, Step, Submit
from handback.redemptions.sheet import Sheet, Standing
from handback.store.bulk import table_of
from handback.store.tables import Attempt

ATTEMPT = table_of(Attempt)


class Outcome(NamedTuple):
    """The redemption as the command left it; `replayed` where the key had been used before."""

    redemption: RedemptionView
    replayed: bool = False


class Draft:
    """Decides commands within one transaction; `sheet` holds what they come to."""

    def __init__(
        self,
        tx: sa.Connection,
        agreements: Agreements,
        now: datetime,
        ids: Iterable[int] = (),
        *,
        approved: bool = False,
    ) -> None:
        """`ids` are for submits; `approved` says that a second person agrees to the steps."""
        self.sheet = Sheet(now)
        self._tx = tx
        self._agreements = agreements
        self._now = now
        self._ids = iter(ids)
        self._known = Known({}, {})
        self._approved = approved
        self._doubts: Mapping[int, int] = {}
        self._past: Mapping[int, Background] = {}

    def decide(self, commands: Sequence[Command]) -> list[Outcome | HandbackError]:
        """The outcome of each command, as it will be once the sheet is committed."""
        refusals = [_refusal(command) for command in commands]
        # What is no text for a database must not even be looked for.
        self._load([one for one, told in zip(commands, refusals, strict=True) if told is None])
        return [
            told or self._outcome(command) for command, told in zip(commands, refusals, strict=True)
        ]

    def _load(self, commands: Sequence[Command]) -> None:
        """Read what the commands refer to: their request keys, and redemptions to be steered."""
        self._known = look_up(self._tx, self._agreements, commands)
        steered = [one.redemption_id for one in commands if isinstance(one, Step)]
        if steered:
            for redemption_id, (view, owner) in owned(self._tx, steered).items():
                standing = Standing(view, owner, was_waiting=view.due_at is not None)
                self.sheet.standings[redemption_id] = standing
            self._doubts = doubts(self._tx, steered)
        retried = [one.redemption_id for one in commands if isinstance(one, Retry)]
        if retried:
            self._past = backgrounds(self._tx, retried)

    def _outcome(self, command: Command) -> Outcome | HandbackError:
        try:
            return self._decide(command)
        except HandbackError as refusal:
            return refusal

    def _decide(self, command: Command) -> Outcome:
        key = (command.programme, command.request_key)
        content_hash = command.content_hash()
        if (answered := self._known.answered.get(key)) is not None:
            return self._replay(command, answered, content_hash)
        owner, view = self._submit(command) if isinstance(command, Submit) else self._step(command)
        self._known.answered[key] = Answered(content_hash, view.redemption_id, view.version, view)
        self.sheet.remember(command, content_hash, owner, view)
        return Outcome(view)

    def _replay(self, command: Command, answered: Answered, content_hash: bytes) -> Outcome:
        if answered.content_hash != content_hash:
            raise RequestKeyReused(request_key=command.request_key)
        view = answered.fresh or as_of(
            self._tx, command.programme, answered.redemption_id, answered.version
        )
        if isinstance(command, Submit):
            terms = self._terms_of(command.programme, command.partner)
            view = view._replace(next_cut_off_at=_next_cut_off(terms, view.submitted_at))
        return Outcome(view, replayed=True)

    def _submit(self, command: Submit) -> tuple[Owner, RedemptionView]:
        terms = self._terms_of(command.programme, command.partner)
        mistakes = terms.agreement.check_submit(
            command.member_ref, command.quantity, command.fields
        )
        if command.unit not in terms.unit_ids:
            offered = ", ".join(sorted(terms.unit_ids))
            mistakes.insert(0, Violation("unit", f"expected one of {offered}"))
        if mistakes:
            raise InvalidRequest(mistakes)
        if terms.corrected:
            self._refuse_corrected(terms, command)
        owner = Owner(terms.programme_id, terms.partner_id, terms.unit_ids[command.unit])
        next_cut_off_at = _next_cut_off(terms, self._now)
        return owner, self.sheet.bear(command, next(self._ids), owner, next_cut_off_at)

    def _refuse_corrected(self, terms: Terms, command: Submit) -> None:
        """Raise MemberCorrected where the partner credits the member under other details."""
        found = corrections.blocking(self._tx, terms.partner_id, command.member_ref)
        if found is not None:
            raise MemberCorrected(
                correction=public_id(Prefix.CORRECTION, found.correction_id),
                partner=found.partner,
                member_ref=found.member_ref,
                named_member=found.named_member or "",
            )

    def _terms_of(self, programme: str, partner: str) -> Terms:
        """The partner's terms. Raises NotFound."""
        terms = self._known.terms.get((programme, partner))
        if terms is None:
            raise NotFound(kind="partner", id=f"{programme}/{partner}")
        return terms

    def _step(self, command: Step) -> tuple[Owner, RedemptionView]:
        standing = self.sheet.standings.get(command.redemption_id)
        if standing is None or standing.view.programme != command.programme:
            raise not_found(command.redemption_id)
        retries = command.trigger is Trigger.RETRY
        self._refuse_doubted(standing)
        amendment = self._retried(standing, command) if isinstance(command, Retry) else None
        if self._approved and standing.view.state is State.AWAITING_HANDBACK:
            # Two persons say that it is dead.
            self.sheet.move(standing, Trigger.REJECT, standing.view.held, None, approved=True)
        due_at = self._now if retries else None
        try:
            self.sheet.move(standing, command.trigger, standing.view.held, due_at)
        except IllegalTransition as refusal:
            if refusal.facts.get("unmet") == "waiting":
                raise self._in_batch(standing) from refusal
            raise
        if amendment is not None:
            self.sheet.amend(standing, amendment)
        resolution = Resolution.RETRIED if retries else Resolution.FAILED
        self.sheet.resolve(command.redemption_id, resolution, command.comment)
        return standing.owner, standing.view

    def _retried(self, standing: Standing, command: Retry) -> Amendment | None:
        """See that there may be another attempt; what the retry gives anew."""
        view = standing.view
        if view.attempt >= MAX_ATTEMPT:
            raise LimitReached(f"{MAX_ATTEMPT} attempts of one redemption")
        agreement = self._agreements.of_partner(self._tx, standing.owner.partner_id).agreement
        past = self._past[view.redemption_id]
        policy = policy_of(agreement, view, past)
        standing.same_reference = policy.reference is Reference.SAME
        return check_retry(agreement, view, past, command, approved=self._approved)

    def _refuse_doubted(self, standing: Standing) -> None:
        """See that no attempt may have been credited, unless two persons take it for dead.

        Raises SecondPersonNeeded.
        """
        view = standing.view
        break_id = self._doubts.get(view.redemption_id)
        if break_id is not None and view.state in OPEN_STATES and not self._approved:
            raise SecondPersonNeeded(
                redemption=public_id(Prefix.REDEMPTION, view.redemption_id),
                break_id=public_id(Prefix.BREAK, break_id),
            )

    def _in_batch(self, standing: Standing) -> CutOffPassed:
        batch_id = self._tx.scalar(
            sa.select(ATTEMPT.c.batch_id)
            .where(ATTEMPT.c.redemption_id == standing.view.redemption_id)
            .where(ATTEMPT.c.attempt > standing.view.attempt)
            .order_by(ATTEMPT.c.attempt.desc())  # those before were recalled
            .limit(1)
        )
        assert batch_id is not None, "an open redemption waits in the due queue or in a batch"
        return CutOffPassed(
            redemption=public_id(Prefix.REDEMPTION, standing.view.redemption_id),
            batch=public_id(Prefix.PAYOUT_BATCH, batch_id),
        )


def _next_cut_off(terms: Terms, at: datetime) -> datetime | None:
    """When what is due at an instant is gathered, None where the partner has no cut-offs."""
    cut_offs = terms.agreement.payout.cut_offs
    return None if cut_offs is None else cut_offs.next(at)


def _refusal(command: Command) -> InvalidRequest | None:
    """What shows without a look at the store."""
    try:
        command.check()
    except InvalidRequest as refusal:
        return refusal
    return None
