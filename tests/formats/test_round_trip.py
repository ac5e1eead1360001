"""What is written under a layout is read back under it, and nothing else is."""

from __future__ import annotations

import hashlib
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from formats.generated import Sample, samples
from formats.partner_layouts import read
from handback.formats.compiling import compile_layout
from handback.formats.controls import exact_sum
from handback.formats.encode import encode
from handback.formats.findings import Severity


def written(sample: Sample, chunk: int = 5) -> bytes:
    """The bytes of a sample, which must agree with what encoding says of them."""
    layout = compile_layout("made_up", sample.document)
    out = io.BytesIO()
    encoded = encode(layout, sample.facts, sample.details.iter_slices(chunk), out)
    assert encoded.records == sample.details.height
    if "quantity" in sample.details.columns:
        assert encoded.quantity == exact_sum(sample.details["quantity"])
    assert encoded.size_bytes == len(out.getvalue())
    assert encoded.sha256 == hashlib.sha256(out.getvalue()).digest()
    return out.getvalue()


@settings(deadline=None)
@given(samples(), st.sampled_from([1, 3, 50_000]))
def test_what_is_written_is_read_back(sample: Sample, chunk_records: int) -> None:
    content = written(sample)
    layout = compile_layout("made_up", sample.document)
    reading = read(layout, content, chunk_records=chunk_records)
    assert reading.findings.is_empty(), reading.findings.rows()
    assert reading.details.select(sample.details.columns).equals(sample.details)
    assert {name: reading.facts.header[name] for name in sample.facts} == sample.facts
    assert reading.facts.records == sample.details.height


@settings(deadline=None)
@given(samples())
def test_the_same_details_give_the_same_bytes_however_they_come(sample: Sample) -> None:
    assert written(sample, 1) == written(sample, 3) == written(sample, 1000)


@settings(deadline=None)
@given(samples(), st.data())
def test_a_written_file_cut_anywhere_is_not_complete(sample: Sample, data: st.DataObject) -> None:
    content = written(sample)
    whole = len(content.rstrip(b"\r\n"))
    length = data.draw(st.integers(0, whole - 1))
    layout = compile_layout("made_up", sample.document)
    assert read(layout, content[:length]).facts.worst is Severity.QUARANTINE
