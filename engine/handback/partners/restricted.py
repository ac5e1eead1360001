"""Reasons that not everybody may see: what was stopped for fraud, sanctions or law.

Whoever may not is shown `ops` in place of the class, and neither the code nor anything that could
tell it: raw text, facts, comments. It is the class that is restricted, whatever the code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from handback.formats.texts import Text
from handback.partners.agreement import Handback
from handback.partners.codes import ReasonClass

RESTRICTED: Final = ReasonClass.HOLD
SHOWN: Final = ReasonClass.OPS
"""What a restricted class is shown as."""

_SAYING: Final = frozenset({"code", "sub_code", "outcome"})

Telling = Callable[[str], bool]


def telling(handback: Handback) -> Telling:
    """Which texts of a hand-back file may tell a restricted reason: raw records, lines, findings.

    That is a matter of the text alone, as what cannot be read has no class. Where a code does not
    stand in the file as the map has it, any text may.
    """
    texts = {text.casefold() for text in _texts(handback)}
    fields = [
        field.type
        for record in handback.layout.records
        for field in record.fields
        if field.name in _SAYING
    ]
    if any(isinstance(one, Text) and one.fill for one in fields):
        texts = {text.lstrip("0") for text in texts}
    if texts and not all(isinstance(one, Text) for one in fields):
        texts = {""}
    return lambda text: any(one in text.casefold() for one in texts)


def _texts(handback: Handback) -> Iterator[str]:
    codes = handback.codes
    for code in {*codes.classes, *(one.code for one in codes.changes)}:
        if RESTRICTED in codes.classes_of(code):
            # The code before a slash may be many a harmless one's as well.
            yield code.rpartition("/")[2]
    for outcome, reason_class in codes.outcomes.items():
        if reason_class is RESTRICTED:
            yield outcome
