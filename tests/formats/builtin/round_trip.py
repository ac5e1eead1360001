"""Files written under the layout that reads them: what was said is read again."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import polars as pl

from formats.builtin.laws import assert_sound
from formats.partner_layouts import Reading
from handback.formats.encode import encode
from handback.formats.findings import DETAIL
from handback.formats.layout import Layout

Row = Mapping[str, object]


def written(layout: Layout, facts: Mapping[str, object], rows: Sequence[Row]) -> bytes:
    """A file with these details; what a row does not say is left blank."""
    names = sorted(layout.detail_names())
    frame = pl.DataFrame({name: pl.Series([row.get(name) for row in rows]) for name in names})
    out = io.BytesIO()
    told = dict.fromkeys(layout.fact_names()) | dict(facts)
    encode(layout, told, [frame] if rows else [], out)
    return out.getvalue()


def assert_round_trip(layout: Layout, facts: Mapping[str, object], rows: Sequence[Row]) -> Reading:
    """Reading what was written gives the canonical columns of the rows, without a finding."""
    reading = assert_sound(layout, written(layout, facts, rows))
    kept = [name for name in layout.detail_names() if name in DETAIL]
    for name in kept:
        assert reading.details[name].to_list() == [row.get(name) for row in rows], name
    assert reading.facts.records == len(rows)
    return reading
