"""Payouts through a Brazilian bank: one file goes out, and several answer it in turn.

Each answer says of every title what happened to it: taken in, paid, refused for several reasons at
once, charged for, or paid by a cheque that came back. The terms are an example.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind
from handback.intake.queries import FileView
from handback.intake.states import FileState, Verdict
from handback.lifecycle.table import State, Trigger
from handback.partners import registry
from handback.partners.codes import ReasonClass
from handback.store.session import Store
from world import World, counts

AGREEMENT = """
programme = "aurora"
partner = "cobranca"
time_zone = "America/Sao_Paulo"
units = ["brl_cents"]

[fields]
holder = "required"

[answers]
style = "full"
window_days = 30

[payout]
format = "remessa"
folder = "outbound/cobranca"
file_name = "CB{date:%d%m}{sequence:02}.REM"

[payout.reference]
template = "HB{key:018}"

[handback]
format = "cnab400-itau"
folder = "inbound/cobranca"
file_name = "*.RET"
complete = "trailer"

[policy.dead]
do = "fail"

[formats.remessa]
framing = "fixed"
width = 400
encoding = "latin-1"
line_end = "crlf"

[[formats.remessa.records]]
kind = "header"
tag = { at = [1, 1], is = "0" }
fields = [
  { name = "direction", at = [2, 9], type = "constant", value = "1REMESSA" },
  { name = "service", at = [10, 11], type = "constant", value = "01" },
  { name = "bank", at = [77, 79], type = "constant", value = "341" },
  { name = "created_on", at = [95, 100], type = "date", pattern = "DDMMYY" },
  { name = "place", at = [395, 400], type = "line" },
]

[[formats.remessa.records]]
kind = "detail"
tag = { at = [1, 1], is = "1" }
fields = [
  { name = "reference", at = [38, 62] },
  { name = "quantity", at = [127, 139], type = "integer" },
  { name = "member_ref", at = [221, 234] },
  { name = "holder", at = [235, 264] },
  { name = "place", at = [395, 400], type = "line" },
]

[[formats.remessa.records]]
kind = "control"
tag = { at = [1, 1], is = "9" }
fields = [{ name = "place", at = [395, 400], type = "line" }]
"""


class Title(NamedTuple):
    """What the bank knows of one title."""

    reference: str
    amount: int


def titles_of(payout: Path) -> list[Title]:
    """The titles of a file of ours, as the bank reads it."""
    lines = payout.read_text(encoding="latin-1").splitlines()
    assert [line[394:] for line in lines] == [f"{n:06}" for n in range(1, len(lines) + 1)]
    return [Title(line[37:62].strip(), int(line[126:139])) for line in lines[1:-1]]


class Said(NamedTuple):
    """What the bank says of one title; up to four motives of two characters."""

    title: Title
    occurrence: str
    motives: str = ""
    fee: int = 0


def at(*places: tuple[int, str]) -> str:
    """A record of 400 columns with texts at their first columns, from 1."""
    columns = [" "] * 400
    for first, text in places:
        columns[first - 1 : first - 1 + len(text)] = text
    return "".join(columns)


def retorno(sequence: int, day: str, answers: Sequence[Said]) -> bytes:
    """A file of the bank's."""
    lines = [
        at((1, "02RETORNO01COBRANCA"), (77, "341"), (95, day), (109, f"{sequence:05}")),
        *(
            at(
                (1, "1"),
                (38, one.title.reference),
                (109, one.occurrence + day),
                (153, f"{one.title.amount:013}"),
                (176, f"{one.fee:013}"),
                (254, f"{one.title.amount - one.fee:013}"),
                (378, one.motives),
            )
            for one in answers
        ),
        at((1, "9201341"), (213, f"{len(answers):08}")),
    ]
    numbered = [f"{line[:394]}{number:06}" for number, line in enumerate(lines, 1)]
    return ("\r\n".join(numbered) + "\r\n").encode("latin-1")


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine with the bank's terms."""
    world = World(store, clock, tmp_path)
    registry.apply(store, clock, AGREEMENT, "tests")
    return world


def take_in(world: World, name: str, content: bytes) -> FileView:
    """The file as it stands after it was handed back."""
    world.hand_back(content, name, "cobranca")
    (file,) = world.take_in()
    return file


def outcome(world: World, redemption_id: int) -> tuple[State, Trigger, str | None, ReasonClass]:
    """Where a redemption stands, and the last that was said of it."""
    last = world.history(redemption_id)[-1]
    state = world.get(redemption_id).state
    return state, last.trigger, last.reason_code, ReasonClass(last.reason_class or 0)


def sent(world: World, *amounts: int) -> dict[int, Title]:
    """Redemptions that went out, each with its title."""
    fields = {"holder": "EXEMPLO"}
    ids = world.submit(*amounts, partner="cobranca", unit="brl_cents", fields=fields)
    (payout,) = world.send("cobranca")
    return dict(zip(ids, titles_of(payout), strict=True))


def test_titles_are_taken_in_refused_and_charged_for(world: World) -> None:
    titles = sent(world, 150_000, 30_000, 40_000)
    taken, wrong, stopped = titles
    answers = [
        Said(titles[taken], "02"),
        Said(titles[wrong], "03", "0837"),
        Said(titles[stopped], "03", "083060"),
        Said(titles[taken], "28", fee=300),
    ]
    file = take_in(world, "CB0303A.RET", retorno(1, "030326", answers))

    assert (file.state, file.verdict) == (FileState.RECONCILED, Verdict.ACCEPTED)
    assert counts(world.report(file.file_id))["records"] == (3, 220_000)  # the charge is none
    assert outcome(world, taken)[:2] == (State.AWAITING_HANDBACK, Trigger.ACKNOWLEDGE)
    refused = State.REJECTED, Trigger.REJECT
    assert outcome(world, wrong) == (*refused, "03/08+03/37", ReasonClass.FIX_MEMBER)
    # The strictest of three motives: our account is suspended, so nobody's details are to blame.
    assert outcome(world, stopped) == (*refused, "03/08+03/30+03/60", ReasonClass.HOLD)
    waiting = {one.redemption_id: one.kind for one in world.breaks()}
    assert waiting == {wrong: BreakKind.REVIEW, stopped: BreakKind.REVIEW}
    world.assert_laws()


def test_titles_are_paid_written_off_and_returned(world: World) -> None:
    titles = sent(world, 150_000, 20_000, 50_000)
    paid, returned, written_off = titles
    by_day = {
        "030326": [
            Said(titles[paid], "02"),
            Said(titles[returned], "65"),
            Said(titles[written_off], "02"),
        ],
        "040326": [
            Said(titles[paid], "06", fee=210),
            Said(titles[returned], "76", fee=210),
            Said(titles[written_off], "09"),
        ],
    }
    for number, (day, answers) in enumerate(by_day.items(), 1):
        file = take_in(world, f"CB{day}.RET", retorno(number, day, answers))
        assert file.verdict is Verdict.ACCEPTED
        world.assert_laws()
    # What the bank kept of the amount is between the bank and us: the title is paid in full.
    assert world.states([paid, returned, written_off]) == ["confirmed", "confirmed", "failed"]
    assert world.breaks() == []

    file = take_in(world, "CB090326.RET", retorno(3, "090326", [Said(titles[returned], "69")]))
    assert file.verdict is Verdict.ACCEPTED
    back = State.REJECTED, Trigger.RETURN, "69", ReasonClass.RETURNED
    assert outcome(world, returned) == back
    assert [(one.redemption_id, one.kind) for one in world.breaks()] == [
        (returned, BreakKind.RETURNED)
    ]
    world.assert_laws()


def test_a_file_that_says_again_what_is_known_moves_nothing(world: World) -> None:
    ((redemption_id, title),) = sent(world, 7_000).items()
    answer = [Said(title, "06", fee=210)]
    take_in(world, "CB0303A.RET", retorno(1, "030326", answer))
    before = world.history(redemption_id)

    again = take_in(world, "CB0303B.RET", retorno(1, "030326", answer))
    assert (again.state, again.verdict) == (FileState.REFUSED, Verdict.REPEAT)
    resent = take_in(world, "CB0403A.RET", retorno(2, "040326", answer))
    assert counts(world.report(resent.file_id))["repeats"] == (1, 7_000)
    assert world.history(redemption_id) == before
    world.assert_laws()


def test_our_own_file_is_no_answer(world: World) -> None:
    sent(world, 7_000)
    (payout,) = world.delivered("cobranca")
    echo = take_in(world, "ECHO.RET", payout.read_bytes())
    assert (echo.state, echo.verdict) == (FileState.REFUSED, Verdict.ECHO)
    other = take_in(world, "OTHER.RET", payout.read_bytes().replace(b"EXEMPLO", b"OUTRO  "))
    assert (other.state, other.verdict) == (FileState.QUARANTINED, Verdict.OTHER_DIRECTION)
    world.assert_laws()


def test_an_answer_that_is_still_coming_is_left_alone(world: World) -> None:
    ((redemption_id, title),) = sent(world, 7_000).items()
    content = retorno(1, "030326", [Said(title, "06")])
    world.hand_back(content[: len(content) - 200], "CB0303A.RET", "cobranca")
    assert world.take_in() == []  # without its trailer it is taken for half sent
    assert world.get(redemption_id).state is State.AWAITING_HANDBACK
    world.hand_back(content, "CB0303A.RET", "cobranca")
    (file,) = world.take_in()
    assert file.verdict is Verdict.ACCEPTED
    assert world.get(redemption_id).state is State.CONFIRMED
    world.assert_laws()
