"""What is known before commands are decided: the request keys used before, and partners' terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from handback.partners.registry import CORRECTED, NEWEST_VERSION, PARTNER, Agreements, Terms
from handback.redemptions.queries import RedemptionView
from handback.redemptions.requests import Command, Submit
from handback.store.bulk import table_of
from handback.store.lookup import Among, Lookup
from handback.store.tables import Programme, Request

PROGRAMME, REQUEST = table_of(Programme), table_of(Request)

_ANSWER: Final = tuple(
    REQUEST.c[name] for name in ("request_key", "content_hash", "subject_id", "version")
)
_NAMED: Final = PROGRAMME.c.name == sa.bindparam("programme", type_=sa.Text)


def _used(among: Among) -> sa.ColumnElement[bool]:
    same = REQUEST.c.programme_id == PROGRAMME.c.programme_id
    return same & among(REQUEST.c.request_key, "keys")


REQUESTS: Final = Lookup(
    lambda among: (
        sa.select(*_ANSWER).select_from(PROGRAMME).join(REQUEST, _used(among)).where(_NAMED)
    )
)
# A partner's terms and the keys in one, as submits need both: a row for each key that was used, and
# one without where none was. Where the programme has no such partner, its number is null.
TERMS_AND_REQUESTS: Final = Lookup(
    lambda among: (
        sa.select(PARTNER.c.partner_id, NEWEST_VERSION, CORRECTED, *_ANSWER)
        .select_from(PROGRAMME)
        .outerjoin(
            PARTNER,
            (PARTNER.c.programme_id == PROGRAMME.c.programme_id)
            & (PARTNER.c.name == sa.bindparam("partner", type_=sa.Text)),
        )
        .outerjoin(REQUEST, _used(among))
        .where(_NAMED)
    )
)


class Answered(NamedTuple):
    """What a request key was used for: the answer is in `fresh` where this group gave it."""

    content_hash: bytes
    redemption_id: int
    version: int
    fresh: RedemptionView | None = None


class Known(NamedTuple):
    """Answers by programme and request key, terms by programme and partner."""

    answered: dict[tuple[str, str], Answered]
    terms: Mapping[tuple[str, str], Terms]


def look_up(tx: sa.Connection, agreements: Agreements, commands: Iterable[Command]) -> Known:
    """What is known of the request keys of commands, and of the partners of submits."""
    known = Known({}, terms := {})
    submitted: dict[tuple[str, str], list[str]] = defaultdict(list)
    steered: dict[str, list[str]] = defaultdict(list)
    for one in commands:
        if isinstance(one, Submit):
            submitted[one.programme, one.partner].append(one.request_key)
        else:
            steered[one.programme].append(one.request_key)
    for programme, keys in steered.items():
        answers = REQUESTS.rows(tx, {"programme": programme, "keys": keys})
        _note(known, programme, answers)
    for (programme, partner), keys in submitted.items():
        names = {"programme": programme, "partner": partner, "keys": keys}
        rows = TERMS_AND_REQUESTS.rows(tx, names)
        _note(known, programme, (row[3:] for row in rows if row[3] is not None))
        if rows and rows[0][0] is not None:
            terms[programme, partner] = agreements.newest(tx, *rows[0][:3])
    return known


def _note(known: Known, programme: str, answers: Iterable[tuple[Any, ...]]) -> None:
    for request_key, *answer in answers:
        known.answered[programme, request_key] = Answered(*answer)
