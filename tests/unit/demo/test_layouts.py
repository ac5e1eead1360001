"""The simulated partners write by hand what the engine reads by their agreements."""

from __future__ import annotations

import ast
import io
import sys
from pathlib import Path

import pytest

from handback.formats.decode import decode
from handback.partners.reading import parse
from handback_server.demo import partner as simulated
from handback_server.demo.layouts import Answer, Layout, Northbank, Request, Skyways, Staywell
from handback_server.demo.submissions import agreements

LAYOUTS = [Skyways(), Northbank(), Staywell()]
REQUESTS = {
    "skyways": [Request("HB000000000000010186", 1, 500, "miles")],
    "northbank": [
        Request("000002000001", 3, 250, "cad_cents"),
        Request("000001000001", 2, 100, "cad_cents"),
    ],
    "staywell": [Request("SW-000000000000010186", 1, 2, "nights")],
}
CODES = {"skyways": "0101", "northbank": "R/20", "staywell": "SOLD_OUT"}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.partner)
def test_hand_back_files_are_read_without_a_finding(layout: Layout) -> None:
    requests = REQUESTS[layout.partner]
    answers = [Answer(one, CODES[layout.partner], str(one.quantity)) for one in requests]
    text = layout.write(answers, 7, "20260303")
    agreement = parse(agreements()[layout.partner])
    stream = io.BytesIO(text.encode(layout.encoding))
    (chunk,) = decode(agreement.handback.layout, agreement.payout.reference, stream)
    assert chunk.findings.is_empty()
    read = zip(chunk.details["reference"], chunk.details["quantity"], strict=True)
    assert sorted(read) == sorted((one.reference, one.quantity) for one in requests)
    assert set(chunk.details["code"]) == {CODES[layout.partner]}


@pytest.mark.parametrize("module", ["partner", "layouts", "plan"])
def test_the_simulated_partner_knows_nothing_of_the_engine(module: str) -> None:
    source = Path(simulated.__file__).with_name(f"{module}.py").read_text()
    imported = {
        node.module
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    own = {name for name in imported if name.startswith("handback")}
    assert own <= {f"handback_server.demo.{name}" for name in ("layouts", "plan")}
    assert {name.partition(".")[0] for name in imported - own} <= sys.stdlib_module_names


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.partner)
def test_files_are_completed_as_the_agreement_asks(layout: Layout) -> None:
    assert layout.complete == parse(agreements()[layout.partner]).handback.complete
