"""Texts with a NUL in them, which PostgreSQL refuses: no file waits for ever because of one."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import xlsxwriter

from agreements import SKYWAYS, source_of
from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind
from handback.partners import registry
from handback.store.session import Store
from world import World

FIELDS = """
framing = "{framing}"
{more}
[[formats.handback.records]]
kind = "header"
{header}
fields = [{{ name = "message_id", at = {message_id} }}]
[[formats.handback.records]]
kind = "detail"
{detail}
fields = [
  {{ name = "reference", at = {reference} }},
  {{ name = "code", at = {code}, type = "code" }},
  {{ name = "quantity", at = {quantity} }},
]
"""
JSON = FIELDS.format(
    framing="json",
    more="",
    header='path = "."',
    message_id='"id"',
    detail='path = "answers"',
    reference='"reference"',
    code='"code"',
    quantity='"miles", type = "integer"',
)
SHEET = FIELDS.format(
    framing="xlsx",
    more="",
    header='tag = { at = 1, is = "H" }',
    message_id="2",
    detail='tag = { at = 1, is = "D" }',
    reference="2",
    code="3",
    quantity='4, type = "integer"',
)
BYTES = FIELDS.format(
    framing="fixed",
    more='width = 20\ncolumns = "bytes"\nline_end = "none"\nencoding = "cp037"',
    header='tag = { at = [1, 1], is = "H" }',
    message_id="[2, 8]",
    detail='tag = { at = [1, 1], is = "D" }',
    reference="[2, 8]",
    code="[9, 16]",
    quantity='[17, 20], type = "binary"',
)


def in_json() -> bytes:
    """The file as JSON."""
    answer = {"reference": "NO\0BODY", "code": "0000", "miles": 100}
    return json.dumps({"id": "M\0N", "answers": [answer]}).encode()


def in_cells() -> bytes:
    """The file as a workbook."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["H", "M\0N"])
        sheet.write_row(1, 0, ["D", "NO\0BODY", "0000", 100])
    return content.getvalue()


def in_bytes() -> bytes:
    """The file as records of a mainframe."""
    texts = ["HM\0N".ljust(20), "DNO\0BODY0000".ljust(16)]
    return "".join(texts).encode("cp037") + (100).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("layout", "content"), [(JSON, in_json()), (SHEET, in_cells()), (BYTES, in_bytes())]
)
def test_a_file_with_a_nul_in_its_texts_is_reconciled(
    store: Store, clock: FakeClock, tmp_path: Path, layout: str, content: bytes
) -> None:
    world = World(store, clock, tmp_path)
    source = source_of(SKYWAYS).partition("[formats.handback]")[0]
    source = source.replace(', "member"]]', "]]")
    registry.apply(store, clock, f"{source}[formats.handback]\n{layout}", "tests")
    file = world.answer(content)
    assert (str(file.state), file.message_id) == ("reconciled", "M\N{REPLACEMENT CHARACTER}N")
    (found,) = world.breaks()
    assert found.kind is BreakKind.UNKNOWN_REFERENCE
    assert found.reference == "NO\N{REPLACEMENT CHARACTER}BODY"
    assert found.raw is not None
    assert "\0" not in found.raw
    world.assert_laws()
