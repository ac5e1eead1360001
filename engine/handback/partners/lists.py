"""Lists of what a programme has, perhaps at one of its partners only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from handback.partners.queries import number_of_programme, numbers_of
from handback.store.bulk import table_of
from handback.store.tables import Partner, Programme

PARTNER, PROGRAMME = table_of(Partner), table_of(Programme)
View = TypeVar("View")


class Filter(Protocol):
    """Whose rows a list has."""

    @property
    def programme(self) -> str:
        """The programme that owns them."""

    @property
    def partner(self) -> str | None:
        """The one partner at which they are; None does not narrow."""


def listed(
    tx: sa.Connection,
    selected: sa.Select[Any],
    wanted: Filter,
    view: Callable[[sa.Row[Any]], View],
) -> list[View]:
    """The wanted ones of the selected rows, which are joined with programme and partner.

    Raises NotFound for a programme or a partner that does not exist.
    """
    selected = selected.where(PROGRAMME.c.name == wanted.programme)
    if wanted.partner is not None:
        selected = selected.where(PARTNER.c.name == wanted.partner)
    found = [view(row) for row in tx.execute(selected)]
    if not found:
        _refuse_unknown(tx, wanted)
    return found


def _refuse_unknown(tx: sa.Connection, wanted: Filter) -> None:
    """Raise NotFound for the programme or the partner of a filter, where there is none.

    Whoever mistyped a name is told so; where anything was found, it need not be asked about.
    """
    number_of_programme(tx, wanted.programme)
    if wanted.partner is not None:
        numbers_of(tx, wanted.programme, wanted.partner)
