"""The demo runs from a wheel: its agreements are in it."""

from __future__ import annotations

from hatchling.builders.wheel import WheelBuilder

from handback_server.demo.plan import CASES
from sources import ROOT


def test_the_wheel_contains_the_example_agreements() -> None:
    files = WheelBuilder(str(ROOT)).recurse_included_files()
    shipped = {file.distribution_path for file in files}
    assert {f"handback_server/demo/agreements/{name}.toml" for name in CASES} <= shipped
