"""What a payout file can carry of a submit: told at the door rather than by a refused batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handback.formats.layout import Framing, Kind, Layout
from handback.formats.numbers import Decimal
from handback.formats.octets import Binary
from handback.formats.texts import Text


@dataclass(frozen=True, slots=True)
class Slot:
    """The room a text has in the payout file, in bytes or characters; `width` 0 is any length."""

    width: int
    encoding: str
    barred: str
    in_bytes: bool = False

    def expected(self, text: str) -> str | None:
        """What is wrong with a text that cannot be printed, None where it can."""
        if self.barred and any(mark in text for mark in self.barred):
            return f"expected none of {' '.join(self.barred)}"
        try:
            written = text.encode(self.encoding)
        except UnicodeEncodeError:
            return f"expected characters that {self.encoding} can write"
        if self.width and len(written if self.in_bytes else text) > self.width:
            return f"expected at most {self.width} {'bytes' if self.in_bytes else 'characters'}"
        return None


def slots(layout: Layout) -> Mapping[str, Slot]:
    """The room for each text that the layout's details print."""
    barred = layout.delimiter if layout.framing is Framing.DELIMITED and not layout.quote else ""
    return {
        field.name: Slot(field.width, layout.encoding, barred, layout.in_bytes)
        for record in layout.of(Kind.DETAIL, Kind.ADDENDA)
        for field in record.fields
        if isinstance(field.type, Text)
    }


def max_quantity(layout: Layout) -> int | None:
    """The largest quantity that the layout's details can print, None where any can be."""
    largest = [
        field.type.largest
        if isinstance(field.type, Binary)
        else 10 ** (field.width - _mark_width(field.type)) - 1
        for record in layout.of(Kind.DETAIL, Kind.ADDENDA)
        for field in record.fields
        if field.name == "quantity" and field.width
    ]
    return min(largest, default=None)


def _mark_width(field_type: object) -> int:
    return int(isinstance(field_type, Decimal) and field_type.scale > 0 and field_type.point != "")
