"""A bank takes a message of payments, rejects one of them, and gives its money back.

The three files are real ones of a public project, with the number of our message in them, where
they are on this machine; the others are written here for the same traits. The first takes the
message as a whole, the second lists the one payment that could not be made, the third credits its
amount back: of the same payment the bank speaks twice, and the member may have the value once.
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import pytest

from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind
from handback.formats.builtin import golden
from handback.intake.fan_out import MAX_ANSWERS
from handback.intake.states import FileState, Verdict
from handback.lifecycle.table import State, Trigger
from handback.partners import registry
from handback.partners.codes import ReasonClass
from handback.store.session import Store
from world import World, counts

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"

AGREEMENT = """
programme = "aurora"
partner = "bank"
time_zone = "Europe/Zurich"
units = ["chf"]

[fields]
end_to_end = "required"

[answers]
style = "exceptions_only"
window_days = 3

[payout]
format = "payments"
folder = "outbound/bank"
file_name = "{sequence:06}.xml"

[payout.reference]
template = "{end_to_end}"

[handback]
format = "iso20022"
folder = "inbound/bank"
file_name = "*.xml"

[policy.fix_member]
do = "fail"

[policy.returned]
do = "fail"

[formats.payments]
framing = "xml"
namespaces = ["urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"]

[[formats.payments.records]]
kind = "header"
path = "Document/CstmrCdtTrfInitn/GrpHdr"
fields = [{ name = "batch", at = "MsgId", type = "integer", width = 6 }]

[[formats.payments.records]]
kind = "detail"
path = "Document/CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf"
fields = [
  { name = "reference", at = "PmtId/EndToEndId", required = true },
  { name = "quantity", at = "Amt/InstdAmt", type = "decimal", scale = 2 },
]
"""

TAKEN, PART, RETURNED = "taken.xml", "part.xml", "returned.xml"
_REAL = {
    TAKEN: "pain002/pain002-epo_p_0_0_0_2018031510491259.xml",
    PART: "pain002/pain002-epo_p_ch5109000000250092291_1110097605_0_2018031511252307.xml",
    RETURNED: "camt054/camt054-returns_p_ch5109000000250092291_1110097606_0_2020112500512470.xml",
}
_REPORT = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt>
<GrpHdr><MsgId>{id}</MsgId></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>000001</OrgnlMsgId>{group}</OrgnlGrpInfAndSts>{block}
</CstmrPmtStsRpt></Document>
"""
_BLOCK = """<OrgnlPmtInfAndSts><PmtInfSts>PART</PmtInfSts>
<TxInfAndSts><OrgnlEndToEndId>EXAMPLE-4</OrgnlEndToEndId><TxSts>RJCT</TxSts>
<StsRsnInf><Rsn><Cd>AC01</Cd></Rsn></StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts>"""
_ADVICE = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.04">
<BkToCstmrDbtCdtNtfctn><GrpHdr><MsgId>ADVICE-1</MsgId></GrpHdr><Ntfctn><Ntry>
<Amt Ccy="CHF">500.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BkTxCd><Domn><Fmly><SubFmlyCd>RRTN</SubFmlyCd></Fmly></Domn></BkTxCd>
<NtryDtls><TxDtls><Refs><EndToEndId>EXAMPLE-4</EndToEndId></Refs>
<RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf></TxDtls></NtryDtls>
</Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>
"""


def report(number: int, group: str = "", block: str = "") -> bytes:
    """A status report about our first message."""
    told = f"<GrpSts>{group}</GrpSts>" if group else ""
    return _REPORT.format(id=f"REPORT-{number}", group=told, block=block).encode()


class Chain(NamedTuple):
    """The three files by name, and the end-to-end id of the payment that failed."""

    files: dict[str, bytes]
    failed: str


@pytest.fixture(params=["written", "real"])
def chain(request: pytest.FixtureRequest) -> Chain:
    """What the bank sends."""
    if request.param == "written":
        files = {
            TAKEN: report(1, "ACTC"),
            PART: report(2, block=_BLOCK),
            RETURNED: _ADVICE.encode(),
        }
        return Chain(files, "EXAMPLE-4")
    if not SAMPLES.is_dir():
        pytest.skip("the shared sample files are not on this machine")
    files = {name: (SAMPLES / path).read_bytes() for name, path in _REAL.items()}
    files = {name: one.replace(b"MsgId-001<", b"000001<") for name, one in files.items()}
    return Chain(files, "EndToEndId-001-03-04")


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine with the bank's terms."""
    world = World(store, clock, tmp_path)
    registry.apply(store, clock, AGREEMENT, "tests")
    return world


def pay(world: World, *ends: str, quantity: int = 50_000) -> list[int]:
    """Redemptions sent to the bank in one message."""
    ids = []
    for end in ends:
        ids += world.submit(quantity, partner="bank", unit="chf", fields={"end_to_end": end})
    world.send("bank")
    return ids


def given_back(world: World, redemption_id: int) -> int:
    """How often the member got the value back."""
    return sum(one.to_state is State.FAILED for one in world.history(redemption_id))


@pytest.mark.parametrize("order", list(permutations((TAKEN, PART, RETURNED))), ids="-".join)
def test_the_value_is_given_back_once_in_whatever_order(
    world: World, chain: Chain, order: tuple[str, ...]
) -> None:
    paid, failed = pay(world, "EXAMPLE-1", chain.failed)
    for name in order:
        world.hand_back(chain.files[name], name, "bank")
        (file,) = world.take_in()
        assert (file.state, file.verdict) == (FileState.RECONCILED, Verdict.ACCEPTED)
        world.assert_laws()

    assert world.states([paid, failed]) == ["awaiting_handback", "failed"]
    assert given_back(world, failed) == 1
    assert (world.get(failed).held, world.get(failed).fulfilled) == (0, 0)
    assert world.breaks() == []
    acknowledged = [one for one in world.history(paid) if one.trigger is Trigger.ACKNOWLEDGE]
    assert [one.reason_code for one in acknowledged] == ["ACTC"]


@pytest.mark.parametrize("rejected_too", [False, True])
def test_a_return_after_settlement_takes_the_credit_back(world: World, rejected_too: bool) -> None:
    (paid,) = pay(world, "EXAMPLE-4")
    settled = _BLOCK.replace("RJCT", "ACSC").replace("AC01", "TS01")
    world.hand_back(report(1, block=settled), "settled.xml", "bank")
    world.take_in()
    assert world.states([paid]) == ["confirmed"]

    files = [_ADVICE.encode(), *([report(2, block=_BLOCK)] if rejected_too else [])]
    for number, content in enumerate(files):
        world.hand_back(content, f"later-{number}.xml", "bank")
        world.take_in()
    assert world.states([paid]) == ["failed"]
    assert given_back(world, paid) == 1
    assert [one.trigger for one in world.history(paid)][-2:] == [Trigger.RETURN, Trigger.FAIL]
    assert world.breaks() == []
    world.assert_laws()


def test_reports_only_move_forward(world: World) -> None:
    (paid,) = pay(world, "EXAMPLE-4")
    for number, status in enumerate(["ACTC", "ACSP", "ACSP", "ACSC", "ACSP", "ACTC"]):
        block = _BLOCK.replace("RJCT", status)
        world.hand_back(report(number, block=block), f"{number}.xml", "bank")
        world.take_in()
    steps = [(one.trigger, one.reason_code) for one in world.history(paid)[2:]]
    assert steps == [
        (Trigger.ACKNOWLEDGE, "ACTC/AC01"),
        (Trigger.ACKNOWLEDGE, "ACSP/AC01"),
        (Trigger.CONFIRM, "ACSC/AC01"),
    ]
    assert world.breaks() == []
    world.assert_laws()


def test_a_rejected_message_rejects_every_payment_in_it(world: World) -> None:
    paid = pay(world, *(f"EXAMPLE-{number}" for number in range(7)))
    (other,) = pay(world, "EXAMPLE-OTHER")
    rejected = report(1, "RJCT").replace(
        b"</GrpSts>", b"</GrpSts><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"
    )
    world.hand_back(rejected, "rejected.xml", "bank")
    (file,) = world.take_in()

    assert world.states([*paid, other]) == ["failed"] * 7 + ["awaiting_handback"]
    assert counts(world.report(file.file_id))["events"] == (7, 350_000)
    assert file.record_count == 7
    last = world.history(paid[-1])[-1]
    assert (last.reason_code, last.reason_class) == ("RJCT/AC04", ReasonClass.DEAD)
    world.assert_laws()


def test_a_message_rejected_again_and_again_is_for_a_person(world: World) -> None:
    paid = pay(world, *(f"EXAMPLE-{number}" for number in range(3)))
    block = "<OrgnlPmtInfAndSts><PmtInfSts>RJCT</PmtInfSts></OrgnlPmtInfAndSts>"
    world.hand_back(report(1, block=block * (MAX_ANSWERS + 1)), "often.xml", "bank")
    (file,) = world.take_in()
    assert (file.verdict, file.record_count) == (Verdict.MALFORMED, 3 * MAX_ANSWERS + 1)
    assert world.states(paid) == ["awaiting_handback"] * 3
    world.assert_laws()


@pytest.mark.parametrize("name", ["message-unnamed.xml", "message-rejected.xml"])
def test_a_message_that_is_none_of_ours_waits_for_a_person(world: World, name: str) -> None:
    (paid,) = pay(world, "EXAMPLE-4")
    world.hand_back((golden("iso20022") / name).read_bytes(), name, "bank")
    (file,) = world.take_in()
    assert file.verdict is Verdict.ACCEPTED
    assert [one.kind for one in world.breaks()] == [BreakKind.UNKNOWN_REFERENCE]
    assert world.states([paid]) == ["awaiting_handback"]
    world.assert_laws()
