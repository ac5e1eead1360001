"""Where a watch stands in the journal, as text that callers keep and do not read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from handback.errors import InvalidRequest, Violation

_TEXT: Final = re.compile(r"(\d{1,18})(?:\.(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """Everything up to a position has been taken, and `place` events of the block after it.

    Written as `position`, or `position.place` inside a block.
    """

    position: int
    place: int = 0

    def __str__(self) -> str:
        return f"{self.position}.{self.place}" if self.place else str(self.position)

    @classmethod
    def read(cls, text: str, field: str) -> Cursor:
        """The cursor that was given out as this text. Raises InvalidRequest."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise InvalidRequest([Violation(field, "expected a cursor that was given out")])
        return cls(int(found[1]), int(found[2] or 0))
