"""A payout of some reads no table as a whole, however much of what there is goes into it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from engine.test_plans import DUE, long_grown, walked
from handback.clock import SystemClock
from handback.exchange.folder import FolderTransport
from handback.exchange.landing import Landing
from handback.partners.registry import Agreements
from handback.payouts import deliver as deliver_module
from handback.payouts import gather as gather_module
from handback.payouts.deliver import deliver
from handback.payouts.gather import gather
from handback.store.session import Store
from handback_server.bench.engine import PARTNER, PROGRAMME

__all__ = ["long_grown"]

LARGE = {"redemption", "member_detail", "due", "attempt", "event", "break"}


@contextmanager
def explained(store: Store) -> Iterator[list[str]]:
    """How the database goes about each statement meanwhile, there and then."""
    explain = "explain query plan" if store.dialect.name == "sqlite" else "explain (costs off)"
    told: list[str] = []

    def hear(_: object, cursor: Any, text: str, values: Any, *__: object) -> None:
        rows = cursor.connection.execute(f"{explain} {text}", values).fetchall()
        told.append("\n".join(str(row[-1]) for row in rows))

    sa.event.listen(store.engine, "before_cursor_execute", hear)
    yield told
    sa.event.remove(store.engine, "before_cursor_execute", hear)


def test_a_payout_walks_no_table(
    long_grown: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Half of what is due at a time, and so a tenth of what there is.
    monkeypatch.setattr(gather_module, "_CHUNK", DUE // 2)
    monkeypatch.setattr(deliver_module, "CHUNK", DUE // 2)
    parts = long_grown, Landing(tmp_path / "landing")
    terms = Agreements(), SystemClock()
    with explained(long_grown) as plans:
        (batch,) = gather(*parts, *terms, PROGRAMME, PARTNER)
    if long_grown.dialect.name == "postgresql":  # which analyses by itself what grows
        with long_grown.write() as tx:
            tx.exec_driver_sql("analyze")
    transport = FolderTransport(tmp_path)
    with explained(long_grown) as more:
        deliver(*parts, transport, *terms, batch.batch_id, "tests")
    assert batch.record_count == DUE
    assert plans and more
    for plan in plans + more:
        assert not walked(plan) & LARGE, plan
        assert not walked_along(plan) & LARGE, plan


def walked_along(plan: str) -> set[str]:
    """The tables that a plan of PostgreSQL reads from end to end of an index."""
    scan = r"Index (?:Only )?Scan (?:Backward )?using \w+ on (\w+).*(?:\n|$)(?!\s*Index Cond)"
    return set(re.findall(scan, plan))
