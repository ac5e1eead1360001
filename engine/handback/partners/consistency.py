"""What must hold between the parts of an agreement, each of which is sound by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from handback.errors import Violation
from handback.formats.days import Day
from handback.formats.directions import inbound_mistakes, outbound_mistakes
from handback.formats.layout import Field, Framing, Kind, Layout
from handback.formats.numbers import Decimal, Integer
from handback.formats.octets import Binary
from handback.formats.references import ReferenceTemplate
from handback.formats.sheet_writing import MAX_ROWS
from handback.formats.texts import Constant, Text
from handback.partners.codes import CodeMap, ReasonClass
from handback.partners.policy import Reference
from handback.partners.vocabulary import (
    DETAIL_NAMES,
    FACT_NAMES,
    Completeness,
    Compression,
    MatchColumn,
    Need,
    Printed,
)

_MATCH_DAYS: Final = 30
_DETAIL_KINDS: Final = (Kind.DETAIL, Kind.ADDENDA)
_NO_OUTCOMES: Final = "the partner's outcomes, each with its class; the table is missing"
_TYPES: Final = {
    Printed.TEXT: (Text, Constant),
    Printed.NUMBER: (Text, Constant, Integer, Binary),
    Printed.QUANTITY: (Text, Constant, Integer, Decimal, Binary),
    Printed.DAY: (Text, Constant, Day),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """An agreement in the reading; None stands for what was wrong or missing, and told already."""

    fields: Mapping[str, Need]
    layouts: Mapping[str, Layout | None]
    payout: Mapping[str, Any]
    template: ReferenceTemplate | None
    handback: Mapping[str, Any]
    codes: CodeMap


def mistakes(parts: Parts) -> Iterator[Violation]:
    """Every contradiction between the parts."""
    outbound, inbound = parts.payout["format"], parts.handback["format"]
    for where, name in (("payout.format", outbound), ("handback.format", inbound)):
        if name is not None and name not in parts.layouts:
            known = ", ".join(parts.layouts) or "none is there"
            yield Violation(where, f"one of [formats], {known}, or a built-in format")
    if parts.payout["folder"] is not None and parts.payout["folder"] == parts.handback["folder"]:
        yield Violation("handback.folder", "another folder than that of the payout files")
    if (layout := parts.layouts.get(outbound)) is not None:
        yield from _of_outbound(parts, layout)
    yield from _of_payout(parts)
    if parts.template is not None:
        yield from _of_template(parts, parts.template)
    if (layout := parts.layouts.get(inbound)) is not None:
        yield from _of_inbound(parts, layout)
        yield from _of_codes(parts, layout)


def possible_references(template: ReferenceTemplate | None) -> tuple[Reference, ...]:
    """What further attempts can go out under, the default first.

    Fields alone give every attempt the same reference. One that names the place in a batch, and no
    key, is never sent again: it names the attempt that stood there.
    """
    if template is None:
        return (Reference.NEW, Reference.SAME)
    if all(piece.name in template.fields for piece in template.placeholders):
        return (Reference.SAME,)
    if _carries_place(template) and not template.has_key:
        return (Reference.NEW,)
    return (Reference.NEW, Reference.SAME)


def default_match(template: ReferenceTemplate) -> tuple[tuple[MatchColumn, ...], ...]:
    """The one rule that goes by what the reference carries."""
    if template.has_key:
        return ((MatchColumn.REFERENCE_KEY,),)
    if _carries_place(template):
        return ((MatchColumn.BATCH, MatchColumn.ORDINAL),)
    return ((MatchColumn.REFERENCE,),)


def match_days(handback: Mapping[str, Any]) -> int:
    """How long after its batch an attempt is found by `window`, 0 where no rule names that."""
    if not any(MatchColumn.WINDOW in rule for rule in handback["match"]):
        return 0
    days = handback["match_days"]
    return _MATCH_DAYS if days is None else int(days)


def _of_payout(parts: Parts) -> Iterator[Violation]:
    split_by, name = parts.payout["split_by"], parts.payout["file_name"]
    if split_by is not None and parts.fields.get(split_by) is not Need.REQUIRED:
        yield Violation("payout.split_by", "a field of [fields] that is `required`")
    if name is None:
        return
    if name.field not in (None, split_by):
        yield Violation("payout.file_name", f"no {{{name.field}}} unless files are split by it")
    if not name.keeps_apart(parts.payout["files_per_day"]):
        told = "{sequence} or {ordinal_of_day}, unless `files_per_day` is 1"
        yield Violation("payout.file_name", told)


def _of_outbound(parts: Parts, layout: Layout) -> Iterator[Violation]:
    yield from outbound_mistakes(layout)
    own = dict.fromkeys(parts.fields, Printed.TEXT)
    for where, record, field in _fields(layout.written()):
        if field.total is not None or field.same_as or field.place is None:
            continue
        known = DETAIL_NAMES | own if record in _DETAIL_KINDS else FACT_NAMES
        printed = known.get(field.name)
        if printed is None:
            if field.is_told:
                yield Violation(f"{where}.name", f"one of {', '.join(sorted(known))}")
        elif not isinstance(field.type, _TYPES[printed]):
            yield Violation(f"{where}.type", f"a type that can print a {printed}")
        if field.required and parts.fields.get(field.name) is Need.OPTIONAL:
            yield Violation(f"fields.{field.name}", "`required`, as the payout file requires it")
    if "batch_reference" in layout.fact_names() and (
        parts.template is not None and parts.template.of_batch is None
    ):
        told = "what a batch is called, as the payout file prints its batch_reference"
        yield Violation("payout.reference.batch", told)
    yield from _of_rows(parts, layout)
    names = layout.detail_names() | layout.fact_names()
    if "reference" not in names and not {"batch", "ordinal"} <= names:
        expected = "a field named reference, or both batch and ordinal, to know the answers by"
        yield Violation(f"formats.{layout.name}.records", expected)


def _of_rows(parts: Parts, layout: Layout) -> Iterator[Violation]:
    """A sheet has an end, and a batch must not find it."""
    written = [record.kind for record in layout.written().records]
    each = sum(kind in _DETAIL_KINDS for kind in written)
    room = (MAX_ROWS - len(written) - 1) // max(each, 1)
    most = parts.payout["max_records"]
    if layout.framing is Framing.XLSX and most is not None and most > room:
        told = f"at most {room}, as a sheet has {MAX_ROWS} rows"
        yield Violation("payout.max_records", told)


def _of_template(parts: Parts, template: ReferenceTemplate) -> Iterator[Violation]:
    where = "payout.reference.template"
    for name in template.fields:
        if parts.fields.get(name) is not Need.REQUIRED:
            yield Violation(where, f"{{{name}}} declared in [fields] as `required`")
    layout = parts.layouts.get(parts.payout["format"])
    for _, record, field in _fields(layout) if layout else ():
        if field.name == "reference" and record in _DETAIL_KINDS and field.width:
            longest = _longest(template)
            if longest is None:
                told = f"a width for each placeholder, {field.width} characters in all"
                yield Violation(where, told)
            elif longest > field.width:
                told = f"at most {field.width} characters, as the layout has; it can be {longest}"
                yield Violation(where, told)


def _of_inbound(parts: Parts, layout: Layout) -> Iterator[Violation]:
    yield from inbound_mistakes(layout)
    names = _inbound_names(layout)
    complete = parts.handback["complete"]
    if complete is Completeness.TRAILER and not layout.has_required_control:
        told = "a layout whose control record is required, where that shows a whole file"
        yield Violation("handback.complete", told)
    if layout.framing is Framing.XLSX and Compression.ZIP in (parts.handback["envelope"] or ()):
        yield Violation("handback.envelope", "no `zip`, as a workbook is such an archive itself")
    if parts.handback["marker_suffix"] is not None and complete not in (None, Completeness.MARKER):
        yield Violation(
            "handback.marker_suffix", "nothing of this name without complete = `marker`"
        )
    yield from _of_fees(layout)
    yield from _of_matching(parts, names)


def _of_fees(layout: Layout) -> Iterator[Violation]:
    """A fee is added to a quantity, so there is one, and both count the same parts."""
    read = [field for _, kind, field in _fields(layout) if kind in _DETAIL_KINDS or field.carry]
    scales = {field.scale for field in read if field.name == "quantity"}
    for field in read:
        if field.name == "fee" and not scales:
            yield Violation(f"formats.{layout.name}", "no `fee`, as the layout has no quantity")
        elif field.name == "fee" and scales != {field.scale}:
            yield Violation(f"formats.{layout.name}", "a `fee` of the same scale as the quantity")


def _of_matching(parts: Parts, names: frozenset[str]) -> Iterator[Violation]:
    rules, normalises = parts.handback["match"] or (), parts.handback["normalise"] is not None
    for number, rule in enumerate(rules):
        for column in rule:
            missing = _unmatchable(column, names, parts.template)
            if column is MatchColumn.NORMALISED_REFERENCE and not normalises:
                missing = missing or "how it is normalised, in [handback.normalise]"
            if missing is not None:
                yield Violation(f"handback.match[{number}]", missing)
    named = {column for rule in rules for column in rule}
    if normalises and MatchColumn.NORMALISED_REFERENCE not in named:
        told = "nothing of this name without a rule that names `normalised_reference`"
        yield Violation("handback.normalise", told)
    if parts.handback["match_days"] is not None and MatchColumn.WINDOW not in named:
        told = "nothing of this name without a rule that names `window`"
        yield Violation("handback.match_days", told)


def _unmatchable(
    column: MatchColumn, names: frozenset[str], template: ReferenceTemplate | None
) -> str | None:
    """Why a match rule cannot compare a column, None where it can."""
    quoted = template is not None and "reference" in names
    match column:
        case MatchColumn.REFERENCE_KEY if template is not None:
            found = quoted and template.has_key
            return None if found else "no `reference_key`, as the reference carries no {key}"
        case MatchColumn.BATCH | MatchColumn.ORDINAL if template is not None:
            wanted = "batch" if column is MatchColumn.BATCH else "batch_ordinal"
            found = wanted in names or (quoted and _carries_place(template))
            return None if found else f"no `{column}`, as no answer carries it"
        case MatchColumn.REFERENCE | MatchColumn.QUANTITY if column not in names:
            return f"no `{column}`, as the hand-back file has none"
        case MatchColumn.NORMALISED_REFERENCE if "reference" not in names:
            return f"no `{column}`, as the hand-back file has no reference"
        case MatchColumn.NORMALISED_REFERENCE if template and template.has_key and template.fields:
            return f"no `{column}`, as the reference has fields beside the {{key}}"
        case MatchColumn.DATE if "answered_on" not in names:
            return "no `date`, as the hand-back file has no answered_on"
        case MatchColumn.MEMBER if "member_ref" not in names:
            return "no `member`, as the hand-back file has no member_ref"
    return None


def _of_codes(parts: Parts, layout: Layout) -> Iterator[Violation]:
    where, outcomes = f"codes.{layout.name}", f"outcomes.{layout.name}"
    names, classes = _inbound_names(layout), parts.codes.every().classes
    told = bool(parts.codes.outcomes)
    if told is not ("outcome" in names):
        missing = "a hand-back file with a field `outcome`" if told else _NO_OUTCOMES
        yield Violation(outcomes, missing)
    elif not told and not classes:
        yield Violation(where, "the partner's codes, each with its class; the table is missing")
    elif not told and "code" not in names and "" not in classes:
        yield Violation(where, 'a class for "", as no record of the hand-back file has a code')
    if ReasonClass.PARTIAL in classes.values() and "quantity" not in names:
        yield Violation(where, "no `partial`, as the hand-back file has no quantity")


def _inbound_names(layout: Layout) -> frozenset[str]:
    """What an answer can say: fields of details and addenda, and what is carried to them."""
    return frozenset(
        field.name for _, kind, field in _fields(layout) if kind in _DETAIL_KINDS or field.carry
    )


def _carries_place(template: ReferenceTemplate) -> bool:
    return {"batch", "ordinal"} <= {piece.name for piece in template.placeholders}


def _longest(template: ReferenceTemplate) -> int | None:
    """The length of the longest reference, None where nothing bounds it."""
    length = 0
    for piece in template.pieces:
        if isinstance(piece, str):
            length += len(piece)
        elif piece.name == "date":
            length += len(date(2001, 1, 1).strftime(piece.pattern))
        elif piece.width:
            length += piece.width
        else:
            return None
    return length


def _fields(layout: Layout) -> Iterator[tuple[str, Kind, Field]]:
    """Every field with its path and the kind of its record."""
    for index, record in enumerate(layout.records):
        for number, field in enumerate(record.fields):
            yield f"formats.{layout.name}.records[{index}].fields[{number}]", record.kind, field
