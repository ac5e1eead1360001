"""Every sample file gives the verdict that stands in the table: `verdicts.toml`.

The files are those of public projects; they lie beside the project and are not part of it. Each
is decoded under the built-in format of its family, or under a layout kept here (`layout`), and
judged as an agreement would that takes sound records and rejects the others.
"""

from __future__ import annotations

import time
import tomllib
import tracemalloc
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from formats.partner_layouts import Reading, read
from handback.formats.builtin import builtin
from handback.formats.compiling import compile_layout
from handback.formats.findings import Severity
from handback.formats.layout import Layout
from handback.partners.codes import BY_TEXT, CodeMap
from pages import table
from sources import ROOT

HERE = Path(__file__).parent
SAMPLES = HERE.parents[2] / "shared" / "samples"
TABLE: Mapping[str, Mapping[str, Any]] = tomllib.loads((HERE / "verdicts.toml").read_text())
KEYS = {"format", "layout", "verdict", "records", "rejected", "findings", "unmapped", "remark"}
VERDICTS = {"accepted", "accepted with findings", "quarantined", "refused"}
SECONDS, MEBIBYTES = 5, 100


@cache
def terms(entry: str) -> tuple[Layout, CodeMap | None]:
    """The layout of an entry, and the code map where its format brings one."""
    row = TABLE[entry]
    if "layout" in row:
        path = HERE / "layouts" / f"{row['layout']}.toml"
        return compile_layout(path.stem, tomllib.loads(path.read_text())), None
    found = builtin(row["format"])
    classes = {code: BY_TEXT[text] for code, text in found.codes.items()}
    return found.layout, CodeMap(classes) if classes else None


def unmapped(reading: Reading, codes: CodeMap | None) -> list[str]:
    """Codes that the map does not have: their records go to a person."""
    if codes is None:
        return []
    known = codes.classify(reading.details)
    return sorted(known.filter(~pl.col("mapped"))["code"].fill_null("").unique())


def verdict_of(reading: Reading, strangers: list[str]) -> str:
    """What an agreement that tolerates rejected records says of the file."""
    if reading.facts.worst is Severity.QUARANTINE:
        nothing = reading.facts.records == 0 and not reading.facts.header
        return "refused" if nothing else "quarantined"
    return "accepted with findings" if reading.facts.findings or strangers else "accepted"


def told(reading: Reading) -> set[str]:
    """The findings as the table writes them: line, code, and the field where there is one."""
    rows = reading.findings.select("line", "code", "field").iter_rows()
    return {" ".join(str(one) for one in row if one != "") for row in rows}


def on_the_page(entry: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    """An entry as docs/formats.md shows it."""
    read_as = f"`{row['format']}`" if "format" in row else "a layout of its own"
    records = str(row["records"])
    if "rejected" in row:
        records += f", {row['rejected']} rejected"
    return (entry, read_as, row["verdict"], records)


def test_the_page_shows_the_table() -> None:
    shown = table(ROOT / "docs" / "formats.md", "Samples")
    assert shown == [on_the_page(*one) for one in sorted(TABLE.items())]


def test_entries_say_nothing_unknown() -> None:
    for entry, row in TABLE.items():
        assert set(row) <= KEYS, entry
        assert ("format" in row) is not ("layout" in row), entry
        assert row["verdict"] in VERDICTS, entry


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not on this machine")
@pytest.mark.parametrize("entry", TABLE)
def test_a_sample_gives_the_verdict_of_the_table(entry: str) -> None:
    row = TABLE[entry]
    layout, codes = terms(entry)
    content = (SAMPLES / entry).read_bytes()
    tracemalloc.start()
    started = time.process_time()
    try:
        reading = read(layout, content, chunk_records=100)
        taken, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    strangers = unmapped(reading, codes)
    assert (verdict_of(reading, strangers), reading.facts.records) == (
        row["verdict"],
        row["records"],
    ), sorted(told(reading))
    assert reading.facts.rejected == row.get("rejected", 0)
    assert set(row.get("findings", [])) <= told(reading), sorted(told(reading))
    assert bool(row.get("findings")) == bool(reading.facts.findings), sorted(told(reading))
    assert strangers == row.get("unmapped", [])
    assert taken < SECONDS and peak < MEBIBYTES * 2**20


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not on this machine")
def test_no_sample_is_left_out() -> None:
    there = {str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*") if path.is_file()}
    assert there - {"SOURCES.md"} == set(TABLE)
