"""Whoever mistypes a programme or a partner is told so, wherever lists and figures are of one."""

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
from handback.ledger import open_redemptions, periods, postings, statements
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
WHOLE = Stretch(0, 9)
LISTS: dict[str, Callable[[sa.Connection, str, str | None], Any]] = {
    "balances": lambda tx, *whose: balances.page(tx, balances.BalanceFilter(*whose)),
    "batches": lambda tx, *whose: batches.page(tx, batches.BatchFilter(*whose), 0, 9),
    "breaks": lambda tx, *whose: breaks.page(tx, breaks.BreakFilter(*whose), 0, 9),
    "corrections": lambda tx, *whose: corrections.page(
        tx, corrections.CorrectionFilter(*whose), 0, 9
    ),
    "files": lambda tx, *whose: files.page(tx, files.FileFilter(*whose), 0, 9),
    "holds": lambda tx, *whose: holds.page(tx, holds.HoldFilter(*whose), None, 9),
    "liability": lambda tx, *whose: liability(tx, OpenFilter(*whose), By.PARTNER, NOW),
    "open redemptions": lambda tx, *whose: open_redemptions.page(tx, OpenFilter(*whose)),
    "postings": lambda tx, programme, partner: postings.page(
        tx, postings.PostingFilter(programme, WHOLE, partner)
    ),
    "redemptions": lambda tx, *whose: redemptions.page(
        tx, redemptions.RedemptionFilter(*whose), 0, 9
    ),
    "statement of a member": lambda tx, programme, partner: (
        statements.member_statement(
            tx, postings.PostingFilter(programme, WHOLE, partner, member_ref="m")
        ).lines
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_name_that_there_is_not_is_told(
    store: Store, clock: FakeClock, tmp_path: Path, name: str
) -> None:
    World(store, clock, tmp_path).apply("skyways")
    with store.read() as tx:
        assert not LISTS[name](tx, PROGRAMME, "skyways")
        assert not LISTS[name](tx, PROGRAMME, None)
        with pytest.raises(NotFound, match=r"no partner aurora/skyway$"):
            LISTS[name](tx, PROGRAMME, "skyway")
        for partner in ("skyways", None):
            with pytest.raises(NotFound, match=r"no programme auroa$"):
                LISTS[name](tx, "auroa", partner)


def test_periods_are_of_a_programme_that_there_is(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    World(store, clock, tmp_path).apply("skyways")
    with store.read() as tx:
        assert not periods.page(tx, PROGRAMME, 0, 9)
        with pytest.raises(NotFound, match=r"no programme auroa$"):
            periods.page(tx, "auroa", 0, 9)
