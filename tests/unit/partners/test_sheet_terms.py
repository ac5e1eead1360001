"""What an agreement may say of payout files that are workbooks, or in bytes of a host."""

from __future__ import annotations

import pytest

from handback.errors import InvalidAgreement
from handback.partners.agreement import Agreement
from handback.partners.printing import max_quantity
from handback.partners.reading import parse

DOCUMENT = """
programme = "aurora"
partner = "nova"
time_zone = "Europe/London"
units = ["miles"]
[payout]
format = "outbound"
folder = "outbound/nova"
file_name = "NOVA_{sequence:06}"
max_records = 500000
[handback]
format = "answers"
folder = "inbound/nova"
[codes.answers]
"00" = "ok"
[formats.answers]
framing = "delimited"
[[formats.answers.records]]
kind = "detail"
fields = [{ name = "reference", at = 1 }, { name = "code", at = 2, type = "code" }]
"""
SHEET = """
[formats.outbound]
framing = "xlsx"
[[formats.outbound.records]]
kind = "detail"
tag = { at = 1, is = "D" }
fields = [{ name = "reference", at = 2 }, { name = "quantity", at = 3, type = "integer" }]
[[formats.outbound.records]]
kind = "addenda"
tag = { at = 1, is = "A" }
fields = [{ name = "member_ref", at = 2 }]
"""
BYTES = """
[formats.outbound]
framing = "fixed"
width = 40
line_end = "none"
columns = "bytes"
encoding = "cp037"
[[formats.outbound.records]]
kind = "detail"
fields = [
  { name = "reference", at = [1, 20] },
  { name = "quantity", at = [21, 24], type = "packed" },
  { name = "ordinal", at = [25, 28], type = "binary" },
]
"""


def agreed(layout: str, max_records: int = 500_000) -> Agreement:
    """The agreement with a payout layout."""
    return parse(DOCUMENT.replace("500000", str(max_records)) + layout)


def test_a_workbook_may_be_sent() -> None:
    assert agreed(SHEET).payout.max_records == 500_000


def test_a_batch_must_fit_into_a_sheet() -> None:
    with pytest.raises(InvalidAgreement) as refused:
        agreed(SHEET, max_records=600_000)
    [mistake] = refused.value.violations
    assert (mistake.field, mistake.expected) == (
        "payout.max_records",
        "at most 524286, as a sheet has 1048576 rows (line 10)",
    )


@pytest.mark.parametrize(
    ("packed", "most"), [("packed", 9_999_999), ("binary", 2**31 - 1), ("integer", 9_999)]
)
def test_a_quantity_has_the_room_of_its_bytes(packed: str, most: int) -> None:
    agreement = agreed(BYTES.replace('"packed"', f'"{packed}"'))
    assert max_quantity(agreement.payout.layout) == most
