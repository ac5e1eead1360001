"""A sound database passes; a copy spoilt in any one way is found out, by the law it breaks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
import sqlalchemy as sa

from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind
from handback.ids import Prefix, public_id
from handback.ledger.snapshots import roll_up
from handback.lifecycle.table import Account, State, Trigger
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import (
    Attempt,
    BalanceSnapshot,
    Block,
    BlockTotal,
    Break,
    Due,
    Event,
    Finding,
    HandbackFile,
    Redemption,
    RunChunk,
)
from handback.verify import SHOWN, Report, examine, verify
from lives import Lives

ATTEMPT, BLOCK, TOTAL = table_of(Attempt), table_of(Block), table_of(BlockTotal)
BREAK, CHUNK, DUE = table_of(Break), table_of(RunChunk), table_of(Due)
EVENT, FILE, FINDING = table_of(Event), table_of(HandbackFile), table_of(Finding)
REDEMPTION, SNAPSHOT = table_of(Redemption), table_of(BalanceSnapshot)


@pytest.fixture
def told(store: Store, clock: FakeClock) -> dict[str, int]:
    """A database with a redemption in every state and queue; their ids, and a file's."""
    lives = Lives(store, clock)
    names = (
        "submitted",
        "batched",
        "awaiting",
        "confirmed",
        "confirmed_late",
        "rejected",
        "retrying",
        "failed",
        "cancelled",
        "returned",
        "reinstated",
        "part_returned",
        "part_released",
        "borne",
        "overruled",
    )
    ids = dict(zip(names, lives.submit(*[10] * len(names)), strict=True))
    ids["elsewhere"] = lives.submit(700, partner_id=2, unit_id=2)[0]
    lives.batch([ids["batched"]])
    lives.step(Trigger.CANCEL, [ids["cancelled"]])
    lives.dispatch([ids[name] for name in names[2:] if name != "cancelled"])
    ids["file"] = lives.file(
        [ids[name] for name in ("confirmed", "returned", "part_returned")],
        unknown=2,
        repeats=1,
        rejects=1,
    )
    lives.step(Trigger.ACKNOWLEDGE, [ids["awaiting"]])
    again = [ids[name] for name in ("retrying", "confirmed_late")]
    given_up = ("failed", "reinstated", "borne")
    lives.step(Trigger.REJECT, [*again, *(ids[n] for n in ("rejected", *given_up, "overruled"))])
    lives.step(Trigger.RETRY, again)
    lives.step(Trigger.CONFIRM, [ids["confirmed_late"]])
    lives.step(Trigger.FAIL, [ids[name] for name in given_up])
    lives.step(Trigger.REINSTATE, [ids["reinstated"]], approved=True)
    lives.step(Trigger.RETURN, [ids["returned"]])
    lives.step(Trigger.RETURN_PART, [ids["part_returned"]], moved=4)
    lives.step(Trigger.WRITE_OFF, [ids["borne"]], moved=10, approved=True)
    lives.step(Trigger.WRITE_OFF, [ids["overruled"]], moved=2, approved=True)
    lives.step(Trigger.CONFIRM, [ids["overruled"]], approved=True)
    lives.step(Trigger.RELEASE, [ids["part_released"]], moved=3)
    lives.step(Trigger.ADJUST, [ids["part_released"]], moved=1)
    lives.step(Trigger.CONFIRM, [ids["part_released"]])
    while roll_up(store, every=5):
        pass
    return ids


def test_a_sound_database_breaks_no_law(store: Store, told: dict[str, int]) -> None:
    report = verify(store)
    assert [breach for verdict in report.verdicts for breach in verdict.shown] == []
    assert report.holds
    checked = {verdict.unit: verdict.checked for verdict in report.verdicts}
    assert checked == {
        "events": 55,
        "blocks": 19,
        "redemptions": 16,
        "files": 1,
        "open redemptions": 7,
        "positions": 19,
        "kept balances": 16,
        "accounts": 2,
    }


def test_nothing_is_restored_that_was_let_be_already(store: Store, clock: FakeClock) -> None:
    lives = Lives(store, clock)
    ids = lives.submit(10)
    lives.dispatch(ids)
    lives.step(Trigger.ADJUST, ids, moved=1)
    lives.step(Trigger.REJECT, ids)
    lives.step(Trigger.FAIL, ids)
    assert verify(store).holds
    lives.step(Trigger.REINSTATE, ids, approved=True)
    assert shown(verify(store), 3) == [
        (
            "more was taken from the member than was asked for",
            {"redemption": public_id(Prefix.REDEMPTION, ids[0]), "version": "6"},
        )
    ]


def test_an_empty_database_breaks_no_law(store: Store) -> None:
    report = verify(store)
    assert report.holds
    assert [verdict.law for verdict in report.verdicts] == [1, 2, 3, 4, 5, 6, 7, 8]


Spoiling = Callable[[dict[str, int]], sa.Executable]


def of(table: sa.Table, redemption_id: int) -> sa.ColumnElement[bool]:
    """The rows of one redemption."""
    return table.c.redemption_id == redemption_id


def redemption(name: str, **values: object) -> Spoiling:
    """Write other columns into a redemption."""
    return lambda ids: sa.update(REDEMPTION).where(of(REDEMPTION, ids[name])).values(**values)


def event(name: str, version: int, **values: object) -> Spoiling:
    """Write other columns into one event of a redemption."""
    return lambda ids: (
        sa.update(EVENT).where(of(EVENT, ids[name]), EVENT.c.version == version).values(**values)
    )


def without(table: sa.Table, name: str, *conditions: sa.ColumnElement[bool]) -> Spoiling:
    """Delete a redemption's rows from a table."""
    return lambda ids: sa.delete(table).where(of(table, ids[name]), *conditions)


def chunk(**values: object) -> Spoiling:
    """Write other counts into the file's only chunk."""
    return lambda ids: sa.update(CHUNK).values(**values)


def spoil(store: Store, *statements: sa.Executable) -> None:
    """Change what is stored behind the journal's back."""
    with store.write() as tx:
        for statement in statements:
            tx.execute(statement)


NOW = sa.select(REDEMPTION.c.submitted_at).limit(1).scalar_subquery()

STEPS: dict[str, Spoiling] = {
    "an event is missing": without(EVENT, "confirmed", EVENT.c.version == 2),
    "the last event is missing": without(EVENT, "rejected", EVENT.c.version == 3),
    "all events are missing": without(EVENT, "submitted"),
    "the redemption is missing": without(REDEMPTION, "submitted"),
    "a source": event("confirmed", 3, from_state=int(State.RETRYING)),
    "a target": event("confirmed", 2, to_state=int(State.REJECTED)),
    "a trigger": event("rejected", 3, trigger=int(Trigger.CONFIRM)),
    "a trigger from nowhere": event("rejected", 3, trigger=99),
    "an answered attempt": event("confirmed", 3, attempt=2),
    "a dispatched attempt": event("awaiting", 2, attempt=2),
    "a moved quantity": event("confirmed", 3, quantity=9),
    "an event before the one it follows": event("confirmed", 3, block_id=1),
    "a state": redemption("confirmed", state=int(State.FAILED)),
    "a version": redemption("confirmed", version=4),
    "an attempt": redemption("rejected", attempt=2),
    "a held quantity": redemption("rejected", held=9),
    "a fulfilled quantity": redemption("confirmed", fulfilled=9),
}
TOTALS: dict[str, Spoiling] = {
    "an event moved to another block": event("part_returned", 4, block_id=6),
    "an event in no block": event("awaiting", 3, block_id=999),
    "a quantity in the journal": event("confirmed", 3, quantity=9),
    "a delta": lambda ids: sa.update(TOTAL).where(TOTAL.c.block_id == 1).values(delta=1),
    "a delta exchanged between blocks": lambda ids: (
        sa.update(TOTAL)
        .where(TOTAL.c.block_id.in_([1, 3]))
        .values(delta=TOTAL.c.delta + (2 * TOTAL.c.account - 3) * (2 - TOTAL.c.block_id))
    ),
    "a total is missing": lambda ids: sa.delete(TOTAL).where(TOTAL.c.block_id == 1),
    "a count": lambda ids: sa.update(TOTAL).where(TOTAL.c.block_id == 1).values(redemptions=9),
    "a total of another partner": lambda ids: (
        sa.update(TOTAL).where(TOTAL.c.block_id == 1).values(partner_id=2)
    ),
    "a count of events": lambda ids: (
        sa.update(BLOCK).where(BLOCK.c.block_id == 2).values(event_count=9)
    ),
    "a held quantity": redemption("rejected", held=9),
    "a fulfilled quantity": redemption("confirmed", fulfilled=9),
    "another unit": redemption("confirmed", unit_id=2),
}
QUANTITIES: dict[str, Spoiling] = {
    "more fulfilled than asked for": redemption("confirmed", fulfilled=11),
    "more held than asked for": redemption("rejected", held=11),
    "less than nothing held": redemption("rejected", held=-1),
    "less than nothing fulfilled": redemption("failed", fulfilled=-1),
    "held though it rests": redemption("failed", held=1),
    "an event that gives back too much": event("part_returned", 4, quantity=11),
    "an event that fulfils too much": event("confirmed", 3, quantity=11),
}
RUNS: dict[str, Spoiling] = {
    "records": chunk(records=8),
    "repeats": chunk(repeats=2),
    "a quantity": chunk(breaks_quantity=0),
    "events for repeats": chunk(events=2, repeats=2),
    "breaks for repeats": chunk(breaks=1, repeats=2),
    "the chunk is missing": lambda ids: sa.delete(CHUNK),
    "the file had more": lambda ids: sa.update(FILE).values(record_count=8),
    "an event of the file is missing": without(EVENT, "confirmed", EVENT.c.version == 3),
    "a break of the file is missing": lambda ids: sa.delete(BREAK).where(
        BREAK.c.file_id == ids["file"], BREAK.c.ordinal == 4
    ),
    "more findings than rejects": lambda ids: sa.insert(FINDING).values(
        [
            {
                "file_id": ids["file"],
                "number": number,
                "ordinal": number,
                "code": "bad_integer",
                "severity": 2,
                "message": "",
            }
            for number in (1, 2)
        ]
    ),
}
QUEUES: dict[str, Spoiling] = {
    "a submitted one waits nowhere": without(DUE, "submitted"),
    "a retrying one waits nowhere": without(DUE, "retrying"),
    "a batched one is in no batch": without(ATTEMPT, "batched"),
    "one under way was never sent": without(ATTEMPT, "awaiting"),
    "a rejected one has no break": without(BREAK, "rejected"),
    "the break of a rejected one is closed": lambda ids: (
        sa.update(BREAK).where(of(BREAK, ids["rejected"])).values(closed_at=NOW)
    ),
    "the break of a rejected one is about something else": lambda ids: (
        sa.update(BREAK).where(of(BREAK, ids["rejected"])).values(kind=int(BreakKind.CONTRADICTION))
    ),
    "a batched one is due as well": lambda ids: (
        sa.update(DUE).where(of(DUE, ids["submitted"])).values(redemption_id=ids["batched"])
    ),
    "a confirmed one is due": lambda ids: (
        sa.update(DUE).where(of(DUE, ids["submitted"])).values(redemption_id=ids["confirmed"])
    ),
    "nobody is due": lambda ids: (
        sa.update(DUE).where(of(DUE, ids["submitted"])).values(redemption_id=999)
    ),
    "an attempt too many": lambda ids: (
        sa.update(ATTEMPT).where(of(ATTEMPT, ids["confirmed"])).values(attempt=2)
    ),
    "an attempt of nobody": lambda ids: (
        sa.update(ATTEMPT).where(of(ATTEMPT, ids["confirmed"])).values(redemption_id=999)
    ),
    "a break of nobody": lambda ids: (
        sa.update(BREAK).where(of(BREAK, ids["rejected"])).values(redemption_id=999)
    ),
}
POSITIONS: dict[str, Spoiling] = {
    "a gap": lambda ids: sa.update(BLOCK).where(BLOCK.c.position == 19).values(position=20),
    "a missing position": lambda ids: (
        sa.update(BLOCK).where(BLOCK.c.position == 5).values(position=None)
    ),
    "a start above one": lambda ids: (
        sa.update(BLOCK).where(BLOCK.c.position == 1).values(position=0)
    ),
}
BALANCES: dict[str, Spoiling] = {
    "a quantity": lambda ids: (
        sa.update(SNAPSHOT)
        .where(SNAPSHOT.c.position == 5, SNAPSHOT.c.account == int(Account.HELD))
        .values(quantity=SNAPSHOT.c.quantity + 1)
    ),
    "an account is missing": lambda ids: sa.delete(SNAPSHOT).where(
        SNAPSHOT.c.position == 10, SNAPSHOT.c.account == int(Account.FULFILLED)
    ),
    "an account too many": lambda ids: (
        sa.update(SNAPSHOT).where(SNAPSHOT.c.position == 5).values(partner_id=99)
    ),
    "another position": lambda ids: (
        sa.update(SNAPSHOT).where(SNAPSHOT.c.position == 5).values(position=2)
    ),
    "a delta": lambda ids: (
        sa.update(TOTAL).where(TOTAL.c.block_id == 1).values(delta=TOTAL.c.delta * 2)
    ),
}
SPOILT = dict(enumerate((STEPS, TOTALS, QUANTITIES, RUNS, QUEUES, POSITIONS, BALANCES), start=1))


class Undone(Exception):
    """Takes a spoilt copy back."""


def spoilt(store: Store, statement: sa.Executable, page_events: int = 1_000) -> Report:
    """The report on the database as the statement leaves it, which is then undone."""
    reports = []
    with suppress(Undone), store.write() as tx:
        tx.execute(statement)
        reports.append(examine(tx, store.dialect, page_events))
        raise Undone
    return reports[0]


@pytest.mark.parametrize("law", SPOILT)
def test_every_way_to_spoil_a_database_breaks_its_law(
    store: Store, told: dict[str, int], law: int
) -> None:
    reports = {name: spoilt(store, how(told)) for name, how in SPOILT[law].items()}
    unseen = [name for name, report in reports.items() if not report.verdicts[law - 1].broken]
    assert unseen == []
    assert verify(store).holds


@pytest.mark.parametrize("law", SPOILT)
def test_the_size_of_a_page_changes_nothing(store: Store, told: dict[str, int], law: int) -> None:
    for how in list(SPOILT[law].values())[:3]:
        reports = [spoilt(store, how(told), page_events) for page_events in (1, 2, 7, 1_000)]
        assert all(report == reports[0] for report in reports)


def shown(report: Report, law: int) -> list[tuple[str, dict[str, str]]]:
    """What a report says of one law."""
    return [(breach.what, dict(breach.where)) for breach in report.verdicts[law - 1].shown]


def test_a_breach_names_what_is_wrong_and_where(store: Store, told: dict[str, int]) -> None:
    spoil(
        store,
        event("confirmed", 3, quantity=9)(told),
        without(DUE, "submitted")(told),
        chunk(records=8)(told),
    )
    report = verify(store)
    confirmed = public_id(Prefix.REDEMPTION, told["confirmed"])
    file = public_id(Prefix.HANDBACK_FILE, told["file"])
    block = public_id(Prefix.BLOCK, 5)
    assert shown(report, 1) == [
        (
            "the lifecycle does not allow the event",
            {"redemption": confirmed, "version": "3"},
        ),
        ("held or fulfilled is not what the events add up to", {"redemption": confirmed}),
    ]
    owner = {"block": block, "programme": "aurora", "partner": "skyways", "unit": "miles"}
    what = "the block's total is not the sum over its events"
    assert shown(report, 2) == [
        (what, owner | {"account": "held", "stored": "-30", "counted": "-29"}),
        (what, owner | {"account": "fulfilled", "stored": "30", "counted": "29"}),
    ]
    assert shown(report, 4) == [
        (
            "the chunk's records are not its events, repeats, breaks and rejects",
            {"file": file, "chunk": "0"},
        ),
        ("the file holds another number of records than its run saw", {"file": file}),
    ]
    assert shown(report, 5) == [
        (
            "the redemption is submitted and stands in no queue",
            {"redemption": public_id(Prefix.REDEMPTION, told["submitted"])},
        )
    ]


def test_all_breaches_are_counted_and_the_first_are_shown(store: Store, clock: FakeClock) -> None:
    Lives(store, clock).submit(*[10] * (SHOWN + 5))
    spoil(store, sa.delete(DUE))
    verdict = verify(store).verdicts[4]
    assert (verdict.broken, len(verdict.shown)) == (SHOWN + 5, SHOWN)


def test_blocks_still_to_be_sequenced_break_nothing(postgres_url: str, clock: FakeClock) -> None:
    store = Store.open(postgres_url)
    Lives(store, clock).submit(10)
    spoil(store, sa.update(BLOCK).values(position=None))
    assert verify(store).holds
    store.close()
