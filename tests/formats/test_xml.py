"""XML by paths: levels that override each other, and documents nobody should trust."""

from __future__ import annotations

import pytest

from formats.partner_layouts import layout_of, read
from handback.errors import InvalidAgreement
from handback.formats.directions import outbound_mistakes
from handback.formats.findings import FindingCode, Severity

STATUS_REPORT = """
framing = "xml"
namespaces = ["urn:example:status:*", ""]
[[records]]
kind = "header"
path = "Document/Rpt/GrpHdr"
required = true
fields = [{ name = "sequence", at = "MsgId" }]
[[records]]
kind = "header"
path = "Document/Rpt/OrgnlGrpInfAndSts"
alone = "batch"
fields = [
  { name = "batch", at = "OrgnlMsgId", type = "integer", carry = true },
  { name = "code", at = "GrpSts", type = "code", carry = true },
  { name = "sub_code", at = REASONS, every = true, type = "code", carry = true },
]
[[records]]
kind = "batch_header"
path = "Document/Rpt/OrgnlPmtInfAndSts"
alone = "batch"
fields = [
  { name = "code", at = "PmtInfSts", type = "code", carry = true },
  { name = "sub_code", at = REASONS, every = true, type = "code", carry = true },
]
[[records]]
kind = "detail"
path = "Document/Rpt/OrgnlPmtInfAndSts/TxInfAndSts"
fields = [
  { name = "reference", at = "OrgnlEndToEndId", required = true },
  { name = "code", at = "TxSts", type = "code" },
  { name = "sub_code", at = REASONS, every = true, type = "code" },
  { name = "quantity", at = "OrgnlTxRef/Amt/InstdAmt", type = "decimal", scale = 2 },
  { name = "unit", at = "OrgnlTxRef/Amt/InstdAmt/@Ccy" },
]
""".replace("REASONS", '["StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry"]')
REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:example:status:03"><Rpt>
<GrpHdr><MsgId>M1</MsgId></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>000017</OrgnlMsgId>{group}</OrgnlGrpInfAndSts>
{payments}
</Rpt></Document>
"""


def report(group: str = "", payments: str = "") -> bytes:
    """A status report about message 17."""
    return REPORT.format(group=group, payments=payments).encode()


def block(status: str = "", *transactions: str) -> str:
    """The answer to a block of payments."""
    inner = "".join(f"<TxInfAndSts>{one}</TxInfAndSts>" for one in transactions)
    return f"<OrgnlPmtInfAndSts>{status}{inner}</OrgnlPmtInfAndSts>"


def transaction(reference: str, status: str = "", *reasons: str) -> str:
    """The answer to one payment."""
    told = "".join(f"<StsRsnInf><Rsn><Cd>{one}</Cd></Rsn></StsRsnInf>" for one in reasons)
    named = f"<OrgnlEndToEndId>{reference}</OrgnlEndToEndId>"
    return f"{named}{f'<TxSts>{status}</TxSts>' if status else ''}{told}"


def answers(content: bytes) -> list[tuple[object, ...]]:
    """What a report answers: reference, batch, code and scope."""
    reading = read(layout_of(STATUS_REPORT), content)
    assert reading.findings.is_empty(), reading.findings.rows()
    return reading.details.select("reference", "batch", "code", "scope").rows()


def test_the_lower_level_overrides_the_upper() -> None:
    content = report(
        "<GrpSts>ACTC</GrpSts>",
        block("<PmtInfSts>PART</PmtInfSts>", transaction("A", "RJCT", "AC01"), transaction("B"))
        + block("", transaction("C"), transaction("D", "ACSC")),
    )
    assert answers(content) == [
        ("A", 17, "RJCT/AC01", None),
        ("B", 17, "PART", None),
        ("C", 17, "ACTC", None),
        ("D", 17, "ACSC", None),
    ]


def test_a_group_without_transactions_stands_for_its_batch() -> None:
    rejected = "<GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Cd>AM10</Cd></Rsn></StsRsnInf>"
    assert answers(report(rejected)) == [(None, 17, "RJCT/AM10", "batch")]


def test_a_block_without_transactions_stands_for_its_batch_and_not_the_group_as_well() -> None:
    content = report("<GrpSts>ACTC</GrpSts>", block("<PmtInfSts>RJCT</PmtInfSts>"))
    assert answers(content) == [(None, 17, "RJCT", "batch")]


def test_several_reasons_are_several_codes() -> None:
    reasons = transaction("A", "RJCT", "AC01", "AM05", "")
    assert answers(report(payments=block("", reasons))) == [("A", 17, "RJCT/AC01+RJCT/AM05", None)]


def test_proprietary_reasons_prefixes_cdata_attributes_and_blanks() -> None:
    content = (
        b"<d:Document xmlns:d='urn:example:status:09'><d:Rpt><d:GrpHdr><d:MsgId>9</d:MsgId>"
        b"</d:GrpHdr><d:OrgnlPmtInfAndSts><d:TxInfAndSts>"
        b"<d:OrgnlEndToEndId>\n  A&amp;B </d:OrgnlEndToEndId><d:TxSts><![CDATA[RJCT]]></d:TxSts>"
        b"<d:StsRsnInf><d:Rsn><d:Prtry>X9</d:Prtry></d:Rsn></d:StsRsnInf>"
        b"<d:OrgnlTxRef><d:Amt><d:InstdAmt Ccy='EUR'>12.5</d:InstdAmt></d:Amt></d:OrgnlTxRef>"
        b"</d:TxInfAndSts></d:OrgnlPmtInfAndSts></d:Rpt></d:Document>"
    )
    reading = read(layout_of(STATUS_REPORT), content)
    assert reading.details.select("reference", "code", "quantity", "unit").rows() == [
        ("A&B", "RJCT/X9", 1250, "EUR")
    ]


@pytest.mark.parametrize("chunk_records", [1, 2, 50_000])
def test_large_documents_come_in_chunks(chunk_records: int) -> None:
    details = [transaction(f"R{number}", "ACSC") for number in range(45_000)]
    content = report("<GrpSts>PART</GrpSts>", block("<PmtInfSts>PART</PmtInfSts>", *details[:30]))
    reading = read(layout_of(STATUS_REPORT), content, chunk_records=chunk_records)
    assert reading.details["reference"].to_list() == [f"R{number}" for number in range(30)]
    if chunk_records > 2:
        content = report("", block("", *details))
        reading = read(layout_of(STATUS_REPORT), content, chunk_records=chunk_records)
        assert reading.details["ordinal"].to_list() == list(range(1, 45_001))


def test_findings_have_their_line() -> None:
    content = report(payments="\n" + block("", "<TxSts>RJCT</TxSts>"))
    reading = read(layout_of(STATUS_REPORT), content)
    [finding] = reading.findings.rows(named=True)
    assert (finding["line"], finding["field"], finding["code"]) == (6, "reference", "field_missing")
    assert "TxSts=RJCT" in finding["raw"]


LAUGHS = b"""<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><Document>&b;</Document>"""


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", FindingCode.EMPTY_FILE),
        (b"{\\rtf1 hello}", FindingCode.BAD_MARKUP),
        (report().replace(b"</GrpHdr>", b"</GrpHead>"), FindingCode.BAD_MARKUP),
        (LAUGHS, FindingCode.FORBIDDEN_MARKUP),
        (
            b"<!DOCTYPE Document SYSTEM 'file:///etc/passwd'><Document/>",
            FindingCode.FORBIDDEN_MARKUP,
        ),
        (b"<Document>&unknown;</Document>", FindingCode.BAD_MARKUP),
        (report().replace(b"urn:example:status:03", b"urn:other"), FindingCode.NAMESPACE_UNKNOWN),
        (b"<a>" * 200 + b"</a>" * 200, FindingCode.BAD_MARKUP),
        (b"<Document><Rpt/></Document>", FindingCode.EMPTY_FILE),
        (
            report(
                payments=block(
                    "", transaction("A", "RJCT").replace("<TxSts>", "<TxSts>A</TxSts><TxSts>")
                )
            ),
            FindingCode.FIELD_REPEATED,
        ),
        (
            report(
                payments=block("", transaction("A"))
                .replace("</Orgnl", "<PmtInfSts>X</PmtInfSts></Orgnl", 1)
                .replace("</TxInfAndSts><PmtInfSts>X</PmtInfSts>", "</TxInfAndSts>")
            ),
            None,
        ),
        (
            report(
                payments=block("", transaction("A")).replace(
                    "</OrgnlPmt", "<PmtInfSts>X</PmtInfSts></OrgnlPmt"
                )
            ),
            FindingCode.HEADER_MISPLACED,
        ),
    ],
)
def test_what_is_wrong_with_a_document_is_told(content: bytes, code: FindingCode | None) -> None:
    reading = read(layout_of(STATUS_REPORT), content)
    if code is not None:
        assert code in reading.codes


def test_a_document_cut_anywhere_is_not_complete() -> None:
    content = report("<GrpSts>RJCT</GrpSts>", block("", transaction("Ä", "RJCT", "AC01")))
    whole = len(content.rstrip())
    for length in range(whole):
        assert read(layout_of(STATUS_REPORT), content[:length]).facts.worst is Severity.QUARANTINE
    assert read(layout_of(STATUS_REPORT), content[:whole]).facts.worst is None


ONLY_RETURNED = """
framing = "xml"
[[records]]
kind = "detail"
path = "Notes/Note"
tag = [{ at = "Reason", blank = false }, { at = "@side", is = "credit" }]
fields = [{ name = "reference", at = "Ref" }, { name = "code", at = "Reason" }]
[[records]]
kind = "ignore"
path = "Notes/Note"
"""


def test_records_of_one_path_are_told_by_their_tags() -> None:
    notes = [
        "<Note side='credit'><Ref>A</Ref><Reason>AC01</Reason></Note>",
        "<Note side='credit'><Ref>B</Ref><Reason> </Reason></Note>",
        "<Note side='debit'><Ref>C</Ref><Reason>AC04</Reason></Note>",
        "<Note side='credit'><Ref>D</Ref></Note>",
    ]
    reading = read(layout_of(ONLY_RETURNED), f"<Notes>{''.join(notes)}</Notes>".encode())
    assert reading.findings.is_empty()
    assert reading.details.select("reference", "code").rows() == [("A", "AC01")]


UNDER_ENTRIES = """
framing = "xml"
[[records]]
kind = "detail"
path = "Notes/Entry/Of/Note"
tag = [{ at = ["Side", "../../Side"], is = "credit" }, { at = "../../@state", is = "booked" }]
fields = [
  { name = "reference", at = "Ref", required = true },
  { name = "unit", at = ["Sum/@unit", "../../Sum/@unit"] },
]
[[records]]
kind = "ignore"
path = "Notes/Entry/Of/Note"
"""


def entry(head: str, *notes: str, state: str = "booked") -> str:
    """An entry with something of its own before its notes."""
    inner = "".join(f"<Note>{one}</Note>" for one in notes)
    return f"<Entry state='{state}'>{head}<Of>{inner}</Of></Entry>"


def test_what_stands_above_counts_where_the_record_says_nothing() -> None:
    entries = [
        entry(
            "<Side>credit</Side><Sum unit='chf'>3</Sum>",
            "<Ref>A</Ref>",
            "<Ref>B</Ref><Side>debit</Side>",
            "<Ref>C</Ref><Sum unit='eur'>1</Sum>",
        ),
        entry("<Side>credit</Side>", "<Ref>D</Ref>", state="pending"),
        entry("", "<Ref>E</Ref>"),
        entry("<Side>credit</Side>", "<Ref>F</Ref>"),
    ]
    reading = read(layout_of(UNDER_ENTRIES), f"<Notes>{''.join(entries)}</Notes>".encode())
    assert reading.findings.is_empty()
    assert reading.details.select("reference", "unit").rows() == [
        ("A", "chf"),
        ("C", "eur"),
        ("F", None),
    ]


def test_what_a_record_needs_from_above_stands_before_it() -> None:
    late = entry("", "<Ref>A</Ref>").replace("</Entry>", "<Side>credit</Side></Entry>")
    reading = read(layout_of(UNDER_ENTRIES), f"<Notes>{late}</Notes>".encode())
    assert reading.codes == [FindingCode.HEADER_MISPLACED]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('at = "Ref"', 'at = "../../../../Ref"'),
        ('"../../@state"', '"../../../../@state"'),
        ('at = "Ref"', 'at = "Of/../Ref"'),
    ],
)
def test_a_path_may_not_rise_above_the_root_nor_further_down(old: str, new: str) -> None:
    with pytest.raises(InvalidAgreement):
        layout_of(UNDER_ENTRIES.replace(old, new))


def test_what_stands_above_is_not_written() -> None:
    [mistake] = outbound_mistakes(layout_of(UNDER_ENTRIES))
    assert mistake.field.endswith("fields[1].at")


SUMS = """
framing = "xml"
[[records]]
kind = "batch_header"
path = "Notes/Entry"
tag = { at = "Side", is = "credit" }
alone = "batch"
fields = [{ name = "code", at = "Side" }]
[[records]]
kind = "batch_header"
path = "Notes/Entry"
[[records]]
kind = "detail"
path = "Notes/Entry/Note"
fields = [{ name = "reference", at = "Ref" }]
"""


def test_only_headers_of_their_tag_stand_alone() -> None:
    entries = ["<Side>credit</Side>", "<Side>debit</Side>", "<Note><Ref>A</Ref></Note>", ""]
    content = "".join(f"<Entry>{one}</Entry>" for one in entries)
    reading = read(layout_of(SUMS), f"<Notes>{content}</Notes>".encode())
    assert reading.findings.is_empty()
    assert reading.details.select("reference", "code", "scope").rows() == [
        (None, "credit", "batch"),
        ("A", None, None),
    ]


def test_a_root_of_any_name_is_not_written() -> None:
    document = ONLY_RETURNED.replace("Notes/", "./")
    assert [one.field for one in outbound_mistakes(layout_of(document))] == [
        "formats.handback.records[0].path",
        "formats.handback.records[1].path",
    ]
