"""Reports say what the journal says, and every figure of them can be followed down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agreements import SKYWAYS, source_of
from conftest import OpenStore
from fake_clock import FakeClock
from handback.errors import InvalidRequest, NotFound
from handback.ids import Prefix, public_id
from handback.journal.sequence import sequence_blocks
from handback.ledger import queries as ledger
from handback.ledger.instants import position_at
from handback.ledger.queries import BalanceFilter
from handback.lifecycle.table import Trigger
from handback.partners import registry
from handback.payouts.gather import gather
from handback.payouts.recall import recall
from handback.redemptions.requests import Retry, Submit
from handback.reports.declaring import FRAME_TYPE
from handback.reports.registry import REPORTS
from handback.reports.run import running
from handback.store.requests import Command
from reported import asked_behind, assert_followed_down, reported
from world import PROGRAMME, Answer, World, skyways_file


@contextmanager
def opened(open_store: OpenStore) -> Iterator[World]:
    """An engine with the partner skyways, and eight redemptions in two batches: one of everything
    that an answer can be, and a return.

    Sent on Monday 2 March 2026 at noon, answered on Wednesday at 18:00; what was retried is
    confirmed on Friday, and one credit comes back on the 20th.
    """
    with ExitStack() as stack:
        store = open_store(stack)
        stack.callback(store.close)
        world = World(store, FakeClock(), Path(stack.enter_context(TemporaryDirectory())))
        world.apply("skyways")
        world.submit(100, 200, 300, 400, 500, 600, 700, 800)
        codes = ["0000", "0201", "0301", "0101", "7777", "0401", "0002"]  # the last says nothing
        (file,) = world.send()
        sent = world.sent(file)
        world.clock.advance(timedelta(hours=54))
        answers = [Answer(*one, code) for one, code in zip(sent, codes, strict=False)]
        world.answer(skyways_file([*answers, answers[0]]), "first.csv")
        world.clock.advance(timedelta(days=2))
        again = [one for one in world.send() if one != file]
        (retried,) = world.sent(again[0])
        world.answer(skyways_file([Answer(*retried, "0000")], 2), "second.csv")
        world.clock.set(datetime(2026, 3, 20, 9, tzinfo=UTC))
        world.answer(skyways_file([Answer(*sent[0], "0601")], 3), "return.csv")
        yield world


@pytest.fixture(scope="module")
def lived(open_store: OpenStore) -> Iterator[World]:
    """What was lived through; no test writes there."""
    with opened(open_store) as world:
        yield world


@pytest.fixture
def own(open_store: OpenStore) -> Iterator[World]:
    """The same for a test that goes on from there."""
    with opened(open_store) as world:
        yield world


_FIRST = {"file": public_id(Prefix.HANDBACK_FILE, 1)}
PARAMETERS = {
    "member": {"member": "M000003"},
    "attempts": {"batch": public_id(Prefix.PAYOUT_BATCH, 1)},
    "records": _FIRST,
    "continuity": _FIRST,
}


def test_batches_add_up_in_count_and_in_quantity(lived: World) -> None:
    first, second = reported(lived, "batches").rows
    assert (first["sent"], first["sent_quantity"]) == (8, 3_600)
    assert (first["confirmed"], first["rejected"], first["pending"]) == (0, 6, 2)
    assert first["rejected_quantity"] == 100 + 200 + 300 + 400 + 500 + 600
    assert first["pending_quantity"] == 700 + 800
    assert (second["confirmed"], second["confirmed_quantity"]) == (1, 300)
    for row in (first, second):
        for part in ("", "_quantity"):
            shares = ("confirmed", "rejected", "pending", "remainder")
            assert row[f"sent{part}"] == sum(row[f"{share}{part}"] for share in shares)
    # The time to answer was five business days and ended with Monday the 9th, in London.
    assert first["deadline_at"] == datetime(2026, 3, 10, tzinfo=UTC)
    assert first["overdue_s"] == (10 * 24 + 9) * 3_600
    assert second["overdue_s"] is None


def test_runs_add_up_record_by_record(lived: World) -> None:
    first, *_ = reported(lived, "runs").rows
    assert (first["records"], first["events"], first["repeats"]) == (8, 7, 1)
    for part in ("", "_quantity"):
        fates = ("events", "repeats", "breaks", "rejects")
        assert first[f"records{part}"] == sum(first[f"{fate}{part}"] for fate in fates)
    fates = [row["fate"] for row in reported(lived, "records", file=first["file_id"]).rows]
    assert fates == ["event"] * 7 + ["repeat"]


@contextmanager
def alone(open_store: OpenStore, *changes: tuple[str, str]) -> Iterator[World]:
    """An engine with skyways under changed terms."""
    with ExitStack() as stack:
        store = open_store(stack)
        stack.callback(store.close)
        world = World(store, FakeClock(), Path(stack.enter_context(TemporaryDirectory())))
        document = source_of(SKYWAYS)
        for before, after in changes:
            document = document.replace(before, after)
        registry.apply(store, world.clock, document, "tests")
        yield world


def test_what_a_partner_leaves_out_is_the_remainder(open_store: OpenStore) -> None:
    released = ("[answers]", '[quantity]\npartial = "release"\n\n[answers]')
    with alone(open_store, released) as world:
        world.submit(100, 200)
        (file,) = world.send()
        first, second = world.sent(file)
        answers = [Answer(*first._replace(quantity=60), "0000"), Answer(*second, "0000")]
        world.answer(skyways_file(answers))
        (row,) = reported(world, "batches").rows
        assert (row["confirmed"], row["confirmed_quantity"]) == (2, 260)
        assert (row["remainder"], row["remainder_quantity"]) == (0, 40)
        assert row["sent_quantity"] == 300
        assert assert_followed_down(world, "batches") == 10
        assert assert_followed_down(world, "reasons") >= 2
        assert assert_followed_down(world, "runs") == 10


def test_what_is_recalled_is_the_remainder(open_store: OpenStore) -> None:
    with alone(open_store) as world:
        world.submit(100, 200)
        gather(world.store, world.landing, world.agreements, world.clock, PROGRAMME, "skyways")
        recall(world.store, world.clock, PROGRAMME, 1, Command("ada", "a mistake", "key"))
        (row,) = reported(world, "batches").rows
        assert (row["sent"], row["remainder"], row["remainder_quantity"]) == (2, 2, 300)
        assert (row["confirmed"], row["rejected"], row["pending"]) == (0, 0, 0)
        assert assert_followed_down(world, "batches") == 10
        (owed,) = reported(world, "liability", by="standing").rows
        assert (owed["standing"], owed["quantity"]) == ("due", 300)


def test_reasons_are_shares_of_what_a_partner_answered_in_a_stretch_of_time(lived: World) -> None:
    rows = reported(lived, "reasons", partner="skyways", by="day").rows
    days = {row["period"] for row in rows}
    assert days == {date(2026, 3, 4), date(2026, 3, 6), date(2026, 3, 20)}
    first = {row["reason_code"]: row for row in rows if row["period"] == date(2026, 3, 4)}
    assert set(first) == {"0000", "0201", "0301", "0101", "7777", "0401", "0002"}
    assert first["0201"]["share"] == 142_857
    assert (first["7777"]["reason_class"], first["0401"]["reason_class"]) == ("ops", "hold")
    for by, expected in (("week", date(2026, 3, 2)), ("month", date(2026, 3, 1))):
        assert reported(lived, "reasons", by=by).rows[0]["period"] == expected


def test_days_are_those_on_the_wall_of_the_zone(lived: World) -> None:
    """18:00 in London on the 4th is the 5th in Auckland."""
    rows = reported(lived, "reasons", zone="Pacific/Auckland", to="2026-03-05").rows
    assert {row["period"] for row in rows} == {date(2026, 3, 5)}
    before = reported(lived, "reasons", zone="Pacific/Auckland", to="2026-03-04").rows
    assert before == []


def test_a_day_is_wholly_in_what_it_begins_and_in_what_it_ends(lived: World) -> None:
    auckland = partial(reported, lived, zone="Pacific/Auckland")
    day = auckland("reasons", from_="2026-03-05", to="2026-03-05").rows
    assert day == auckland("reasons", from_="2026-03-04T11:00Z", to="2026-03-05T11:00Z").rows != []
    then = auckland("liability", at="2026-03-04").rows
    assert then == auckland("liability", at="2026-03-04T10:59:59.999999Z").rows != []


def test_a_day_of_a_report_ends_as_that_of_the_ledger(lived: World) -> None:
    for day in (1, 2, 3, 4, 6):
        ended = datetime(2026, 3, day, 23, 59, 59, 999_999, tzinfo=UTC)
        with lived.store.read() as tx:
            balances = ledger.page(tx, BalanceFilter(PROGRAMME, at_position=position_at(tx, ended)))
        rows = reported(lived, "liability", at=f"2026-03-0{day}").rows
        assert sum(row["quantity"] for row in rows) == sum(one.held for one in balances)


def test_turnaround_goes_by_the_clock_and_by_business_days(lived: World) -> None:
    (row,) = reported(lived, "turnaround").rows
    # Five final answers after 54 hours, one at once.
    assert row["answers"] == 7 - 1 + 1
    assert (row["median_s"], row["max_s"]) == (54 * 3_600, 54 * 3_600)
    assert (row["median_days"], row["max_days"]) == (2, 2)
    (second,) = reported(lived, "turnaround", from_="2026-03-06").rows
    assert (second["answers"], second["max_s"], second["max_days"]) == (1, 0, 0)


def test_retries_say_what_they_saved(lived: World) -> None:
    first, second = reported(lived, "retries").rows
    assert (first["attempt"], first["confirmed"], first["rejected"]) == (1, 1, 5)
    assert (first["returned"], first["saved_quantity"]) == (1, 0)
    assert (second["attempt"], second["after_class"], second["after_code"]) == (
        2,
        "temporary",
        "0301",
    )
    assert (second["confirmed"], second["success"], second["saved_quantity"]) == (
        1,
        1_000_000,
        300,
    )


def test_a_member_sees_every_step_with_files_and_records(lived: World) -> None:
    rows = reported(lived, "member", member="M000003").rows
    steps = [row["trigger"] for row in rows]
    assert steps == ["submit", "dispatch", "reject", "retry", "dispatch", "confirm"]
    assert [row["payout_record"] for row in rows if row["trigger"] == "dispatch"] == [3, 1]
    rejected = rows[2]
    assert (rejected["handback_file"], rejected["record"]) == ("first.csv", 3)
    assert reported(lived, "member", member="nobody").rows == []


def test_the_liability_is_what_open_redemptions_hold(lived: World) -> None:
    rows = reported(lived, "liability", by="standing").rows
    open_ones = [view for view in map(lived.get, range(1, 9)) if view.held]
    assert sum(row["quantity"] for row in rows) == sum(view.held for view in open_ones)
    assert {row["age"] for row in rows} == {"8-30"}
    assert {row["standing"] for row in rows} == {"sent", "undecided"}
    then = reported(lived, "liability", at="2026-03-02", ages="0,1").rows
    assert [(row["age"], row["count"], row["quantity"]) for row in then] == [("0", 8, 3_600)]
    for by in ("partner", "batch", "standing", "member"):
        assert assert_followed_down(lived, "liability", by=by) >= 2
        assert assert_followed_down(lived, "liability", by=by, at="2026-03-05") >= 2
    with pytest.raises(InvalidRequest):
        reported(lived, "liability", ages="7,3")


def test_a_file_joins_what_was_before_to_what_came_after(lived: World) -> None:
    rows = {row["account"]: row for row in reported(lived, "continuity", **_FIRST).rows}
    assert (rows["held"]["opening_quantity"], rows["held"]["closing_quantity"]) == (3_600, 3_300)
    assert (rows["fulfilled"]["came"], rows["fulfilled"]["came_quantity"]) == (1, 100)
    for row in rows.values():
        for part in ("", "_quantity"):
            came = row[f"came{part}"] - row[f"left{part}"] + row[f"others{part}"]
            assert row[f"opening{part}"] + came == row[f"closing{part}"]


def test_breaks_are_counted_by_age(lived: World) -> None:
    rows = reported(lived, "breaks").rows
    assert sum(row["breaks"] for row in rows) == len(lived.breaks())
    ages = {row["kind"]: row["age"] for row in rows}
    assert (ages["unmapped_code"], ages["returned"]) == ("8-30", "0")
    listed = reported(lived, "open_breaks", kind="returned").rows
    assert [row["age_s"] for row in listed] == [0]


def test_events_are_what_the_journal_holds(lived: World) -> None:
    found = reported(lived, "events")
    by_hand = [event for one in range(1, 9) for event in lived.history(one)]
    assert found.row_count == len(by_hand)
    assert found.total("quantity") == sum(event.quantity for event in by_hand)
    counted = Counter(row["trigger"] for row in found.rows)
    assert counted == Counter(str(event.trigger) for event in by_hand)
    assert found.as_of_position == max(row["position"] for row in found.rows)


@pytest.mark.parametrize("name", REPORTS)
def test_every_figure_is_what_is_behind_it(lived: World, name: str) -> None:
    compared = assert_followed_down(lived, name, **PARAMETERS.get(name, {}))
    counts = {"batches": 18, "runs": 24, "breaks": 6, "reasons": 18, "turnaround": 1}
    assert compared >= counts.get(name, 0)


@pytest.mark.parametrize("name", ["reasons", "events", "open_breaks", "records", "member"])
def test_restricted_reasons_are_shown_to_those_alone_who_may_see_them(
    lived: World, name: str
) -> None:
    asked = {"member": {"member": "M000006"}}.get(name, PARAMETERS.get(name, {}))
    shown = reported(lived, name, **asked)
    hidden = reported(lived, name, unmasked=False, **asked)
    assert any(row["reason_class"] == "hold" for row in shown.rows)
    assert not any(row["reason_class"] == "hold" for row in hidden.rows)
    assert "0401" not in {row["reason_code"] for row in hidden.rows}
    assert not any(",0401," in str(row.get("raw")) for row in hidden.rows)
    assert shown.row_count >= hidden.row_count
    assert_followed_down(lived, name, unmasked=False, **asked)


def test_the_reasons_of_hidden_rejections_are_hidden_too(own: World) -> None:
    own.run(Retry(PROGRAMME, "once more", 6))
    file = own.send()[-1]
    own.answer(skyways_file([Answer(*one, "0000") for one in own.sent(file)], 4), "4.csv")
    told = {row["after_code"] for row in reported(own, "retries").rows}
    kept = {row["after_code"] for row in reported(own, "retries", unmasked=False).rows}
    assert (told - kept, kept - told) == ({"0401"}, set())
    assert assert_followed_down(own, "retries", unmasked=False)


@pytest.mark.parametrize("name", REPORTS)
def test_rows_have_the_columns_that_are_declared(lived: World, name: str) -> None:
    report = REPORTS[name]
    with running(lived.desk, PROGRAMME, name, PARAMETERS.get(name, {}), unmasked=True) as run:
        for piece in run:
            assert piece.columns == [column.name for column in report.columns]
            assert piece.dtypes == [FRAME_TYPE[column.kind] for column in report.columns]


@pytest.mark.parametrize("name", REPORTS)
def test_declarations_are_whole(name: str) -> None:
    report = REPORTS[name]
    names = [column.name for column in report.columns]
    assert len(set(names)) == len(names)
    for thing in (report, *report.parameters, *report.columns):
        assert thing.sentence.endswith("."), thing
    for drill in report.drills:
        behind = {one.name for one in REPORTS[drill.report].parameters}
        assert set(drill.figures) <= set(names)
        assert set(drill.columns.values()) <= set(names)
        given = {*drill.columns, *drill.fixed, *drill.kept}
        assert given <= behind, drill
        needed = {one.name for one in REPORTS[drill.report].parameters if one.required}
        assert needed <= given


def test_what_is_asked_wrongly_is_listed(lived: World) -> None:
    with pytest.raises(InvalidRequest) as refused:
        reported(lived, "reasons", by="year", from_="yesterday", colour="red")
    assert {one.field for one in refused.value.violations} == {
        "parameters.by",
        "parameters.from",
        "parameters.colour",
    }
    for name, wrong in (("events", {"redemption": "rdm"}), ("member", {}), ("records", {})):
        with pytest.raises(InvalidRequest):
            reported(lived, name, **wrong)
    with pytest.raises(InvalidRequest):
        reported(lived, "reasons", zone="Nowhere/City")
    for name, asked in (("nothing", {}), ("runs", {"partner": "nobody"})):
        with pytest.raises(NotFound):
            reported(lived, name, **asked)
    with pytest.raises(NotFound):
        reported(lived, "runs", programme="another")


@pytest.mark.parametrize("asked", [{"attempt": "9" * 18}, {"record": "9" * 18, **_FIRST}])
def test_a_number_beyond_all_there_are_finds_nothing(lived: World, asked: dict[str, str]) -> None:
    assert reported(lived, "events", **asked).rows == []


def test_a_report_sees_one_state_of_the_store(own: World) -> None:
    with running(own.desk, PROGRAMME, "events", {}, unmasked=True) as run:
        pieces = iter(run)
        first = next(pieces)
        own.submit(1)
        rest = sum(len(piece) for piece in pieces)
        assert len(first) + rest == run.footer().row_count
        before = run.footer().as_of_position
    sequence_blocks(own.store)
    after = reported(own, "events")
    assert (after.as_of_position, after.row_count) == (before + 1, len(first) + rest + 1)


def test_other_programmes_are_never_seen(own: World) -> None:
    before = {name: reported(own, name, **PARAMETERS.get(name, {})) for name in REPORTS}
    document = source_of(SKYWAYS).replace('"aurora"', '"borealis"')
    registry.apply(own.store, own.clock, document, "tests")
    theirs = Submit("borealis", "skyways", "key", "M000003", 5, "miles", {"surname": "Example"})
    own.run(theirs)
    for name, found in before.items():
        assert reported(own, name, **PARAMETERS.get(name, {})).rows == found.rows
    (event,) = reported(own, "events", programme="borealis").rows
    assert (event["quantity"], event["trigger"]) == (5, "submit")
    for name in ("batches", "runs", "breaks", "reasons", "turnaround", "retries", "open_breaks"):
        assert reported(own, name, programme="borealis").rows == []
    for name in ("records", "continuity"):
        with pytest.raises(NotFound):
            reported(own, name, programme="borealis", **_FIRST)
    assert reported(own, "attempts", programme="borealis", **PARAMETERS["attempts"]).rows == []


def test_the_way_down_keeps_what_was_asked() -> None:
    (drill,) = REPORTS["turnaround"].drills
    found = asked_behind(drill, {"partner": "skyways"}, {"from": "2026-03-01", "zone": "UTC"})
    assert found == {
        "partner": "skyways",
        "from": "2026-03-01",
        "zone": "UTC",
        "trigger": f"{Trigger.CONFIRM},{Trigger.REJECT}",
        "source": "record",
    }
