"""Whoever mistypes a partner is told so, wherever lists and figures are narrowed by one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fake_clock import FakeClock
from handback.breaks import queries as breaks
from handback.errors import NotFound
from handback.intake import queries as files
from handback.ledger import postings
from handback.ledger import queries as balances
from handback.ledger.cuts import Stretch
from handback.ledger.liability import By, liability
from handback.ledger.outstanding import OpenFilter
from handback.payouts import holds
from handback.payouts import queries as batches
from handback.redemptions import corrections
from handback.redemptions import queries as redemptions
from handback.store.session import Store
from world import PROGRAMME, World

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LISTS: dict[str, Callable[[sa.Connection, str], Any]] = {
    "balances": lambda tx, name: balances.page(tx, balances.BalanceFilter(PROGRAMME, name)),
    "batches": lambda tx, name: batches.page(tx, batches.BatchFilter(PROGRAMME, name), 0, 9),
    "breaks": lambda tx, name: breaks.page(tx, breaks.BreakFilter(PROGRAMME, name), 0, 9),
    "corrections": lambda tx, name: corrections.page(
        tx, corrections.CorrectionFilter(PROGRAMME, name), 0, 9
    ),
    "files": lambda tx, name: files.page(tx, files.FileFilter(PROGRAMME, name), 0, 9),
    "holds": lambda tx, name: holds.page(tx, PROGRAMME, name, None, 9),
    "liability": lambda tx, name: liability(tx, OpenFilter(PROGRAMME, name), By.PARTNER, NOW),
    "postings": lambda tx, name: postings.page(
        tx, postings.PostingFilter(PROGRAMME, Stretch(0, 9), name)
    ),
    "redemptions": lambda tx, name: redemptions.page(
        tx, redemptions.RedemptionFilter(PROGRAMME, name), 0, 9
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_partner_that_there_is_not_is_named(
    store: Store, clock: FakeClock, tmp_path: Path, name: str
) -> None:
    World(store, clock, tmp_path).apply("skyways")
    with store.read() as tx:
        assert not LISTS[name](tx, "skyways")
        with pytest.raises(NotFound, match=r"no partner aurora/skyway$"):
            LISTS[name](tx, "skyway")
