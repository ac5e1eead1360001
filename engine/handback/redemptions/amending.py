"""What may be sent again, and what a retry gives anew of its member.

Why an attempt was rejected says what has to change before the next one: the policy of that class,
or of its code, is asked under the agreement that holds now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from handback.errors import FieldsUnchanged, InvalidRequest, RetryExcluded
from handback.formats.columns import folded
from handback.ids import Prefix, public_id
from handback.lifecycle.table import State
from handback.partners.agreement import Agreement
from handback.partners.codes import ReasonClass
from handback.partners.policy import Action, RetryPolicy
from handback.partners.reading_policy import MEMBER_REF
from handback.redemptions.queries import RedemptionView
from handback.redemptions.requests import Retry
from handback.store.bulk import table_of
from handback.store.tables import Event, MemberDetail

DETAIL, EVENT = table_of(MemberDetail), table_of(Event)


class Amendment(NamedTuple):
    """What a redemption was and becomes where a retry gives some of it anew.

    Fields are JSON texts as they are stored; None where none ever were.
    """

    redemption_id: int
    was_member_ref: str
    was_fields: str | None
    member_ref: str
    fields: str
    changed: tuple[str, ...]
    """The names of what is other than it was."""


class Background(NamedTuple):
    """What of the past a retry is judged by: the last rejection, and the details that were sent.

    The class is NONE where there was none; `fields` are JSON, None where there are none.
    """

    fields: str | None = None
    reason_class: ReasonClass = ReasonClass.NONE
    reason_code: str | None = None


def backgrounds(tx: sa.Connection, redemption_ids: Sequence[int]) -> dict[int, Background]:
    """What there is of each of these redemptions."""
    details = sa.select(DETAIL).where(DETAIL.c.redemption_id.in_(redemption_ids))
    found = dict.fromkeys(redemption_ids, Background())
    found |= {row.redemption_id: Background(row.fields) for row in tx.execute(details)}
    rejections = (
        sa.select(EVENT.c.redemption_id, EVENT.c.reason_class, EVENT.c.reason_code)
        .where(EVENT.c.redemption_id.in_(redemption_ids))
        .where(EVENT.c.to_state == int(State.REJECTED))
        .order_by(EVENT.c.redemption_id, EVENT.c.version)
    )
    for row in tx.execute(rejections):
        found[row.redemption_id] = Background(
            found[row.redemption_id].fields, ReasonClass(row.reason_class), row.reason_code
        )
    return found


def policy_of(agreement: Agreement, view: RedemptionView, past: Background) -> RetryPolicy:
    """What follows the rejection in which a redemption stands, by that of NONE where in none."""
    if view.state is not State.REJECTED:
        return agreement.policies.find(ReasonClass.NONE)
    return agreement.policies.find(past.reason_class, past.reason_code)


def check_retry(
    agreement: Agreement, view: RedemptionView, past: Background, command: Retry, *, approved: bool
) -> Amendment | None:
    """What a retry changes, None for nothing.

    Raises RetryExcluded where the policy allows none, unless a second person has `approved`;
    FieldsUnchanged where it wants something changed that the retry leaves as it was, or only spells
    otherwise; InvalidRequest where the partner's file cannot carry what is new.
    """
    policy, name = (
        policy_of(agreement, view, past),
        public_id(Prefix.REDEMPTION, view.redemption_id),
    )
    if policy.do is Action.NEVER and not approved:
        raise RetryExcluded(redemption=name)
    found = _amended(view, past, command)
    if found is not None:
        fields = json.loads(found.fields)
        if mistakes := agreement.check_submit(found.member_ref, view.quantity, fields):
            raise InvalidRequest(mistakes)
    if policy.changed and not (found and set(policy.changed) & _anew(found)):
        raise FieldsUnchanged(redemption=name, fields=", ".join(policy.changed))
    return found


def _amended(view: RedemptionView, past: Background, command: Retry) -> Amendment | None:
    was: Mapping[str, str] = json.loads(past.fields) if past.fields else {}
    fields = {**was, **command.fields}
    member_ref = command.member_ref or view.member_ref
    changed = [name for name in fields if not _alike(fields[name], was.get(name, ""))]
    if not _alike(member_ref, view.member_ref):
        changed.insert(0, MEMBER_REF)
    if not changed:
        return None
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    was_ref = view.member_ref
    return Amendment(view.redemption_id, was_ref, past.fields, member_ref, text, tuple(changed))


def _anew(amendment: Amendment) -> set[str]:
    """What of it a partner has not been told before.

    A name in capitals is the same name. Of a member's number every letter counts as it is.
    """
    was = json.loads(amendment.was_fields) if amendment.was_fields else {}
    now = json.loads(amendment.fields)
    return {
        name
        for name in amendment.changed
        if name == MEMBER_REF or folded(now[name]) != folded(was.get(name, ""))
    }


def _alike(one: str, other: str) -> bool:
    """Blanks around and between words change nothing: most files would print the same."""
    return one.split() == other.split()
