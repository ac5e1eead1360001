"""Balances."""

from __future__ import annotations

from handback_client import models
from handback_client._stubs.v1 import (
    ledger_pb2,
)


def balance(message: ledger_pb2.Balance) -> models.Balance:
    """One balance."""
    return models.Balance(
        programme=message.programme,
        partner=message.partner,
        unit=message.unit,
        member=message.member,
        held=message.held,
        fulfilled=message.fulfilled,
    )
