"""Two people at the breaks: what one proposes another has to approve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handback_server.demo.plan import DECIDED_KIND

if TYPE_CHECKING:
    from handback_client import Client
    from handback_client.models import Break

_WHY = "their statement has the payment, once"


@dataclass(frozen=True, slots=True)
class Decided:
    """What was proposed, how often who had proposed it was refused, and what was approved."""

    proposed: Sequence[Break]
    refused: int
    approved: Sequence[Break]


def decide(one: Client, other: Client) -> Decided:
    """One proposes that what the partner calls duplicates stands as paid; the other agrees."""
    from handback_client.errors import NotAllowed

    open_breaks = [found.break_id for found in one.breaks.list(kinds=[DECIDED_KIND])]
    if not open_breaks:
        return Decided((), 0, ())
    outcomes = one.breaks.resolve("confirm", open_breaks, comment=_WHY).outcomes
    proposed = [outcome.found for outcome in outcomes if outcome.found and outcome.proposed]
    refused, approved = 0, []
    for found in proposed:
        assert found.proposal is not None
        try:
            one.breaks.approve(found.break_id, found.proposal.number)
        except NotAllowed:
            refused += 1
        approved.append(
            other.breaks.approve(found.break_id, found.proposal.number, comment="so it has")
        )
    return Decided(proposed, refused, approved)
