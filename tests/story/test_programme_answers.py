"""Programmes answer in formats that are brought along: in the file they were sent, or in a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_clock import FakeClock
from formats.builtin.sponsor_files import punched
from handback.breaks.kinds import BreakKind
from handback.intake.states import FileState, Verdict
from handback.lifecycle.table import State
from handback.partners import registry
from handback.partners.codes import ReasonClass
from handback.store.session import Store
from world import World

SPONSOR = """
programme = "aurora"
partner = "milesclub"
time_zone = "America/Toronto"
units = ["miles"]

[answers]
style = "full"
window_days = 5

[payout]
format = "rewards"
folder = "outbound/milesclub"
file_name = "EXMP{sequence:04}.txt"

[payout.reference]
template = "00{key:018}"

[handback]
format = "sponsor-audit"
folder = "inbound/milesclub"
file_name = "*.txt"

[formats.rewards]
framing = "fixed"
width = 250

[[formats.rewards.records]]
kind = "header"
tag = { at = [1, 2], is = "TH" }
fields = [
  { name = "provider", at = [9, 12], type = "constant", value = "EXMP" },
  { name = "sequence", at = [13, 18], type = "integer" },
  { name = "created_on", at = [19, 26], type = "date" },
  { name = "records", at = [33, 40], type = "integer", count = ["detail"] },
  { name = "miles", at = [41, 53], type = "integer", sign = "overpunch", sum = "quantity" },
]

[[formats.rewards.records]]
kind = "detail"
tag = { at = [1, 2], is = "TD" }
fields = [
  { name = "member_ref", at = [18, 28] },
  { name = "reference", at = [29, 48] },
  { name = "quantity", at = [74, 82], type = "integer", sign = "overpunch" },
]
"""

BANK = """
programme = "aurora"
partner = "bankclub"
time_zone = "Asia/Singapore"
units = ["miles"]

[answers]
style = "full"
window_days = 2

[payout]
format = "accrual"
folder = "outbound/bankclub"
file_name = "EXAMPLE_{sequence:04}.txt"

[payout.reference]
template = "HB{key:018}"

[handback]
format = "transferconnect"
folder = "inbound/bankclub"
file_name = "*.HANDBACK.txt"

[formats.accrual]
framing = "delimited"

[[formats.accrual.records]]
kind = "detail"
fields = [
  { name = "member_ref", at = 1 },
  { name = "quantity", at = 2, type = "integer" },
  { name = "reference", at = 3 },
]
"""


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine with both programmes' terms."""
    for agreement in (SPONSOR, BANK):
        registry.apply(store, clock, agreement, "tests")
    return World(store, clock, tmp_path)


def audited(line: str, status: str = "", flags: str = "", merged_into: str = "") -> str:
    """A record of our own file with its audit area filled in."""
    line = line.ljust(250)
    audit = f"202603032026030320260303{merged_into:<11}{status:<1}{'':19}{flags:<6}"
    return line[:121] + audit + line[121 + len(audit) :]


def test_the_same_file_comes_back_with_its_audit_area_filled_in(world: World) -> None:
    quantities = [1500, 400, 250, 700]
    ids = world.submit(*quantities, partner="milesclub", fields={})
    (payout,) = world.send("milesclub")
    echo = payout.read_bytes()
    header, *records = echo.decode().splitlines()
    world.hand_back(echo, "echo.txt", "milesclub")
    (file,) = world.take_in()
    assert (file.state, file.verdict) == (FileState.REFUSED, Verdict.ECHO)

    answers = [("", ""), ("M", "99000000001"), ("W", ""), ("E", "")]
    answered = [
        audited(record, status, "Y   Y" if status == "E" else "", merged_into)
        for record, (status, merged_into) in zip(records, answers, strict=True)
    ]
    rejected, accepted = quantities[3], sum(quantities[:3])
    totals = f"{1:08}{punched(rejected, 13)}{3:08}{punched(accepted, 13)}"
    header = header.ljust(250)
    content = "\n".join([header[:79] + totals + header[79 + len(totals) :], *answered, ""])
    world.hand_back(content.encode(), "EXMP0001.txt", "milesclub")
    (file,) = world.take_in()

    assert (file.state, file.verdict) == (FileState.RECONCILED, Verdict.ACCEPTED)
    assert world.states(ids) == ["confirmed", "confirmed", "confirmed", "failed"]
    classes = [world.history(one)[-1].reason_class for one in ids[:3]]
    assert classes == [ReasonClass.OK, ReasonClass.OK_CHANGED, ReasonClass.OK_CHANGED]
    assert "E/1+E/5" in {one.reason_code for one in world.history(ids[3])}
    assert not world.breaks()
    world.assert_laws()


def test_totals_of_a_request_are_the_ones_its_answer_repeats(world: World) -> None:
    world.submit(1500, 400, partner="milesclub", fields={})
    (payout,) = world.send("milesclub")
    header = payout.read_text().splitlines()[0]
    assert header[32:53] == f"{2:08}{punched(1900, 13)}"


def test_four_columns_answer_every_transfer(world: World) -> None:
    ids = world.submit(1500, 250, 300, 400, 500, partner="bankclub", fields={})
    (payout,) = world.send("bankclub")
    sent = [line.split(",") for line in payout.read_text().splitlines()]
    codes = ["0000", "0003", "0001", "0042", "0000"]
    rows = [
        f"2026-03-03,{quantity},{reference},{code}"
        for (_, quantity, reference), code in zip(sent, codes, strict=True)
    ]
    rows[4] = rows[4].replace(",500,", ",505,")
    content = "\n".join(["Transfer date,Amount,Reference number,Outcome code", *rows, ""])
    world.hand_back(content.encode(), "EXAMPLE_20260303.HANDBACK.txt", "bankclub")
    (file,) = world.take_in()

    assert (file.state, file.verdict) == (FileState.RECONCILED, Verdict.ACCEPTED)
    credited, closed, unknown, unlisted, other_amount = ids
    assert world.get(credited).state is State.CONFIRMED
    assert world.get(closed).state is State.FAILED
    for redemption_id, reason in (
        (unknown, ReasonClass.FIX_MEMBER),
        (unlisted, ReasonClass.OPS),
    ):
        assert world.get(redemption_id).state is State.REJECTED
        assert world.history(redemption_id)[-1].reason_class is reason
    assert world.get(other_amount).state is State.CONFIRMED
    assert world.history(other_amount)[-1].quantity == 500
    excess = [one for one in world.breaks() if one.kind is BreakKind.OVER_CREDIT]
    assert [(one.redemption_id, one.quantity) for one in excess] == [(other_amount, 505)]
    world.assert_laws()
