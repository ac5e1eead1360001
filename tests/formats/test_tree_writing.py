"""XML and JSON as we write them: readable under the layout they were written under."""

from __future__ import annotations

import io
import json
from datetime import date

import polars as pl
import pytest

from formats.partner_layouts import layout_of, read
from handback.errors import InvalidRequest
from handback.formats.directions import outbound_mistakes
from handback.formats.encode import encode

ORDER = """
framing = "xml"
namespaces = ["urn:example:order:1"]
[[records]]
kind = "header"
path = "Order/Init/Head"
fields = [
  { name = "sequence", at = "@number", type = "integer" },
  { name = "created_on", at = "Made/On", type = "date", pattern = "YYYY-MM-DD" },
  { name = "count", at = "Count", type = "integer", count = ["detail"] },
]
[[records]]
kind = "batch_header"
path = "Order/Init/Block"
fields = [{ name = "unit", at = "Unit", carry = true }]
[[records]]
kind = "detail"
path = "Order/Init/Block/Line"
fields = [
  { name = "reference", at = "Refs/Id", required = true },
  { name = "member_ref", at = "Refs/To" },
  { name = "quantity", at = "Miles", type = "decimal", scale = 2 },
  { name = "code", at = "Miles/@kind" },
]
[[records]]
kind = "batch_control"
path = "Order/Init/Block"
fields = [{ name = "total", at = "Sum", type = "decimal", scale = 2, sum = "quantity" }]
"""
PARCEL = """
framing = "json"
[[records]]
kind = "header"
path = "."
fields = [
  { name = "sequence", at = "file/number", type = "integer" },
  { name = "unit", at = "unit" },
]
[[records]]
kind = "detail"
path = "batch/lines"
fields = [
  { name = "reference", at = "ref", required = true },
  { name = "member_ref", at = "to/account" },
  { name = "quantity", at = "miles", type = "decimal", scale = 2 },
  { name = "code", at = "to/kind" },
]
[[records]]
kind = "control"
path = "."
required = true
fields = [{ name = "records", at = "records", type = "integer", count = ["detail"] }]
"""
LINES = """
framing = "json_lines"
[[records]]
kind = "detail"
path = "."
fields = [
  { name = "reference", at = "ref", required = true },
  { name = "member_ref", at = "to/account" },
  { name = "quantity", at = "miles", type = "decimal", scale = 2 },
  { name = "code", at = "to/kind" },
]
"""
FACTS = {"sequence": 7, "created_on": date(2026, 1, 5), "unit": "a<b"}
DETAILS = pl.DataFrame(
    {
        "reference": ["R&1", "R2", "R3"],
        "member_ref": ['M "1" <x>', None, "\\back"],
        "quantity": [150, -7, None],
        "code": ["k'1", None, "k3"],
    }
)


def written(document: str, details: pl.DataFrame = DETAILS, pages: int = 2) -> bytes:
    """The bytes of some details."""
    layout = layout_of(document)
    assert not outbound_mistakes(layout)
    facts = {name: FACTS[name] for name in layout.fact_names()}
    out = io.BytesIO()
    encode(layout, facts, details.iter_slices(pages), out)
    return out.getvalue()


@pytest.mark.parametrize("document", [ORDER, PARCEL, LINES])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_what_is_written_is_read_back(document: str, count: int) -> None:
    details = DETAILS.head(count)
    reading = read(layout_of(document), written(document, details))
    assert set(reading.codes) <= ({"empty_file"} if document is LINES and not count else set())
    assert reading.details.select(details.columns).equals(details)
    if document is not LINES:
        assert reading.facts.header["sequence"] == 7
    if document is ORDER:
        assert reading.details["unit"].to_list() == ["a<b"] * count


def test_the_xml_is_as_people_would_write_it() -> None:
    assert written(ORDER, DETAILS.tail(1)).decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<Order xmlns="urn:example:order:1"><Init><Head number="7"><Made><On>2026-01-05</On></Made>'
        "<Count>1</Count></Head><Block><Unit>a&lt;b</Unit><Line><Refs><Id>R3</Id>"
        '<To>\\back</To></Refs><Miles kind="k3"></Miles></Line><Sum>0.00</Sum></Block></Init>'
        "</Order>\n"
    )


def test_the_json_is_json() -> None:
    assert json.loads(written(PARCEL)) == {
        "file": {"number": 7},
        "unit": "a<b",
        "batch": {
            "lines": [
                {"ref": "R&1", "to": {"account": 'M "1" <x>', "kind": "k'1"}, "miles": 1.5},
                {"ref": "R2", "miles": -0.07},
                {"ref": "R3", "to": {"account": "\\back", "kind": "k3"}},
            ]
        },
        "records": 3,
    }


@pytest.mark.parametrize("document", [ORDER, PARCEL, LINES])
def test_the_pages_do_not_matter(document: str) -> None:
    assert written(document, pages=1) == written(document, pages=3)


@pytest.mark.parametrize("document", [ORDER, PARCEL, LINES])
def test_what_cannot_be_said_is_refused(document: str) -> None:
    details = DETAILS.with_columns(reference=pl.Series(["a\nb", None, "c\x00"]))
    with pytest.raises(InvalidRequest) as refused:
        written(document, details)
    places = {violation.field for violation in refused.value.violations}
    assert places == {f"details[{row}].reference" for row in range(3)}
