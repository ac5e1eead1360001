"""Single records of landed files: in their place, with their fate, hidden where they must be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handback.errors import NotFound
from handback.ids import Prefix, attempt_key, public_id
from handback.intake.records import placed_record
from handback.journal.sequence import sequence_blocks
from handback.payouts.gather import gather
from handback.reconcile.parked import take_up
from reported import assert_followed_down, reported
from world import PROGRAMME, Answer, World, skyways_file

HBF = public_id(Prefix.HANDBACK_FILE, 1)


def answered(world: World, *codes: str) -> bytes:
    """A file that answers as many redemptions as there are codes."""
    world.submit(*range(100, 100 + len(codes)))
    (file,) = world.send()
    said = zip(world.sent(file), codes, strict=True)
    return skyways_file([Answer(*one, code) for one, code in said])


def shown(
    world: World, ordinal: int, *, unmasked: bool = True
) -> tuple[dict[str, object], list[int]]:
    """A record, and the lines that are shown with it."""
    found = placed_record(world.desk, PROGRAMME, 1, ordinal, unmasked=unmasked)
    return found.record, [line.number for line in found.lines]


def test_a_record_stands_among_its_lines(world: World) -> None:
    world.answer(answered(world, "0000", "0201", "0301", "0101"))
    record, lines = shown(world, 2)
    assert (record["code"], record["quantity"], record["line"]) == ("0201", 101, 3)
    assert lines == [1, 2, 3, 4, 5]
    found = placed_record(world.desk, PROGRAMME, 1, 2, unmasked=True)
    assert b",0201," in found.lines[2].content
    for ordinal in (0, 5):
        with pytest.raises(NotFound):
            shown(world, ordinal)
    with pytest.raises(NotFound):
        placed_record(world.desk, "another", 1, 1, unmasked=True)


def test_bytes_do_not_tell_what_is_restricted(world: World) -> None:
    world.answer(answered(world, "0000", "0401", "0301", "0101", "0000"))
    record, lines = shown(world, 2, unmasked=False)
    assert (record["code"], record["raw"]) == (None, None)
    assert lines == [1, 2, 4, 5]
    record, lines = shown(world, 3, unmasked=False)
    assert record["code"] == "0301"
    assert lines == [2, 4, 5, 6]
    assert shown(world, 5, unmasked=False)[1] == [4, 5, 6, 7]
    assert shown(world, 2)[1] == [1, 2, 3, 4, 5]


def test_every_record_has_a_fate(world: World) -> None:
    content = answered(world, "0000", "0201").replace(b",101,0201,", b",999,0201,")
    lines = content.replace(b"T,2,201", b"T,4,2000").splitlines()
    lines[-1:-1] = [lines[1], b"D,nobody,M9,801,0000,P1,20260303"]
    lines[-1] = b"T,4,2000"
    world.answer(b"\n".join(lines) + b"\n")
    fates = [row["fate"] for row in reported(world, "records", file=HBF).rows]
    assert fates == ["event", "break", "repeat", "break"]
    for fate, count in (("event", 1), ("break", 2), ("repeat", 1), ("reject", 0)):
        assert reported(world, "records", file=HBF, fate=fate).row_count == count


def test_of_a_file_in_quarantine_nothing_is_applied(world: World) -> None:
    content = answered(world, "0000", "0201")
    world.answer(content.replace(b",101,0201,", b",many,0201,"))
    rows = reported(world, "records", file=HBF).rows
    assert [(row["fate"], row["flaw"]) for row in rows] == [
        ("unapplied", None),
        ("reject", "bad_integer"),
    ]
    record, lines = shown(world, 2)
    assert (record["flaw"], record["line"], lines[2]) == ("bad_integer", 3, 3)


def test_what_is_not_kept_any_more_is_not_found(world: World) -> None:
    file = world.answer(answered(world, "0000"))
    world.landing.remove(file.landing_key, world.clock.now() + timedelta(days=36_500))
    with pytest.raises(NotFound):
        shown(world, 1)
    with pytest.raises(NotFound):
        reported(world, "records", file=HBF)


def test_what_was_parked_and_judged_again_is_of_its_file_too(world: World) -> None:
    (redemption_id,) = world.submit(100)
    gather(world.store, world.landing, world.agreements, world.clock, PROGRAMME, "skyways")
    reference = f"HB{attempt_key(redemption_id, 1):018}"
    world.answer(skyways_file([Answer(reference, "M000001", 100, "0000")]))
    assert reported(world, "events", file=HBF).rows == []
    world.send()
    take_up(world.store, world.agreements, world.clock, "tests")
    sequence_blocks(world.store)
    (event,) = reported(world, "events", file=HBF).rows
    assert (event["trigger"], event["record"]) == ("confirm", 1)
    # The run counted it as a break, and that is what the record became then.
    (record,) = reported(world, "records", file=HBF).rows
    assert record["fate"] == "break"
    assert_followed_down(world, "runs")
    world.assert_laws()
