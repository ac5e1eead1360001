"""One run of a report: what is asked, read from texts, and the transaction that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from handback.clock import zone_named
from handback.errors import InvalidRequest, Violation
from handback.ids import number_of
from handback.intake.desk import Desk
from handback.journal.names import Names, names
from handback.partners.calendar import Calendar, midnight
from handback.reports.declaring import Day, Parameter, ParameterKind

Value = str | int | datetime | ZoneInfo

_UTC: Final = ZoneInfo("UTC")
_FAR: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rows of a report are made from: one state of the store, and what was asked.

    `unmasked` says whether the caller may see restricted reasons, `now` is when the run began.
    """

    desk: Desk
    tx: sa.Connection
    programme: str
    programme_id: int
    names: Names
    asked: Mapping[str, Value]
    zone: ZoneInfo
    now: datetime
    unmasked: bool

    def text(self, name: str) -> str | None:
        """A text that was asked for, None where it was not."""
        value = self.asked.get(name)
        assert value is None or isinstance(value, str), name
        return value

    def number(self, name: str) -> int | None:
        """A number, or that of an id."""
        value = self.asked.get(name)
        assert value is None or isinstance(value, int), name
        return value

    def instant(self, name: str) -> datetime | None:
        """An instant that was asked for, None where it was not."""
        value = self.asked.get(name)
        assert value is None or isinstance(value, datetime), name
        return value

    def needed(self, name: str) -> int:
        """A number that is always asked for."""
        value = self.number(name)
        assert value is not None, name
        return value

    @property
    def from_at(self) -> datetime:
        """The beginning of the period; the earliest instant where none was asked for."""
        return self.instant("from") or _FAR[0]

    @property
    def to_at(self) -> datetime:
        """The end of the period; the latest instant where none was asked for."""
        return self.instant("to") or _FAR[1]

    @property
    def partner_ids(self) -> list[int]:
        """The partners that are concerned: the one asked for, or all of the programme."""
        wanted = self.text("partner")
        return [
            number
            for number, (owner, name) in self.names.partners.items()
            if owner == self.programme_id and wanted in (None, name)
        ]

    @property
    def partners(self) -> dict[int, str]:
        """The names of those partners."""
        return {number: self.names.partners[number][1] for number in self.partner_ids}

    @property
    def unit_id(self) -> int | None:
        """The unit that was asked for; 0 where there is none of that name."""
        wanted = self.text("unit")
        return None if wanted is None else self.names.unit_id(wanted)

    def calendar(self, partner_id: int) -> Calendar:
        """The business days of a partner."""
        name = self.names.partners[partner_id][1]
        return self.desk.agreements.current(self.tx, self.programme, name).agreement.calendar


def reading(
    desk: Desk,
    tx: sa.Connection,
    declared: Sequence[Parameter],
    programme: str,
    parameters: Mapping[str, str],
    unmasked: bool,
) -> Reading:
    """Begin a run. Raises InvalidRequest with every mistake, NotFound."""
    known = names(tx)
    programme_id = known.programme_id(programme)
    partner = parameters.get("partner")
    if partner is not None:
        known.partner_id(programme, partner)
    given = {one.name: one.default for one in declared if one.default} | dict(parameters)
    zone = _zone(desk, tx, programme, partner, given.get("zone"))
    mistakes = _unknown(declared, parameters)
    asked: dict[str, Value] = {}
    for one in declared:
        if one.name in given:
            try:
                asked[one.name] = _read(one, given[one.name], zone)
            except InvalidRequest as refused:
                mistakes += refused.violations
        elif one.required:
            mistakes.append(Violation(_place(one.name), f"expected: {one.sentence}"))
    if mistakes:
        raise InvalidRequest(mistakes)
    now = desk.clock.now()
    return Reading(desk, tx, programme, programme_id, known, asked, zone, now, unmasked)


def _place(name: str) -> str:
    return f"parameters.{name}"


def _unknown(declared: Sequence[Parameter], parameters: Mapping[str, str]) -> list[Violation]:
    known = [one.name for one in declared]
    expected = f"expected one of {', '.join(known)}" if known else "expected no parameter"
    return [Violation(_place(name), expected) for name in parameters if name not in known]


def _zone(
    desk: Desk, tx: sa.Connection, programme: str, partner: str | None, named: str | None
) -> ZoneInfo:
    """The zone that is asked for, else that of the partner that is asked for, else UTC."""
    if named is not None:
        return _zone_named(named)
    if partner is None:
        return _UTC
    return desk.agreements.current(tx, programme, partner).agreement.time_zone


def _zone_named(name: str) -> ZoneInfo:
    if (zone := zone_named(name)) is None:
        expected = f"expected a time zone such as Europe/Lisbon, not {name!r}"
        raise InvalidRequest([Violation(_place("zone"), expected)])
    return zone


def _read(parameter: Parameter, given: str, zone: ZoneInfo) -> Value:
    """The value of a text. Raises InvalidRequest."""
    match parameter.kind:
        case ParameterKind.INTEGER:
            return _integer(parameter.name, given)
        case ParameterKind.INSTANT:
            return _instant(parameter, given, zone)
        case ParameterKind.ID:
            assert parameter.prefix is not None, parameter
            return number_of(parameter.prefix, given, _place(parameter.name))
        case ParameterKind.ZONE:
            return zone
        case ParameterKind.TEXT:
            named = given.split(",") if parameter.several else [given]
            if parameter.choices and not set(named) <= set(parameter.choices):
                expected = f"expected one of {', '.join(parameter.choices)}"
                raise InvalidRequest([Violation(_place(parameter.name), expected)])
            return given


def _integer(name: str, given: str) -> int:
    if not (given.isascii() and given.isdecimal() and len(given) <= 18):
        expected = f"expected a whole number, not {given!r}"
        raise InvalidRequest([Violation(_place(name), expected)])
    return int(given)


def _instant(parameter: Parameter, given: str, zone: ZoneInfo) -> datetime:
    try:
        if len(given) == 10:
            at = _moment(date.fromisoformat(given), parameter.day, zone)
        else:
            at = datetime.fromisoformat(given)
            at = at if at.tzinfo is not None else at.replace(tzinfo=zone)
        return min(max(at.astimezone(UTC), _FAR[0]), _FAR[1])
    except (ValueError, OverflowError):
        expected = f"expected a day or an instant such as 2026-12-01T09:30Z, not {given!r}"
        raise InvalidRequest([Violation(_place(parameter.name), expected)]) from None


def _moment(day: date, which: Day, zone: ZoneInfo) -> datetime:
    if which is Day.FIRST:
        return midnight(day, zone)
    over = midnight(day + timedelta(days=1), zone)
    return over if which is Day.OVER else over - timedelta(microseconds=1)
