"""Whose figures are wanted: names as numbers, and as conditions over whatever has these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from handback.journal.names import names


@dataclass(frozen=True, slots=True)
class Whose:
    """A programme, perhaps one of its partners, and perhaps a unit.

    `unit_id` is 0, which nothing has, where there is no unit of that name.
    """

    programme_id: int
    partner_id: int | None
    unit_id: int | None

    def conditions(self, columns: Any) -> list[sa.ColumnElement[bool]]:
        """That rows with the columns `programme_id`, `partner_id` and `unit_id` are theirs."""
        wanted = {
            "programme_id": self.programme_id,
            "partner_id": self.partner_id,
            "unit_id": self.unit_id,
        }
        return [columns[name] == number for name, number in wanted.items() if number is not None]


def whose(tx: sa.Connection, programme: str, partner: str | None, unit: str | None) -> Whose:
    """The numbers of what is named; None does not narrow.

    Raises NotFound for a programme or a partner that does not exist.
    """
    known = names(tx)
    return Whose(
        known.programme_id(programme),
        None if partner is None else known.partner_id(programme, partner),
        None if unit is None else known.unit_id(unit),
    )
