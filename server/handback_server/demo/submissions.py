"""The redemptions of the plan as a platform would submit them, and the partners they are for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from handback_server.demo.plan import CASES, NORTHBANK, SKYWAYS, Plan, Planned

if TYPE_CHECKING:
    from handback_client import Submission

_SURNAMES: Final = ("Lovelace", "Hopper", "Noether", "Turing", "Hamilton", "Knuth", "Liskov")


def agreements() -> dict[str, str]:
    """The TOML document of every example partner."""
    folder = files("handback_server.demo") / "agreements"
    return {partner: (folder / f"{partner}.toml").read_text(encoding="utf-8") for partner in CASES}


def submissions(plan: Plan) -> Iterator[Submission]:
    """Every redemption in its order, under a request key of its own."""
    from handback_client import Submission

    for planned in plan.redemptions:
        yield Submission(
            request_key=f"demo-{planned.number}",
            partner=planned.partner,
            member_ref=f"M{planned.number:08}",
            quantity=planned.quantity,
            unit=planned.unit,
            fields=_fields(planned),
        )


def _fields(planned: Planned) -> dict[str, str]:
    """What the partner's file needs to know of the member, all of it invented."""
    surname = _SURNAMES[planned.number % len(_SURNAMES)]
    if planned.partner == SKYWAYS:
        return {"surname": surname}
    if planned.partner == NORTHBANK:
        return {"account_number": f"{planned.number:012}", "holder_name": surname}
    return {"guest_name": surname}
