"""Five bills are paid by a BPAY batch; the bank's results say two were paid and three were not.

The batch that goes out is the real one of a public project, byte for byte where it says anything,
and so is the answer, where they are on this machine; other files are written here for the same
traits. The answer repeats the rows of the batch, so the batch itself could be taken for one.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from fake_clock import FakeClock
from handback.intake.states import FileState, Verdict
from handback.lifecycle.table import State
from handback.partners import registry
from handback.partners.codes import ReasonClass
from handback.store.session import Store
from world import World, counts

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "au-nab"

AGREEMENT = """
programme = "aurora"
partner = "bpay"
time_zone = "Australia/Melbourne"
units = ["aud_cents"]

[fields]
biller = "required"
bsb = "required"
account = "required"
lodgement = "required"

[answers]
style = "full"
window_days = 3

[payout]
format = "batch"
folder = "outbound/bpay"
file_name = "{date:%Y%m%d}-{sequence:04}.bpb"

[payout.reference]
template = "{lodgement:.10}"

[handback]
format = "nab-bpay-results"
folder = "inbound/bpay"
file_name = "*.bpb"
match = [["reference", "quantity"]]

[formats.batch]
framing = "fixed"
encoding = "ascii"
line_end = "crlf"
width = 144

[[formats.batch.records]]
kind = "header"
tag = { at = [1, 1], is = "1" }
required = true
fields = [
  { name = "customer", at = [2, 17], type = "constant", value = "123456" },
  { name = "customer_name", at = [18, 37], type = "constant", value = "TEST CUSTOMER" },
  { name = "created_on", at = [38, 45], type = "date" },
]

[[formats.batch.records]]
kind = "detail"
tag = { at = [1, 1], is = "2" }
fields = [
  { name = "biller", at = [2, 11], pad = "0", justify = "right" },
  { name = "bsb", at = [12, 17] },
  { name = "account", at = [18, 26] },
  { name = "member_ref", at = [27, 46] },
  { name = "quantity", at = [47, 59], type = "integer", sign = "none" },
  { name = "reference", at = [60, 69] },
]

[[formats.batch.records]]
kind = "control"
tag = { at = [1, 1], is = "9" }
required = true
fields = [
  { name = "payments", at = [2, 11], type = "integer", count = ["detail"] },
  { name = "value", at = [12, 24], type = "integer", sum = "quantity" },
]
"""


class Pair(NamedTuple):
    """What is to go out, line by line, and the bytes that come back."""

    batch: list[str]
    results: bytes


def payment(biller: str, customer: str, cents: int, lodgement: str) -> str:
    """A payment of a batch, up to its lodgement references."""
    return f"2{biller:>010}083004{'900000017':<9}{customer:<20}{cents:013}{lodgement:<10}"


def written() -> Pair:
    """A batch and its results with the traits of the real ones."""
    header = f"1{'123456':<16}{'TEST CUSTOMER':<20}20260302"
    payments = [
        payment("10009", "4000000000006", 12500, "EX00000001"),
        payment("20008", "4000000000014", 45508, "EX00000002"),
        payment("10009", "4000000000022", 999, "EX00000003"),
        payment("30007", "4000000000030", 95000, "EX00000004"),
        payment("30007", "4000000000048", 35701, "EX00000005"),
    ]
    codes = ["0000", "0000", "1001", "1012", "2001"]
    answers = [f"{row:<139}{code}EXAMPLE" for row, code in zip(payments, codes, strict=True)]
    trailer = f"9{2:010}{58008:013}{3:010}{131700:013}{5:010}{189708:013}"
    batch = [header, *payments, f"9{5:010}{189708:013}"]
    results = "".join(f"{row}\r\n" for row in [header, *answers, trailer])
    return Pair([f"{row:<144}" for row in batch], results.encode())


@pytest.fixture(params=["written", "real"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """A batch and its results."""
    if request.param == "written":
        return written()
    if not SAMPLES.exists():
        pytest.skip("the shared sample files are not on this machine")
    batch = (SAMPLES / "bpay_batch_test_file.bpb").read_text(encoding="ascii").splitlines()
    return Pair(batch, (SAMPLES / "bpay_batch_test_file_results.bpb").read_bytes())


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine with the bank's terms."""
    world = World(store, clock, tmp_path)
    registry.apply(store, clock, AGREEMENT, "tests")
    return world


def pay(world: World, line: str) -> int:
    """A redemption for one payment of the batch."""
    (redemption_id,) = world.submit(
        int(line[46:59]),
        partner="bpay",
        unit="aud_cents",
        member_ref=line[26:46].strip(),
        fields={
            "biller": line[1:11].lstrip("0"),
            "bsb": line[11:17],
            "account": line[17:26],
            "lodgement": line[59:69],
        },
    )
    return redemption_id


def test_two_bills_are_paid_and_three_wait_for_a_person(world: World, pair: Pair) -> None:
    ids = [pay(world, line) for line in pair.batch if line.startswith("2")]
    (payout,) = world.send("bpay")
    header, *rows = payout.read_bytes().decode("ascii").splitlines()
    assert rows == pair.batch[1:]
    assert header[:37] == pair.batch[0][:37]

    world.hand_back(pair.results, "results.bpb", "bpay")
    (file,) = world.take_in()

    assert (file.state, file.verdict) == (FileState.RECONCILED, Verdict.ACCEPTED)
    quantities = [world.get(one).quantity for one in ids]
    told = counts(world.report(file.file_id))
    assert told["records"] == told["events"] == (5, sum(quantities))
    assert [world.get(one).state for one in ids[:2]] == [State.CONFIRMED] * 2
    for redemption_id, code in zip(ids[2:], ["1001", "1012", "2001"], strict=True):
        assert world.get(redemption_id).state is State.REJECTED
        last = world.history(redemption_id)[-1]
        assert (last.reason_code, last.reason_class) == (code, ReasonClass.OPS)
    world.assert_laws()


def test_the_batch_sent_back_is_refused_as_our_own(world: World, pair: Pair) -> None:
    ids = [pay(world, line) for line in pair.batch if line.startswith("2")]
    (payout,) = world.send("bpay")

    world.hand_back(payout.read_bytes(), "results.bpb", "bpay")
    (echo,) = world.take_in()

    assert (echo.state, echo.verdict) == (FileState.REFUSED, Verdict.ECHO)
    assert {world.get(one).state for one in ids} == {State.AWAITING_HANDBACK}
    assert world.breaks() == []
    world.assert_laws()


def test_a_batch_sent_back_under_another_date_answers_nothing(world: World, pair: Pair) -> None:
    """Not byte for byte ours, so that only what it says shows that it is no answer."""
    ids = [pay(world, line) for line in pair.batch if line.startswith("2")]
    (payout,) = world.send("bpay")
    header, rest = payout.read_bytes()[:144], payout.read_bytes()[144:]
    changed = header[:37] + b"20991231" + header[45:] + rest

    world.hand_back(changed, "results.bpb", "bpay")
    (echo,) = world.take_in()

    assert echo.state is FileState.QUARANTINED
    assert {world.get(one).state for one in ids} == {State.AWAITING_HANDBACK}
    world.assert_laws()
