"""The names behind the numbers in events; such rows never change, so readers may keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from handback.errors import NotFound
from handback.store.bulk import table_of
from handback.store.tables import Partner, Programme, Unit

PROGRAMME, PARTNER, UNIT = table_of(Programme), table_of(Partner), table_of(Unit)


@dataclass(frozen=True, slots=True)
class Names:
    """Every programme by its name, every partner and unit by its number."""

    programmes: Mapping[str, int] = field(default_factory=dict)
    partners: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    """(programme, name) of each."""
    units: Mapping[int, str] = field(default_factory=dict)

    def programme_id(self, programme: str) -> int:
        """The number of a programme. Raises NotFound."""
        number = self.programmes.get(programme)
        if number is None:
            raise NotFound(kind="programme", id=programme)
        return number

    def partner_id(self, programme: str, partner: str) -> int:
        """The number of a programme's partner. Raises NotFound for either of them."""
        owner = self.programme_id(programme)
        found = (number for number, owned in self.partners.items() if owned == (owner, partner))
        number = next(found, None)
        if number is None:
            raise NotFound(kind="partner", id=f"{programme}/{partner}")
        return number

    def unit_id(self, unit: str) -> int:
        """The number of a unit; 0, which nothing has, where there is none of that name."""
        return next((number for number, name in self.units.items() if name == unit), 0)


def names(tx: sa.Connection) -> Names:
    """All names as of now."""
    programmes = sa.select(PROGRAMME.c.name, PROGRAMME.c.programme_id)
    partners = sa.select(PARTNER.c.partner_id, PARTNER.c.programme_id, PARTNER.c.name)
    units = sa.select(UNIT.c.unit_id, UNIT.c.name)
    return Names(
        programmes={row.name: row.programme_id for row in tx.execute(programmes)},
        partners={row.partner_id: (row.programme_id, row.name) for row in tx.execute(partners)},
        units={row.unit_id: row.name for row in tx.execute(units)},
    )
