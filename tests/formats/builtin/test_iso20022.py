"""ISO 20022: status reports and returns, written at random and read as they were meant."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.builtin.laws import (
    assert_cut_is_told,
    assert_sound,
    dressed,
    outcomes,
    outcomes_in_any_order,
)
from formats.partner_layouts import read
from handback.formats.builtin import builtin, golden
from handback.formats.layout import Layout
from handback.partners.codes import BY_TEXT, CodeMap, ReasonClass

PAIN, CAMT = (
    "urn:iso:std:iso:20022:tech:xsd:pain.002.001.",
    "urn:iso:std:iso:20022:tech:xsd:camt.054.",
)
NAMESPACES = [
    f"{PAIN}03",
    f"{PAIN}10",
    "http://www.six-interbank-clearing.com/de/pain.002.001.03.ch.02.xsd",
]
GOOD = [
    "every-outcome.xml",
    "message-rejected.xml",
    "block-rejected.xml",
    "exceptions-alone.xml",
    "returns.xml",
]


@cache
def layout() -> Layout:
    """The layout under test."""
    return builtin("iso20022").layout


def golden_file(name: str) -> bytes:
    """A golden file of the format."""
    return (golden("iso20022") / name).read_bytes()


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says of one payment."""

    reference: str
    status: str
    reasons: tuple[str, ...]
    cents: int | None

    @property
    def code(self) -> str:
        """Status and reasons as one; those of the bank's own come behind the others."""
        reasons = sorted(self.reasons, key=lambda one: len(one) != 4)
        return "+".join(f"{self.status}/{one}" for one in reasons) or self.status


REASONS = st.sampled_from(["AC01", "AC04", "AM05", "MS03", "TS01", "of the bank"])
SAID = st.builds(
    Said,
    reference=st.text("ABCabc0189+&<> -ÄßŁ", min_size=1, max_size=35).map(str.strip).filter(bool),
    status=st.sampled_from(["ACTC", "ACSC", "ACCC", "RJCT", "PDNG"]),
    reasons=st.lists(REASONS, max_size=3, unique=True).map(tuple),
    cents=st.none() | st.integers(1, 10**15),
)


def amount(cents: int) -> str:
    """As a decimal number."""
    return f"{cents // 100}.{cents % 100:02}"


def told(reason: str) -> str:
    """A reason, of the external list or the bank's own."""
    kind = "Cd" if len(reason) == 4 else "Prtry"
    return f"<Rsn><{kind}>{reason}</{kind}></Rsn>"


def transaction(said: Said) -> str:
    """One payment of a status report."""
    reasons = "".join(f"<StsRsnInf>{told(one)}</StsRsnInf>" for one in said.reasons)
    summed = ""
    if said.cents is not None:
        inner = f'<InstdAmt Ccy="EUR">{amount(said.cents)}</InstdAmt>'
        summed = f"<OrgnlTxRef><Amt>{inner}</Amt></OrgnlTxRef>"
    return (
        f"<TxInfAndSts><OrgnlEndToEndId>{escape(said.reference)}</OrgnlEndToEndId>\n"
        f"<TxSts>{said.status}</TxSts>{reasons}{summed}</TxInfAndSts>\n"
    )


def report(
    blocks: list[list[Said]], namespace: str = NAMESPACES[0], *, upper: str = "PART"
) -> bytes:
    """A status report; blocks and message say of themselves what no payment may take over."""
    inner = "".join(
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>P{number}</OrgnlPmtInfId>"
        f"<PmtInfSts>{upper}</PmtInfSts>\n{''.join(map(transaction, block))}</OrgnlPmtInfAndSts>\n"
        for number, block in enumerate(blocks)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{namespace}"><CstmrPmtStsRpt>\n'
        "<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-03-02T09:30:00Z</CreDtTm></GrpHdr>\n"
        "<OrgnlGrpInfAndSts><OrgnlMsgId>000017</OrgnlMsgId><GrpSts>PART</GrpSts>"
        f"</OrgnlGrpInfAndSts>\n{inner}</CstmrPmtStsRpt></Document>\n"
    ).encode()


def advice(entries: list[list[Said]]) -> bytes:
    """Returns, each entry with its transactions."""
    inner = ""
    for entry in entries:
        total = sum(said.cents or 0 for said in entry)
        inner += (
            f'<Ntry><Amt Ccy="EUR">{amount(total)}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
            "<Sts>BOOK</Sts><BookgDt><Dt>2026-03-03</Dt></BookgDt>"
            "<BkTxCd><Domn><Fmly><SubFmlyCd>RRTN</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls>\n"
        )
        for said in entry:
            reason = f"<RtrInf>{told(said.reasons[0])}</RtrInf>" if said.reasons else ""
            inner += (
                f"<TxDtls><Refs><EndToEndId>{escape(said.reference)}</EndToEndId></Refs>"
                f'<Amt Ccy="EUR">{amount(said.cents or 0)}</Amt>{reason}</TxDtls>\n'
            )
        inner += "</NtryDtls></Ntry>\n"
    return (
        f'<Document xmlns="{CAMT}001.04"><BkToCstmrDbtCdtNtfctn>\n'
        f"<GrpHdr><MsgId>M2</MsgId></GrpHdr><Ntfctn>\n{inner}</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>\n"
    ).encode()


BLOCKS = st.lists(st.lists(SAID, min_size=1, max_size=4), min_size=1, max_size=3)


@given(blocks=BLOCKS, namespace=st.sampled_from(NAMESPACES))
def test_a_report_is_read_as_it_was_written(blocks: list[list[Said]], namespace: str) -> None:
    reading = assert_sound(layout(), report(blocks, namespace))
    assert reading.details.select("reference", "code", "quantity", "scope").rows() == [
        (said.reference, said.code, said.cents, None) for block in blocks for said in block
    ]


@given(entries=BLOCKS)
def test_returns_are_read_as_they_were_written(entries: list[list[Said]]) -> None:
    reading = assert_sound(layout(), advice(entries))
    assert reading.details.select("reference", "code", "quantity").rows() == [
        (said.reference, "/".join(("RRTN", *said.reasons[:1])), said.cents or 0)
        for entry in entries
        for said in entry
    ]


@given(blocks=BLOCKS, seed=st.integers(0, 2**32))
def test_the_order_of_payments_means_nothing(blocks: list[list[Said]], seed: int) -> None:
    shuffled = [random.Random(seed).sample(block, len(block)) for block in blocks]
    before, after = (assert_sound(layout(), report(one)) for one in (blocks, shuffled))
    assert outcomes_in_any_order(before) == outcomes_in_any_order(after)


@pytest.mark.parametrize("name", GOOD)
def test_a_file_cut_anywhere_is_not_believed(name: str) -> None:
    content = golden_file(name).rstrip()
    assert_cut_is_told(layout(), content, range(0, len(content), 1 if len(content) < 2_000 else 7))


@pytest.mark.parametrize("name", GOOD)
def test_line_ends_a_byte_order_mark_and_blanks_mean_nothing(name: str) -> None:
    content = golden_file(name)
    plain = outcomes(assert_sound(layout(), content))
    for dress, other in dressed(content).items():
        if dress != "control z":  # which no XML may have
            assert outcomes(assert_sound(layout(), other)) == plain, dress


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ACSC", ReasonClass.OK),
        ("ACSC/TS01", ReasonClass.OK),
        ("ACTC/NARR", ReasonClass.WAIT),
        ("RJCT/AC01", ReasonClass.FIX_MEMBER),
        ("RJCT/of the bank", ReasonClass.OPS),
        ("RJCT/AC01+RJCT/AM05", ReasonClass.DUPLICATE),
        ("RRTN", ReasonClass.RETURNED),
        ("RRTN/AC04", ReasonClass.RETURNED),
        ("NEW1", None),
    ],
)
def test_codes_mean(code: str, expected: ReasonClass | None) -> None:
    codes = builtin("iso20022").codes
    assert CodeMap({key: BY_TEXT[text] for key, text in codes.items()}).find(code) is expected


def test_a_return_pending_or_debited_is_none_yet() -> None:
    content = advice([[Said("A", "RRTN", ("AC01",), 100)]])
    assert len(read(layout(), content).details) == 1
    for old, new in (("BOOK", "PDNG"), ("CRDT", "DBIT")):
        reading = assert_sound(layout(), content.replace(old.encode(), new.encode()))
        assert reading.details.is_empty()
