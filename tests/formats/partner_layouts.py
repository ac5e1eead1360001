"""Layouts the format tests share, and how they read with them. Examples, nobody's real formats."""

from __future__ import annotations

import io
import tomllib
from dataclasses import dataclass
from datetime import date

import polars as pl

from handback.formats.compiling import compile_layout
from handback.formats.decode import FileFacts, decode
from handback.formats.findings import DETAIL, FINDINGS, FindingCode
from handback.formats.layout import Layout
from handback.formats.references import ReferenceTemplate

DELIMITED = """
framing = "delimited"
[[records]]
kind = "header"
tag = { at = 1, is = "H" }
required = true
fields = [
  { name = "sequence", at = 2, type = "integer" },
  { name = "created_on", at = 3, type = "date", pattern = "YYYYMMDD" },
]
[[records]]
kind = "detail"
tag = { at = 1, is = "D" }
fields = [
  { name = "reference", at = 2, required = true },
  { name = "code", at = 3, type = "code", required = true },
  { name = "quantity", at = 4, type = "integer" },
  { name = "member_ref", at = 5 },
]
[[records]]
kind = "control"
tag = { at = 1, is = "T" }
required = true
fields = [
  { name = "record_count", at = 2, type = "integer", count = ["detail"] },
  { name = "quantity_total", at = 3, type = "integer", sum = "quantity" },
]
"""

FIXED = """
framing = "fixed"
width = 60
[[records]]
kind = "header"
tag = { at = [1, 2], is = "HD" }
required = true
fields = [
  { name = "sequence", at = [3, 8], type = "integer" },
  { name = "created_on", at = [9, 14], type = "date", pattern = "YYMMDD" },
]
[[records]]
kind = "detail"
tag = { at = [1, 2], is = "DT" }
fields = [
  { name = "reference", at = [3, 22], required = true },
  { name = "code", at = [23, 26], type = "code" },
  { name = "quantity", at = [27, 36], type = "integer" },
  { name = "member_ref", at = [37, 56] },
]
[[records]]
kind = "control"
tag = { at = [1, 2], is = "TR" }
required = true
fields = [
  { name = "record_count", at = [3, 10], type = "integer", count = ["detail"] },
  { name = "quantity_total", at = [11, 25], type = "integer", sum = "quantity" },
]
"""

NAMED = """
framing = "delimited"
delimiter = ";"
header = true
[[records]]
kind = "detail"
fields = [
  { name = "reference", column = "Reference", aliases = ["Ref"] },
  { name = "code", column = "Status", type = "code" },
  { name = "quantity", column = "Miles", type = "integer" },
]
"""

BATCHED = """
framing = "fixed"
width = 40
[[records]]
kind = "ignore"
tag = { at = [1, 2], is = "99" }
[[records]]
kind = "batch_header"
tag = { at = [1, 1], is = "5" }
required = true
fields = [
  { name = "batch", at = [2, 7], type = "integer", carry = true },
  { name = "answered_on", at = [8, 15], type = "date", carry = true },
]
[[records]]
kind = "detail"
tag = { at = [1, 1], is = "6" }
fields = [
  { name = "routing", at = [2, 9], type = "integer" },
  { name = "quantity", at = [10, 19], type = "integer" },
  { name = "batch_ordinal", at = [20, 25], type = "integer" },
]
[[records]]
kind = "addenda"
tag = { at = [1, 1], is = "7" }
required = true
fields = [
  { name = "code", at = [2, 4], type = "code" },
  { name = "reference", at = [5, 24] },
]
[[records]]
kind = "batch_control"
tag = { at = [1, 1], is = "8" }
required = true
fields = [
  { name = "entries", at = [2, 7], type = "integer", count = ["detail", "addenda"] },
  { name = "hash", at = [8, 17], type = "integer", sum = "routing", digits = 10 },
  { name = "total", at = [18, 29], type = "integer", sum = "quantity" },
]
[[records]]
kind = "control"
tag = { at = [1, 1], is = "9" }
required = true
fields = [
  { name = "batches", at = [2, 7], type = "integer", count = ["batch_header"] },
  { name = "hash", at = [8, 17], type = "integer", sum = "routing", digits = 10 },
]
"""


def layout_of(document: str, name: str = "handback") -> Layout:
    """The compiled layout of a TOML text."""
    return compile_layout(name, tomllib.loads(document))


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that decoding a file gave."""

    details: pl.DataFrame
    findings: pl.DataFrame
    facts: FileFacts
    chunks: int

    @property
    def codes(self) -> list[FindingCode]:
        """The codes of the findings, in order."""
        return [FindingCode(code) for code in self.findings["code"]]


def read(
    layout: Layout,
    content: bytes,
    template: ReferenceTemplate | None = None,
    *,
    chunk_records: int = 50_000,
    arrived_on: date = date(2026, 3, 3),
) -> Reading:
    """Decode a whole file, checking what must hold whatever its bytes are."""
    decoded = decode(
        layout,
        template,
        io.BytesIO(content),
        chunk_records=chunk_records,
        arrived_on=arrived_on,
    )
    chunks = list(decoded)
    details = pl.concat([DETAIL.to_frame(), *(chunk.details for chunk in chunks)])
    findings = pl.concat([FINDINGS.to_frame(), *(chunk.findings for chunk in chunks)])
    facts = decoded.facts
    rejects = findings.filter((pl.col("severity") == 2) & (pl.col("ordinal") > 0))
    rejected = set(rejects["ordinal"])
    assert sorted([*details["ordinal"], *rejected]) == list(range(1, facts.records + 1))
    assert details["ordinal"].is_sorted()
    assert facts.rejected == len(rejected)
    assert facts.findings == findings.height
    assert (facts.worst or 0) == (findings["severity"].max() or 0)
    return Reading(details, findings, facts, len(chunks))
