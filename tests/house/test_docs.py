"""What is generated from the code is what stands in the repository."""

from __future__ import annotations

from handback.lifecycle import render
from handback.reports import render as reports
from sources import ROOT


def test_the_page_of_the_lifecycle_is_fresh() -> None:
    assert (ROOT / render.PATH).read_text() == render.page()


def test_the_page_of_reports_is_fresh() -> None:
    assert (ROOT / reports.PATH).read_text() == reports.page()
