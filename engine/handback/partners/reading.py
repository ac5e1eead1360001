"""Reading an agreement from its TOML text, checked whole: every mistake is told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from handback.errors import InvalidAgreement, Violation
from handback.formats.builtin import Builtin, builtin, list_builtin
from handback.formats.compiling import compile_layout
from handback.formats.document import Section
from handback.formats.layout import Layout
from handback.formats.references import ReferenceTemplate
from handback.partners import consistency, keys
from handback.partners.agreement import Agreement, Answers, Handback, Payout, Quantity
from handback.partners.calendar import Calendar, is_known
from handback.partners.codes import ReasonClass
from handback.partners.document import dotted, load, placed
from handback.partners.normalise import Normalisation
from handback.partners.printing import max_quantity, slots
from handback.partners.reading_codes import read_codes
from handback.partners.reading_policy import Around, read_policies
from handback.partners.schedule import DAY_MINUTES, Schedule
from handback.partners.value_types import Type
from handback.partners.vocabulary import (
    RESERVED_NAMES,
    AnswerStyle,
    Completeness,
    Days,
    Need,
)


def parse(source: str, builtins: Mapping[str, Builtin] | None = None) -> Agreement:
    """The agreement of a TOML text.

    `builtins` are the built-in formats it may name, by default those of this release. Raises
    InvalidAgreement with every mistake: its key, what was expected there, and its line.
    """
    mistakes: list[Violation] = []
    root = Section(load(source), "", mistakes)
    reading = _Reading(root, builtins)
    agreement = reading.agreement()
    root.refuse_unknown()
    if mistakes or agreement is None:
        raise InvalidAgreement(placed(mistakes, source))
    return agreement


class _Reading:
    """Reads the tables of a document one by one; whatever is wrong goes to the root's mistakes."""

    def __init__(self, root: Section, builtins: Mapping[str, Builtin] | None) -> None:
        self._root = root
        self._mistakes = root.mistakes
        self._known = builtins

    def agreement(self) -> Agreement | None:
        """The agreement, None where anything is wrong."""
        top = keys.read(self._root, keys.TOP)
        fields = self._fields()
        answers = self._answers()
        expected = answers.pop("expect"), answers.pop("every_day")
        quantity = self._quantity(top["units"] or ())
        calendar = self._calendar()
        break_days = self._break_days()
        layouts = self._layouts()
        payout, template = self._payout()
        handback = self._handback()
        builtins = self._builtins({payout["format"], handback["format"]} - set(layouts))
        layouts |= {name: one.layout for name, one in builtins.items()}
        brought = builtins.get(handback["format"])
        codes = read_codes(self._root, handback["format"], brought)
        around = Around(consistency.possible_references(template), tuple(fields), codes)
        policies = read_policies(self._section("policy"), around, brought.policy if brought else {})
        parts = consistency.Parts(fields, layouts, payout, template, handback, codes)
        self._mistakes.extend(consistency.mistakes(parts))
        if self._mistakes or template is None:
            return None
        outbound, inbound = layouts[payout["format"]], layouts[handback["format"]]
        assert outbound is not None and inbound is not None
        if handback["complete"] is Completeness.MARKER:
            handback["marker_suffix"] = handback["marker_suffix"] or ".done"
        handback["envelope"] = handback["envelope"] or ()
        handback["match"] = handback["match"] or consistency.default_match(template)
        handback["match_days"] = consistency.match_days(handback)
        days = Calendar(top["time_zone"], **calendar)
        times, every_day = payout.pop("cut_offs"), payout.pop("every_day")
        cut_offs = Schedule(days, times, bool(every_day)) if times else None
        paid = Payout(**payout, cut_offs=cut_offs, layout=outbound, reference=template)
        limits = (max_quantity(outbound), paid.largest_quantity)
        return Agreement(
            **top,
            fields=fields,
            answers=Answers(**answers, expected=_expected(days, *expected)),
            quantity=quantity,
            calendar=days,
            break_days=break_days,
            payout=paid,
            handback=Handback(**handback, layout=inbound, codes=codes),
            policies=policies,
            builtins=builtins,
            _slots=slots(outbound),
            _max_quantity=min((one for one in limits if one is not None), default=None),
        )

    def _section(self, name: str) -> Section:
        return self._root.section(name) or Section({}, name, self._mistakes)

    def _table(self, name: str, table: tuple[keys.Key, ...]) -> dict[str, Any]:
        section = self._section(name)
        values = keys.read(section, table)
        section.refuse_unknown()
        return values

    def _answers(self) -> dict[str, Any]:
        section = self._section("answers")
        values = keys.read(section, keys.ANSWERS)
        section.refuse_unknown()
        _refuse_without(section, "expect", "grace_s", "every_day")
        if isinstance(values["expect"], Days) and section.has("every_day"):
            section.mistake("every_day", "nothing of this name, as `expect` says which days")
        if values["style"] is AnswerStyle.SUCCESSES_ONLY:
            values["silence_class"] = values["silence_class"] or ReasonClass.OPS
        elif values["silence_class"] is not None:
            told = 'nothing of this name without style = "successes_only"'
            self._mistakes.append(Violation("answers.silence_class", told))
        else:
            values["silence_class"] = ReasonClass.NONE
        return values

    def _quantity(self, units: Sequence[str]) -> Quantity:
        section = self._section("quantity")
        tolerances = section.section("tolerance") or Section(
            {}, "quantity.tolerance", self._mistakes
        )
        values = keys.read(section, keys.QUANTITY)
        section.refuse_unknown()
        tolerance = {}
        for unit in units:
            if tolerances.has(unit):
                path = ("quantity", "tolerance", unit)
                tolerance[unit] = self._read(keys.TOLERANCE, tolerances.value(unit), *path)
        tolerances.refuse_unknown()
        return Quantity(**values, tolerance=tolerance)

    def _break_days(self) -> Mapping[str, int]:
        values = self._table("breaks", keys.BREAKS)
        return {name.removesuffix("_days"): days for name, days in values.items()}

    def _calendar(self) -> dict[str, Any]:
        values = self._table("calendar", keys.CALENDAR)
        country, subdivision = values["country"], values["subdivision"]
        if subdivision is not None and (country is None or not is_known(country, subdivision)):
            told = "a part of the `country`, by its code there"
            self._mistakes.append(Violation("calendar.subdivision", told))
        values["closed"] = frozenset(values["closed"] or ())
        return values

    def _entries(self, name: str) -> dict[str, Any]:
        """A table whose keys are the writer's own."""
        value = self._root.value(name)
        if value is not None and not isinstance(value, dict):
            self._root.mistake(name, "a table")
        return value if isinstance(value, dict) else {}

    def _read(self, expected: Type, value: object, *path: str) -> Any:
        """A value of a type, None where it is wrong."""
        try:
            return expected.read(value)
        except ValueError as unfit:
            self._mistakes.append(Violation(dotted(path), str(unfit)))
            return None

    def _fields(self) -> dict[str, Need]:
        fields = {}
        for name, need in self._entries("fields").items():
            if self._read(keys.FIELD_NAME, name, "fields", name) in RESERVED_NAMES:
                told = f"another name, {name} is one of ours"
                self._mistakes.append(Violation(dotted(("fields", name)), told))
            fields[name] = self._read(keys.FIELD_NEED, need, "fields", name) or Need.OPTIONAL
        return fields

    def _layouts(self) -> dict[str, Layout | None]:
        """Compiled layouts by name, None for one that is wrong."""
        layouts: dict[str, Layout | None] = {}
        for name, table in self._entries("formats").items():
            layouts[name] = None
            self._read(keys.FORMAT_NAME, name, "formats", name)
            try:
                layouts[name] = compile_layout(name, table)
            except InvalidAgreement as wrong:
                self._mistakes.extend(wrong.violations)
        return layouts

    def _payout(self) -> tuple[dict[str, Any], ReferenceTemplate | None]:
        section = self._section("payout")
        values = keys.read(section, keys.PAYOUT)
        inner = section.section("reference") or Section({}, "payout.reference", self._mistakes)
        named = keys.read(inner, keys.REFERENCE)
        inner.refuse_unknown()
        section.refuse_unknown()
        _refuse_without(section, "cut_offs", "every_day")
        if section.has("cut_offs") and section.has("interval_s"):
            section.mistake("interval_s", "nothing of this name beside cut_offs")
        return values, self._reference(named["template"], named["batch"])

    def _reference(self, text: str | None, of_batch: str | None) -> ReferenceTemplate | None:
        """The template of references, with that of batches in it; None after a mistake."""
        try:
            batches = ReferenceTemplate.parse_of_batch(of_batch) if of_batch is not None else None
            template = ReferenceTemplate.parse(text) if text is not None else None
        except InvalidAgreement as wrong:
            self._mistakes.extend(wrong.violations)
            return None
        return template and replace(template, of_batch=batches)

    def _handback(self) -> dict[str, Any]:
        section = self._section("handback")
        values = keys.read(section, keys.HANDBACK)
        values["normalise"] = None
        inner = section.section("normalise")
        if inner is not None:
            steps = keys.read(inner, keys.NORMALISE)
            inner.refuse_unknown()
            if steps["first"] is not None and steps["last"] is not None:
                inner.mistake("last", "nothing of this name beside `first`")
            values["normalise"] = Normalisation.of(steps)
        section.refuse_unknown()
        return values

    def _builtins(self, names: set[str | None]) -> dict[str, Builtin]:
        """Those of the names that are built-in formats."""
        if self._known is not None:
            return {name: one for name, one in self._known.items() if name in names}
        return {name: builtin(name) for name in list_builtin() if name in names}


def _refuse_without(section: Section, key: str, *others: str) -> None:
    """Note those keys of a table that mean nothing without another one."""
    for other in others:
        if section.has(other) and not section.has(key):
            section.mistake(other, f"nothing of this name without {key}")


def _expected(
    days: Calendar, expect: Days | tuple[int, ...] | None, every_day: bool | None
) -> Schedule | None:
    """When files are expected, None where they are not."""
    if expect is None:
        return None
    if isinstance(expect, Days):
        return Schedule(days, (DAY_MINUTES,), every_day=expect is Days.DAILY)
    return Schedule(days, expect, bool(every_day))
