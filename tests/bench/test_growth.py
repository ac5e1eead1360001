"""The benchmarks of growth: their files are what they say, and what is to last lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from handback.ids import attempt_key
from handback.store.session import Store
from handback_server.bench import grown, growth, long_answers, reads
from handback_server.bench.answers import Mix
from handback_server.bench.ground import Ground, ground
from handback_server.bench.long_answers import write_long_answers

IDS = range(7_001, 9_971)
MIX = Mix(3_000)


def written(tmp_path: Path, order: str) -> tuple[list[str], pl.DataFrame, list[str]]:
    """Header, details and trailer of a file of answers."""
    target = tmp_path / order / "answers.csv"
    write_long_answers(IDS, MIX, order, target, 4)
    first, *lines, last = target.read_text().splitlines()
    names = ["kind", "reference", "member_ref", "quantity", "code", "partner_ref"]
    rows = [line.split(",") for line in lines]
    details = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return first.split(","), details, last.split(",")


@pytest.mark.parametrize("order", ["batch", "random"])
def test_every_redemption_is_answered_and_some_twice(
    tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_answers, "_PIECE", 700)
    header, details, trailer = written(tmp_path, order)
    assert header == ["H", "bench", "4"]
    assert trailer == ["T", "3000", str(details["quantity"].cast(pl.Int64).sum())]
    assert len(details) == MIX.records
    references = {f"HB{attempt_key(number, 1):018}" for number in IDS}
    assert set(details["reference"]) == references
    assert len(details.unique()) == len(references) == MIX.redemptions
    rejected = len(details.filter(pl.col("code") != "0000")) / MIX.records
    assert 0.05 < rejected < 0.09
    assert (details["reference"].is_sorted()) == (order == "batch")


def test_the_order_changes_nothing_else(tmp_path: Path) -> None:
    in_batch, in_random = (written(tmp_path, order)[1] for order in ("batch", "random"))
    assert in_batch.equals(in_random.sort("reference"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that a server run by another user can reach."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps run in this process; whether they do is a matter of what is measured."""

    def at_once(step: Callable[..., Any], *given: Any) -> Any:
        return step(*given)

    for module in (growth, grown, reads):
        monkeypatch.setattr(module, "apart", at_once)


def redemptions(ground: Ground) -> int:
    """How many redemptions the kept database has."""
    with ground.lasting("grown", anew=False) as place:
        store = Store.open(place.url)
        with store.read() as tx:
            count = tx.scalars(sa.select(sa.func.count()).select_from(grown.TABLES["redemption"]))
            found = count.one()
        store.close()
        return found


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_kept_database_is_grown_once(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "_CALLS", 3)
    with ground(kind, grown=1_200, keep=folder) as first:
        told = reads.reads(first, 100, "random")
        assert told["grown"] == 1_200
        assert {"get_p99_ms", "grown_get_p99_ms", "grown_balances_p50_ms"} <= told.keys()
    with ground(kind, grown=1_000, keep=folder) as second:
        assert redemptions(second) == 1_200
        told = growth.growth(second, 300, "random")
        assert told["laws_hold"] is True
        assert {"ratio", "empty_peak_rss_mb", "grown_records_per_s"} <= told.keys()
        assert redemptions(second) == 1_200 + Mix(300).redemptions
    with ground(kind, grown=1_201, keep=folder) as third, pytest.raises(ValueError, match="1,200"):
        reads.reads(third, 100, "random")


@pytest.mark.usefixtures("here")
def test_nothing_is_grown_where_that_is_not_asked_for() -> None:
    with ground("sqlite") as place:
        told = growth.growth(place, 200, "batch")
    assert told["laws_hold"] is True
    assert not [name for name in told if "grown" in name]
