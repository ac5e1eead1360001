"""What callers may ask for, checked as far as that needs no look at the store."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from handback.errors import InvalidRequest, Violation
from handback.lifecycle.table import Trigger

MAX_TEXT = 200
MAX_COMMENT = 2_000
MAX_FIELDS = 50
MAX_QUANTITY = 10**15


@dataclass(frozen=True, slots=True)
class Submit:
    """Redeem `quantity` of `unit` for a member at a partner.

    `member_ref` is opaque to us; `fields` are what the partner's file needs to know beside it.
    """

    programme: str
    partner: str
    request_key: str
    member_ref: str
    quantity: int
    unit: str
    fields: Mapping[str, str] = field(default_factory=dict)
    trace_context: str | None = None

    def check(self) -> None:
        """Raise InvalidRequest with every mistake that shows without the agreement."""
        mistakes = _texts(self, "programme", "partner", "request_key", "member_ref", "unit")
        if isinstance(self.quantity, bool) or not isinstance(self.quantity, int):
            mistakes.append(Violation("quantity", "expected an integer"))
        elif not 0 < self.quantity <= MAX_QUANTITY:
            mistakes.append(Violation("quantity", f"expected 1 to {MAX_QUANTITY}"))
        mistakes += _field_mistakes(self.fields)
        if mistakes:
            raise InvalidRequest(mistakes)

    def content_hash(self) -> bytes:
        """SHA-256 of everything asked for; the request key and the trace are not part of it."""
        texts = map(_QUOTE, (self.partner, self.member_ref, self.unit))
        partner, member_ref, unit = texts
        asked = f'["submit",{partner},{member_ref},{self.quantity},{unit},{self.fields_json}]'
        return _digest(asked)

    @property
    def fields_json(self) -> str:
        """The fields as JSON, in the order of their names."""
        return _fields_json(self.fields)


@dataclass(frozen=True, slots=True)
class Step:
    """Pull a trigger on one redemption, with the reason in words."""

    programme: str
    request_key: str
    redemption_id: int
    comment: str = ""

    trigger: ClassVar[Trigger]

    def check(self) -> None:
        """Raise InvalidRequest with every mistake."""
        mistakes = _texts(self, "programme", "request_key")
        mistakes += comment_mistakes(self.comment)
        if mistakes:
            raise InvalidRequest(mistakes)

    def content_hash(self) -> bytes:
        """SHA-256 of everything asked for; the request key is not part of it."""
        comment = _QUOTE(self.comment)
        return _digest(f"[{_QUOTE(str(self.trigger))},{self.redemption_id},{comment}]")


class Cancel(Step):
    """Take a redemption back before it has left; the member has the value back."""

    __slots__ = ()
    trigger = Trigger.CANCEL


@dataclass(frozen=True, slots=True)
class Retry(Step):
    """Send a rejected redemption again, now: with another `member_ref` where one is given, and
    with the `fields` that are given in place of those it had."""

    member_ref: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    trigger: ClassVar[Trigger] = Trigger.RETRY

    def check(self) -> None:
        """Raise InvalidRequest with every mistake."""
        Step.check(self)
        mistakes = _texts(self, "member_ref") if self.member_ref else []
        mistakes += _field_mistakes(self.fields)
        if mistakes:
            raise InvalidRequest(mistakes)

    def content_hash(self) -> bytes:
        """SHA-256 of everything asked for; the request key is not part of it."""
        given = f"{_QUOTE(self.member_ref)},{_fields_json(self.fields)}"
        return _digest(f'["retry",{self.redemption_id},{_QUOTE(self.comment)},{given}]')


class Fail(Step):
    """Give a rejected redemption up; the member has the value back."""

    __slots__ = ()
    trigger = Trigger.FAIL


Command = Submit | Step


def comment_mistakes(comment: str) -> list[Violation]:
    """What is wrong with somebody's words: too many, or with a NUL, which PostgreSQL refuses."""
    if len(comment) <= MAX_COMMENT and "\0" not in comment:
        return []
    return [Violation("comment", f"expected at most {MAX_COMMENT} characters, none of them NUL")]


def _texts(request: Command, *names: str) -> list[Violation]:
    mistakes = []
    for name in names:
        text = getattr(request, name)
        if not text:
            mistakes.append(Violation(name, "expected a value"))
        elif len(text) > MAX_TEXT or _has_control_character(text):
            expected = f"expected one line of at most {MAX_TEXT} characters"
            mistakes.append(Violation(name, expected))
    return mistakes


def _field_mistakes(fields: Mapping[str, str]) -> list[Violation]:
    mistakes = []
    if len(fields) > MAX_FIELDS:
        mistakes.append(Violation("fields", f"expected at most {MAX_FIELDS}"))
    for name, value in fields.items():
        if len(value) > MAX_TEXT or _has_control_character(value):
            expected = f"expected one line of at most {MAX_TEXT} characters"
            mistakes.append(Violation(f"fields.{name}", expected))
    return mistakes


def _fields_json(fields: Mapping[str, str]) -> str:
    parts = [f"{_QUOTE(name)}:{_QUOTE(fields[name])}" for name in sorted(fields)]
    return f"{{{','.join(parts)}}}"


_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


def _has_control_character(text: str) -> bool:
    # Asking whether all can be printed costs a third of the search.
    return not text.isprintable() and _CONTROL_CHARACTER.search(text) is not None


# The text as JSON, in quotes; an encoder of whole documents takes ten times as long to begin.
_QUOTE: Final = json.encoder.encode_basestring


def _digest(canonical: str) -> bytes:
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).digest()
