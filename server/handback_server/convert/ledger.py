"""Balances."""

from __future__ import annotations

from handback.ledger.accounts import Balance
from handback_server._stubs.v1 import (
    ledger_pb2,
)


def balance(total: Balance) -> ledger_pb2.Balance:
    """What one partner's redemptions in one unit add up to."""
    return ledger_pb2.Balance(
        programme=total.programme,
        partner=total.partner,
        unit=total.unit,
        member=total.member,
        held=total.held,
        fulfilled=total.fulfilled,
    )
