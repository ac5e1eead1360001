"""Which attempt a record answers: the rules of an agreement, over whole files, on both stores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from agreements import source_of
from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind
from handback.formats.findings import DETAIL
from handback.ids import Prefix, attempt_key, public_id
from handback.partners import registry
from handback.partners.vocabulary import MatchColumn
from handback.reconcile import nearest, normal
from handback.reconcile.rules import Arrival, ask
from handback.store.session import Store
from world import Answer, World, skyways_file

_RULES = 'match = [["reference_key"], ["reference", "quantity", "member"]]'
_TEMPLATE = 'template = "HB{key:018}"'


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine without terms."""
    return World(store, clock, tmp_path)


def terms(world: World, *rules: Sequence[str], more: str = "", template: str = "") -> None:
    """Make skyways' agreement one with these rules."""
    listed = [list(map(str, rule)) for rule in rules]
    source = source_of("skyways")
    assert _RULES in source
    assert _TEMPLATE in source
    source = source.replace(_RULES, f"match = {listed}\n{more}")
    if template:
        source = source.replace(_TEMPLATE, f'template = "{template}"')
    registry.apply(world.store, world.clock, source, "tests")


def named(redemption_id: int, attempt: int = 1) -> str:
    """An attempt as breaks name it."""
    return f"{public_id(Prefix.REDEMPTION, redemption_id)}/{attempt}"


BY_MEMBER = ("member", "quantity", "window")


def test_a_mangled_reference_is_found_by_its_normal_form(world: World) -> None:
    normalise = '[handback.normalise]\ndrop = "symbols"\nprefixes = ["HB"]\nzeros = "drop"\n'
    terms(world, ("reference_key",), ("normalised_reference",), more=normalise)
    ids = world.submit(100, 200)
    world.send()
    first, second = world.sent(world.delivered()[-1])
    lost_zeros = first.reference.removeprefix("HB").lstrip("0")
    broken_up = f"{second.reference[:2]}-{second.reference[2:]}"
    world.answer(
        skyways_file(
            [
                Answer(lost_zeros, first.member_ref, 100, "0000"),
                Answer(broken_up, second.member_ref, 200, "0102"),
            ]
        )
    )
    assert world.states(ids) == ["confirmed", "rejected"]
    world.assert_laws()


def test_a_normalisation_declared_later_finds_what_went_out_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(normal, "_PAGE", 1)
    terms(world, ("reference_key",))
    ids = world.submit(100, 200)
    world.send()
    for zeros in ("keep", "drop"):
        normalise = f'[handback.normalise]\nprefixes = ["HB"]\nzeros = "{zeros}"\n'
        terms(world, ("reference_key",), ("normalised_reference",), more=normalise)
        for number, one in enumerate(world.sent(world.delivered()[0])):
            stripped = one.reference.removeprefix("HB")
            quoted = stripped.lstrip("0") if zeros == "drop" and number else stripped
            record = Answer(quoted, one.member_ref, one.quantity, "0002")
            if (zeros == "drop") == bool(number):
                world.answer(skyways_file([record], number + 1), f"{zeros}.csv")
    assert [len(world.history(one)) for one in ids] == [3, 3]
    assert world.breaks() == []


def test_requests_that_normalise_alike_are_never_told_apart(world: World) -> None:
    terms(
        world,
        ("reference",),
        ("normalised_reference",),
        more='[handback.normalise]\nzeros = "drop"\n',
        template="{surname}",
    )
    ids = [
        world.submit(100, fields={"surname": surname})[0] for surname in ("0123", "00123", "0456")
    ]
    world.send()
    world.answer(
        skyways_file(
            [
                Answer("123", "M000001", 100, "0000"),
                Answer("0123", "M000001", 100, "0000"),
                Answer("456", "M000003", 100, "0000"),
            ]
        )
    )
    assert world.states(ids) == ["confirmed", "awaiting_handback", "confirmed"]
    (one,) = world.breaks()
    assert one.kind is BreakKind.AMBIGUOUS_MATCH
    assert one.facts["candidates"] == f"{named(ids[0])}, {named(ids[1])}"
    world.assert_laws()


def test_reference_quantity_and_date_tell_a_reused_reference_apart(world: World) -> None:
    terms(world, ("reference", "quantity", "date"), template="{surname}")
    ids = []
    for _ in range(2):
        ids += world.submit(100, fields={"surname": "0001"})
        world.send()
        world.clock.advance(timedelta(days=1))
    assert world.clock.now().day == 4
    world.answer(skyways_file([Answer("0001", "", 100, "0000")]))
    assert world.states(ids) == ["awaiting_handback", "confirmed"], "answered on the 3rd"
    world.answer(skyways_file([Answer("0001", "", 101, "0000")], 2), "other.csv")
    (one,) = world.breaks()
    assert one.kind is BreakKind.UNKNOWN_REFERENCE


def test_a_place_in_a_batch_is_searched_for_before_what_comes_after(world: World) -> None:
    place = "{batch:06}{ordinal:06}"
    terms(world, ("batch", "ordinal"), ("reference", "quantity"), template=place)
    ids = world.submit(100, 200)
    world.send()
    answers = [Answer("000001000002", "", 200, "0000"), Answer("000009000001", "", 100, "0000")]
    world.answer(skyways_file(answers))
    assert world.states(ids) == ["awaiting_handback", "confirmed"]
    assert [one.kind for one in world.breaks()] == [BreakKind.UNKNOWN_REFERENCE]


def test_member_and_quantity_match_where_both_sides_are_alone(world: World) -> None:
    terms(world, ("reference_key",), BY_MEMBER)
    alone, *twins = world.submit(100, 200, 200)
    twins[1:] = world.submit(200, member_ref="M000002")
    world.send()
    file = skyways_file(
        [
            Answer("?", "M000001", 100, "0000"),
            Answer("?", "M000002", 200, "0000"),
            Answer("?", "M000003", 200, "0000"),
            Answer("?", "M000003", 200, "0102"),
        ]
    )
    world.answer(file)
    assert world.states([alone, *twins]) == ["confirmed", *["awaiting_handback"] * 2]
    breaks = sorted(world.breaks(), key=lambda one: one.ordinal or 0)
    assert [one.kind for one in breaks] == [BreakKind.AMBIGUOUS_MATCH] * 3
    assert breaks[0].facts["candidates"] == ", ".join(map(named, twins))
    assert [one.facts["records_alike"] for one in breaks] == ["1", "2", "2"]
    world.assert_laws()


def test_what_an_earlier_rule_matched_is_no_candidate(world: World) -> None:
    """The record with the reference stands behind the other, and in another chunk."""
    terms(world, ("reference_key",), BY_MEMBER)
    ids = [world.submit(500, member_ref="M000009")[0] for _ in range(2)]
    world.send()
    first, _ = world.sent(world.delivered()[-1])
    records = [Answer("?", "M000009", 500, "0201"), Answer(*first, "0000")]
    world.answer(skyways_file(records))
    assert world.states(ids) == ["confirmed", "failed"]
    assert world.breaks() == []
    world.assert_laws()


def test_a_window_closes(world: World) -> None:
    terms(world, ("reference_key",), BY_MEMBER, more="match_days = 0")
    (one,) = world.submit(500)
    world.send()
    # skyways dates its answers the 3rd; this batch is of the 2nd.
    world.answer(skyways_file([Answer("?", "M000001", 500, "0000")]))
    assert world.states([one]) == ["awaiting_handback"]
    terms(world, ("reference_key",), BY_MEMBER, more="match_days = 1")
    world.answer(skyways_file([Answer("!", "M000001", 500, "0000")], 2), "again.csv")
    assert world.states([one]) == ["confirmed"]


def test_a_sound_key_is_the_last_word(world: World) -> None:
    """Its redemption is none of ours; the member's other request must not be taken for it."""
    terms(world, ("reference_key",), BY_MEMBER)
    (one,) = world.submit(500)
    world.send()
    stranger = f"HB{attempt_key(999_999, 1):018}"
    world.answer(skyways_file([Answer(stranger, "M000001", 500, "0000")]))
    assert world.states([one]) == ["awaiting_handback"]
    assert [found.kind for found in world.breaks()] == [BreakKind.UNKNOWN_REFERENCE]


def misses(world: World) -> list[str]:
    """What is told of the nearest misses of the only break."""
    (one,) = world.breaks()
    assert one.kind is BreakKind.UNKNOWN_REFERENCE
    return [fact for name, fact in one.facts.items() if name.startswith("nearest_")]


def test_a_miss_says_what_differs(world: World) -> None:
    terms(world, ("reference", "quantity", "date"), template="{surname}")
    (one,) = world.submit(500, fields={"surname": "0001"})
    world.send()
    world.answer(skyways_file([Answer("0001", "", 400, "0000")]))
    assert misses(world) == [
        f"{named(one)}: reference agrees, quantity 400 is not 500, "
        "2026-03-03 is neither 2026-03-02 nor 2026-03-02"
    ]


def test_a_miss_says_who_was_answered_already(world: World) -> None:
    terms(world, ("reference_key",), BY_MEMBER)
    ids = [world.submit(500, member_ref="M000009")[0] for _ in range(2)]
    ids += world.submit(400, member_ref="M000009")
    world.send()
    world.answer(skyways_file([Answer(*one, "0000") for one in world.sent(world.delivered()[-1])]))
    world.answer(skyways_file([Answer("?", "M000009", 500, "0000")], 2), "again.csv")
    assert misses(world) == [
        *(
            f"{named(one)}: quantity and member agree, but answered already (confirmed)"
            for one in reversed(ids[:2])
        ),
        f"{named(ids[2])}: member agrees, quantity 500 is not 400, "
        "but answered already (confirmed)",
    ]


def test_a_miss_says_whose_claim_came_first(world: World) -> None:
    terms(world, ("reference_key",), BY_MEMBER)
    (one,) = world.submit(500)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    world.answer(
        skyways_file([Answer("?", sent.member_ref, 500, "0000"), Answer(*sent, "0002")]),
    )
    assert world.states([one]) == ["awaiting_handback"]
    assert misses(world) == [
        f"{named(one)}: quantity and member agree, "
        "but another record of the file was matched to it before"
    ]


def test_so_many_strangers_of_a_chunk_and_no_more_are_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "RECORDS", 2)
    terms(world, ("reference_key",), BY_MEMBER)
    world.submit(*[500] * 7, member_ref="M000009")
    world.send()
    world.answer(skyways_file([Answer(f"?{n}", "M000009", 400, "0000") for n in range(3)]))
    told = [[name for name in one.facts if name.startswith("nearest")] for one in world.breaks()]
    assert [len(names) for names in told] == [nearest.SHOWN, nearest.SHOWN, 0]


def test_what_is_alike_is_asked_for_once(world: World) -> None:
    """Thirty records of one member and thirty requests are thirty candidates, not nine hundred."""
    terms(world, ("reference_key",), BY_MEMBER)
    world.submit(*[500] * 30, member_ref="M000009")
    world.send()
    file = world.answer(
        skyways_file([Answer(f"?{n}", "M000009", 500, "0000") for n in range(30)]),
    )
    breaks = world.breaks()
    assert [one.kind for one in breaks] == [BreakKind.AMBIGUOUS_MATCH] * 30
    assert {one.facts["records_alike"] for one in breaks} == {"30"}
    assert {one.facts["candidates"].count("rdm_") for one in breaks} == {20}
    assert breaks[0].facts["candidates"].endswith("/1, and more")
    said = {"member_ref": "M000009", "quantity": 500}
    rows = [dict.fromkeys(DETAIL) | said | {"ordinal": number} for number in range(1, 31)]
    records = pl.DataFrame(rows, schema=DETAIL)
    rule = MatchColumn.MEMBER, MatchColumn.QUANTITY
    with world.store.write() as tx:
        partner = world.agreements.current(tx, "aurora", "skyways")
        arrival = Arrival(file.file_id, world.clock.now())
        asked = ask(world.store, tx, partner, rule, records, arrival)
    assert (len(asked.values), len(asked.candidates)) == (30, 30)
