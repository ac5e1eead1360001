"""The store's verbs do the same on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handback.errors import InvalidSettings, StoreUnavailable, VersionConflict
from handback.store.bulk import INSTANT, MOVES, fetch_frame, table_of
from handback.store.session import Store
from handback.store.tables import Break, Event, IdRange, Redemption

EVENT, REDEMPTION, BREAK = table_of(Event), table_of(Redemption), table_of(Break)
ID_RANGE = table_of(IdRange)
Transaction = Callable[[Store], AbstractContextManager[sa.Connection]]

_TEXT = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
_BIG = st.integers(-(2**63), 2**63 - 1)
_SMALL = st.integers(-(2**15), 2**15 - 1)
_ROW = st.fixed_dictionaries(
    {
        "trigger": _SMALL,
        "from_state": _SMALL,
        "to_state": _SMALL,
        "attempt": _SMALL,
        "reason_class": _SMALL,
        "quantity": _BIG,
        "block_id": _BIG,
        "file_id": st.none() | _BIG,
        "ordinal": st.none() | _BIG,
        "reason_code": _TEXT,
    }
)


@settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    max_examples=40,
)
@given(rows=st.lists(_ROW, max_size=12))
def test_a_frame_comes_back_as_it_went_in(store: Store, rows: list[dict[str, object]]) -> None:
    keyed = [row | {"redemption_id": n, "version": n} for n, row in enumerate(rows)]
    schema = {c.name: _kind(c) for c in EVENT.columns}
    frame = pl.DataFrame(keyed, schema=schema)
    with store.write() as tx:
        tx.execute(sa.delete(EVENT))
        store.dialect.insert_frame(tx, EVENT, frame)
    with store.read() as tx:
        found = fetch_frame(tx, sa.select(EVENT).order_by(EVENT.c.redemption_id))
    assert found.equals(frame.select(found.columns))


def _kind(column: sa.Column[object]) -> pl.DataType:
    kinds: list[tuple[type, pl.DataType]] = [
        (sa.SmallInteger, pl.Int16()),
        (sa.BigInteger, pl.Int64()),
        (sa.Integer, pl.Int32()),
        (sa.Text, pl.String()),
    ]
    return next(kind for sql, kind in kinds if isinstance(column.type, sql))


def test_instants_keep_their_microseconds(store: Store) -> None:
    at = datetime(2026, 3, 29, 1, 30, 0, 123_457, tzinfo=UTC)
    _insert_redemptions(store, 1, at)
    with store.read() as tx:
        assert tx.scalar(sa.select(REDEMPTION.c.submitted_at)) == at


def _insert_redemptions(store: Store, count: int, at: datetime) -> None:
    frame = pl.DataFrame(
        {
            "redemption_id": range(1, count + 1),
            "member_ref": [f"M{n}" for n in range(count)],
        }
    ).with_columns(
        **{name: pl.lit(1, pl.Int64) for name in ("programme_id", "partner_id", "unit_id")},
        **{name: pl.lit(1, pl.Int16) for name in ("state", "attempt")},
        quantity=pl.lit(5, pl.Int64),
        held=pl.lit(5, pl.Int64),
        fulfilled=pl.lit(0, pl.Int64),
        version=pl.lit(1, pl.Int32),
        submitted_at=pl.lit(at, INSTANT),
    )
    with store.write() as tx:
        store.dialect.insert_frame(tx, REDEMPTION, frame)


def test_move_changes_only_rows_still_at_the_expected_version(store: Store) -> None:
    _insert_redemptions(store, 3, datetime(2026, 1, 1, tzinfo=UTC))
    moves = pl.DataFrame(
        [(1, 1, 2, 2, 1, 0, 5), (2, 7, 8, 2, 1, 0, 5), (3, 1, 3, 4, 1, 5, 0)],
        schema=MOVES,
        orient="row",
    )
    with store.write() as tx:
        assert store.dialect.move(tx, moves).to_list() == [2]
    with store.read() as tx:
        states = fetch_frame(
            tx,
            sa.select(
                REDEMPTION.c.redemption_id, REDEMPTION.c.state, REDEMPTION.c.version
            ).order_by(REDEMPTION.c.redemption_id),
        )
    assert states.rows() == [(1, 2, 2), (2, 1, 1), (3, 4, 3)]


@pytest.mark.parametrize("count", [150, 350])
def test_many_rows_come_back_whatever_they_have_alike(store: Store, count: int) -> None:
    numbers = pl.int_range(1, count + 1, eager=True, dtype=pl.Int64)
    frame = pl.DataFrame({"redemption_id": numbers}).with_columns(
        version=pl.lit(2, pl.Int32),
        block_id=pl.lit(-(2**63), pl.Int64),
        trigger=pl.lit(4, pl.Int16),
        from_state=(pl.col("redemption_id") % 3).cast(pl.Int16),
        to_state=pl.lit(0, pl.Int16),
        attempt=pl.lit(1, pl.Int16),
        reason_class=pl.lit(1, pl.Int16),
        quantity=pl.col("redemption_id") * 7,
        file_id=pl.lit(None, pl.Int64),
        ordinal=pl.when(pl.col("redemption_id") != 5).then("redemption_id"),
        reason_code=pl.lit("o'clock; \u00e9"),
    )
    of_several_lengths = pl.format("{}?", "redemption_id")
    other = frame.with_columns(version=pl.lit(3, pl.Int32), reason_code=of_several_lengths)
    with store.write() as tx:
        for some in (frame, other):
            store.dialect.insert_frame(tx, EVENT, some)
    with store.read() as tx:
        found = fetch_frame(tx, sa.select(EVENT).order_by(EVENT.c.version, EVENT.c.redemption_id))
    assert found.equals(pl.concat([frame, other]).select(found.columns))


def test_move_says_which_of_many_were_not_as_meant(store: Store) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    _insert_redemptions(store, 300, at)
    ids = pl.int_range(1, 321, eager=True, dtype=pl.Int64)  # twenty of which nobody knows
    moves = pl.DataFrame({"redemption_id": ids}).with_columns(
        was_version=pl.when(ids == 17).then(9).otherwise(1).cast(pl.Int32),
        version=pl.lit(2, pl.Int32),
        state=pl.lit(2, pl.Int16),
        attempt=pl.lit(1, pl.Int16),
        held=pl.lit(0, pl.Int64),
        fulfilled=pl.when(ids % 2 == 0).then(5).otherwise(4).cast(pl.Int64),
        since_submitted_at=pl.when(ids == 60).then(at + timedelta(seconds=1)).otherwise(at),
        was_member_ref=pl.when(ids == 40).then(pl.lit("M'")).otherwise(pl.format("M{}", ids - 1)),
    )
    unlike = [17, 40, 60, *range(301, 321)]
    expected = [n for n in range(1, 301) if n not in unlike]
    with store.write() as tx:
        assert sorted(store.dialect.move(tx, moves)) == unlike
        assert sorted(store.dialect.move(tx, moves.head(200))) == list(range(1, 201))
    with store.read() as tx:
        moved = sa.select(REDEMPTION.c.redemption_id, REDEMPTION.c.fulfilled)
        found = fetch_frame(tx, moved.where(REDEMPTION.c.version == 2, REDEMPTION.c.held == 0))
    assert sorted(found.rows()) == [(n, 5 - n % 2) for n in expected]


def test_a_staged_frame_can_be_joined_and_is_gone_in_the_next_transaction(store: Store) -> None:
    _insert_redemptions(store, 5, datetime(2026, 1, 1, tzinfo=UTC))
    for wanted in ([2, 4], [5]):
        with store.write() as tx:
            keys = store.dialect.stage(tx, "keys", pl.DataFrame({"redemption_id": wanted}))
            found = fetch_frame(
                tx,
                sa.select(REDEMPTION.c.redemption_id)
                .join(keys, keys.c.redemption_id == REDEMPTION.c.redemption_id)
                .order_by(REDEMPTION.c.redemption_id),
            )
        assert found["redemption_id"].to_list() == wanted


def test_a_transaction_left_by_an_exception_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as tx:
        store.dialect.insert_absent(
            tx, table_of(Redemption).metadata.tables["unit"], {"unit_id": 1, "name": "miles"}
        )
        _ = 1 / 0
    with store.read() as tx:
        assert tx.scalar(sa.text("select count(*) from unit")) == 0


def test_ids_are_never_given_twice(store: Store, store_url: str) -> None:
    other = Store.open(store_url)
    taken = [
        number
        for count in (1, 3, 200, 2)
        for source in (store, other)
        for number in source.take_ids("redemption", count)
    ]
    other.close()
    assert len(taken) == len(set(taken)) == 412
    assert min(taken) >= 1


def test_a_large_transaction_leaves_its_log_to_a_checkpoint(sqlite_url: str) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    store = Store.open(sqlite_url)
    text = "x" * 5_000_000  # more pages than a commit lets the log have otherwise

    def grown(name: str, *, large: bool) -> int:
        before = file.stat().st_size
        with store.write(large=large) as tx:
            tx.execute(sa.insert(ID_RANGE).values(name=f"{name}{text}", next_id=1))
        return file.stat().st_size - before

    assert grown("one", large=False) > len(text)
    assert grown("two", large=True) == 0
    before = file.stat().st_size
    store.checkpoint()
    assert file.stat().st_size > before + len(text)
    assert grown("three", large=False) > len(text)
    store.close()


def test_a_log_that_is_never_written_back_is_by_the_commit_that_finds_it_long(
    sqlite_url: str,
) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    store = Store.open(sqlite_url)
    before = file.stat().st_size
    with store.write(large=True) as tx:
        text = "x" * 70_000_000
        tx.execute(sa.insert(ID_RANGE).values(name=text, next_id=1))
    assert file.stat().st_size > before + len(text)
    store.close()


def test_a_lock_is_had_by_one_at_a_time(store: Store) -> None:
    with store.lock("gather") as first, store.lock("gather") as second, store.lock("x") as other:
        assert (first, second, other) == (True, False, True)
    with store.lock("gather") as again:
        assert again


def test_no_transaction_waits_for_others_to_end(store: Store) -> None:
    with ExitStack() as stack:
        every = [stack.enter_context(store.read()) for _ in range(40)]
        assert [tx.scalar(sa.select(1)) for tx in every] == [1] * 40


@pytest.mark.parametrize("url", ["", "mysql://here/db", "sqlite://", "sqlite:///:memory:", "::"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettings):
        Store.open(url)


def test_a_key_that_is_taken_is_a_conflict(store: Store) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    _insert_redemptions(store, 1, at)
    with pytest.raises(VersionConflict):
        _insert_redemptions(store, 1, at)


def test_a_wrong_statement_is_a_mistake_of_ours_and_tells_no_values(store: Store) -> None:
    wrong = sa.text("select :surname from no_such_table")
    with pytest.raises(sa.exc.DBAPIError) as raised, store.read() as tx:
        tx.execute(wrong, {"surname": "Hopper"})
    assert "no_such_table" in str(raised.value)
    assert "Hopper" not in str(raised.value)


def test_a_database_that_is_no_database_is_not_available(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    store = Store.open(f"sqlite:///{tmp_path / 'folder.db'}")
    with pytest.raises(StoreUnavailable), store.read():
        pass
    store.close()


def test_an_unreachable_server_is_a_store_unavailable() -> None:
    store = Store.open("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable), store.read():
        pass
    store.close()


@pytest.mark.parametrize(
    ("before", "after"),
    [(Store.read, Store.write), (Store.write_at_once, Store.write_at_once)],
    ids=["pool", "kept"],
)
def test_a_connection_lost_while_idle_is_replaced(
    postgres_url: str, before: Transaction, after: Transaction
) -> None:
    store = Store.open(postgres_url)
    mine = sa.select(sa.func.pg_backend_pid())
    with before(store) as tx:
        lost = tx.scalar(mine)
    with psycopg.connect(postgres_url) as other:
        # Returns once the process is gone, or after ten seconds.
        other.execute("select pg_terminate_backend(%s, 10000)", (lost,))
    with after(store) as tx:
        assert tx.scalar(mine) != lost
    store.close()


def test_messages_one_after_the_other_have_one_connection(store: Store) -> None:
    with store.write_at_once() as first:
        first.execute(sa.select(1))
    with store.write_at_once() as second:
        assert second is first
        assert not second.in_transaction() or store.dialect.serial_commits


def test_a_connection_on_which_something_failed_is_not_kept(store: Store) -> None:
    with pytest.raises(sa.exc.SQLAlchemyError), store.write_at_once() as failed:
        failed.exec_driver_sql("no statement")
    assert failed.closed
    with store.write_at_once() as tx:
        assert tx.scalar(sa.select(1)) == 1


def test_of_two_transactions_that_lock_crosswise_one_is_to_be_decided_again(
    postgres_url: str,
) -> None:
    store = Store.open(postgres_url)
    _insert_redemptions(store, 2, datetime(2026, 1, 1, tzinfo=UTC))
    both_hold_one = threading.Barrier(2)

    def lock_both(ids: tuple[int, int]) -> bool:
        try:
            with store.write() as tx:
                tx.execute(sa.text("set local deadlock_timeout = '20ms'"))
                for redemption_id in ids:
                    row = REDEMPTION.c.redemption_id == redemption_id
                    tx.execute(sa.select(REDEMPTION.c.state).where(row).with_for_update())
                    if redemption_id == ids[0]:
                        both_hold_one.wait()
        except VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(lock_both, [(1, 2), (2, 1)])) == [False, True]
    store.close()
