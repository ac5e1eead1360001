"""Two payments go out as entries of an ACH file; the bank's return file answers them.

One pair of files is a real one of a public project, where it is on this machine; the other is
written here for the same traits. Both are partial, without file header and file control, with
amounts in cents. The second R03 in the answer quotes a trace that was sent, with an amount that
never was.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from fake_clock import FakeClock
from formats.builtin.nacha_files import Addenda, Entry, file_content
from handback.breaks.kinds import BreakKind
from handback.intake.states import FileState, Verdict
from handback.lifecycle.table import State, Trigger
from handback.partners import registry
from handback.partners.codes import ReasonClass
from handback.store.session import Store
from world import World, counts

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "nacha" / "linked"

AGREEMENT = """
programme = "aurora"
partner = "ach"
time_zone = "America/New_York"
units = ["usd_cents"]

[fields]
trace = "required"
account = "required"
receiver = "required"
routing = "required"

[answers]
style = "exceptions_only"
window_days = 60

[payout]
format = "entries"
folder = "outbound/ach"
file_name = "{date:%Y%m%d}-{sequence:04}.ach"

[payout.reference]
template = "{trace:.15}"

[handback]
format = "nacha-returns-partial"
folder = "inbound/ach"
file_name = "*.ach"
match = [["reference"]]

[policy.dead]
do = "review"

[formats.entries]
framing = "fixed"
width = 94

[[formats.entries.records]]
kind = "detail"
tag = { at = [1, 1], is = "6" }
fields = [
  { name = "routing", at = [4, 12] },
  { name = "account", at = [13, 29] },
  { name = "quantity", at = [30, 39], type = "integer" },
  { name = "receiver", at = [55, 76] },
  { name = "reference", at = [80, 94] },
]
"""


def entry(code: str, amount: int, name: str, trace: str) -> str:
    """An entry of an ACH file: 94 characters."""
    account, person = "XXXXXXXX1", f"{name:<22}"
    return f"6{code}199999990{account:<17}{amount:010}{amount:015}{person}te1{trace}"


def returned(code: str, trace: str, own: str) -> str:
    """The addenda that says why an entry came back."""
    return f"799{code}{trace}{'':6}19999999{'':44}{own}"


_BATCH = f"{'5225Example Company':<40}{'MOOVYYYYYYPPDpayouts':<46}19999990"
_FIRST, _SECOND = "199999990000007", "199999990000001"
WRITTEN_FORWARD = [
    _BATCH,
    entry("27", 146, "First Example", _FIRST),
    _BATCH,
    entry("22", 8, "Second Example", _SECOND),
]
WRITTEN_RETURN = [
    _BATCH,
    entry("26", 146, "First Example", "288888880000001"),
    returned("R02", _FIRST, "288888880000001"),
    _BATCH,
    entry("21", 8, "Second Example", "288888880000002"),
    returned("R03", _SECOND, "288888880000002"),
    entry("21", 19, "Second Example", "288888880000003"),
    returned("R03", _SECOND, "288888880000003"),
]


class Pair(NamedTuple):
    """What went out, line by line, and the bytes that came back."""

    forward: list[str]
    answer: bytes


@pytest.fixture(params=["written", "real"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """A payout file and its answer."""
    if request.param == "written":
        return Pair(WRITTEN_FORWARD, "\n".join(WRITTEN_RETURN).encode())
    if not SAMPLES.exists():
        pytest.skip("the shared sample files are not on this machine")
    forward = (SAMPLES / "forward.ach").read_text().splitlines()
    return Pair(forward, (SAMPLES / "return.ach").read_bytes())


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine with the bank's terms."""
    world = World(store, clock, tmp_path)
    registry.apply(store, clock, AGREEMENT, "tests")
    return world


def submit_entry(world: World, line: str) -> int:
    """A redemption for one entry of the outbound sample."""
    (redemption_id,) = world.submit(
        int(line[29:39]),
        partner="ach",
        unit="usd_cents",
        member_ref=line[39:54].strip(),
        fields={
            "trace": line[79:94],
            "account": line[12:29].strip(),
            "receiver": line[54:76].strip(),
            "routing": line[3:12],
        },
    )
    return redemption_id


def test_returned_entries_are_rejected_and_the_stray_one_is_a_break(
    world: World, pair: Pair
) -> None:
    entries = [line for line in pair.forward if line.startswith("6")]
    larger, smaller = (submit_entry(world, line) for line in entries)
    (payout,) = world.send("ach")
    written = payout.read_text().splitlines()
    columns = [slice(3, 39), slice(54, 76), slice(79, 94)]
    for ours, theirs in zip(written, entries, strict=True):
        assert [ours[at] for at in columns] == [theirs[at] for at in columns]

    world.hand_back(pair.answer, "return.ach", "ach")
    (file,) = world.take_in()

    assert (file.state, file.verdict) == (FileState.RECONCILED, Verdict.ACCEPTED)
    assert counts(world.report(file.file_id))["breaks"] == (1, 19)
    for redemption_id, code, reason in (
        (larger, "R02", ReasonClass.DEAD),
        (smaller, "R03", ReasonClass.FIX_MEMBER),
    ):
        assert world.get(redemption_id).state is State.REJECTED
        last = world.history(redemption_id)[-1]
        assert (last.trigger, last.reason_code, last.reason_class) == (Trigger.REJECT, code, reason)
    found = {break_.kind: break_ for break_ in world.breaks()}
    stray = found[BreakKind.QUANTITY_MISMATCH]
    assert (stray.redemption_id, stray.quantity) == (smaller, 19)
    assert stray.raw is not None
    assert "0000000019" in stray.raw
    world.assert_laws()

    before = [world.history(one) for one in (larger, smaller)], world.breaks()
    for name in ("return.ach", "return-again.ach"):
        world.hand_back(pair.answer, name, "ach")
        (again,) = world.take_in()
        assert (again.state, again.verdict) == (FileState.REFUSED, Verdict.REPEAT)
        assert again.repeats_file_id == file.file_id
    assert ([world.history(one) for one in (larger, smaller)], world.breaks()) == before
    world.assert_laws()


def test_a_changed_account_confirms_and_a_disputed_return_waits_for_a_person(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    whole = AGREEMENT.replace("nacha-returns-partial", "nacha-returns")
    registry.apply(store, clock, whole, "tests")
    world = World(store, clock, tmp_path)
    names = ["Changed", "Returned", "Disputed", "Unlisted"]
    traces = [f"19999999{number:07}" for number in range(1, 5)]
    lines = [entry("22", 500, name, trace) for name, trace in zip(names, traces, strict=True)]
    changed, returned_one, disputed, unlisted = (submit_entry(world, line) for line in lines)
    world.send("ach")
    answers = [
        [Addenda("C01", traces[0], "798", "0012345678")],
        [Addenda("R03", traces[1])],
        [Addenda("R23", traces[2]), Addenda("R68", traces[2])],
        [Addenda("R97", traces[3])],
    ]
    batch = [
        Entry("21", "199999990", 0 if one[0].kind == "798" else 500, f"28888888{number:07}", one)
        for number, one in enumerate(answers)
    ]
    world.hand_back(file_content([batch]), "whole.ach", "ach")
    (file,) = world.take_in()

    assert (file.state, file.verdict) == (FileState.RECONCILED, Verdict.ACCEPTED)
    assert world.get(changed).state is State.CONFIRMED
    assert world.history(changed)[-1].reason_class is ReasonClass.OK_CHANGED
    assert world.get(returned_one).state is State.REJECTED
    for redemption_id in (disputed, unlisted):
        assert world.get(redemption_id).state is State.REJECTED
        assert world.history(redemption_id)[-1].reason_class is ReasonClass.OPS
    world.assert_laws()
