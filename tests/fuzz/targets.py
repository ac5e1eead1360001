"""What is fuzzed: each kind of decoder with its layouts, each envelope, and drafting.

A target takes any bytes and raises where something that must hold does not. The first byte of an
input says under which of the target's layouts the others are read.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sys
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import polars as pl

from formats.partner_layouts import BATCHED, DELIMITED, FIXED, NAMED, layout_of, read
from formats.test_blocks import BLOCKED
from formats.test_blocks import written as blocked_file
from formats.test_decode import DELIMITED_FILE, FIXED_FILE, batched_file
from formats.test_encodings import BINARY, BY_BYTES, LINES
from formats.test_json_and_sheets import ANSWERS, DOCUMENT, RESULTS, ROWS, SHEET, workbook
from formats.test_layout_kinds import NESTED, NESTED_FILE, PAIRS, RETURNS, pair, return_file
from formats.test_writing_kinds import BYTES
from formats.test_writing_kinds import NESTED as WITHIN
from formats.test_xml import (
    ONLY_RETURNED,
    REPORT,
    STATUS_REPORT,
    UNDER_ENTRIES,
    block,
    report,
    transaction,
)
from handback.errors import InvalidRequest
from handback.exchange.envelope import Unopenable, opened
from handback.formats.builtin import builtin, golden, list_builtin
from handback.formats.layout import Layout
from handback.onboarding.draft import Sample, draft
from handback.onboarding.golden import EXPECTED_SUFFIX
from handback.partners.vocabulary import Compression

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_CHUNK_RECORDS: Final = 20
_LIMIT_BYTES: Final = 1 << 20
_SHEET: Final = "xl/worksheets/sheet1.xml"


Cases = Sequence[tuple[Layout, bytes]]


@dataclass(frozen=True, slots=True)
class Target:
    """What is done with an input, and the inputs it starts from."""

    try_one: Callable[[bytes], None]
    seeds: Sequence[bytes]


def targets() -> dict[str, Target]:
    """All targets by name."""
    decoders = {
        "delimited": _delimited(),
        "fixed": _fixed(),
        "bytes": _bytes(),
        "xml": _xml(),
        "json": _json(),
        "json_lines": [(layout_of(ROWS), "\n".join(map(json.dumps, RESULTS)).encode())],
        "builtin": _builtin(),
    }
    return {
        **{name: _decoder(cases) for name, cases in decoders.items() if cases},
        "xlsx": _sheets(),
        **{kind.value: _envelope(kind) for kind in Compression},
        "draft": _draft(decoders.values()),
    }


def _decoder(cases: Cases) -> Target:
    layouts = list(dict.fromkeys(layout for layout, _ in cases))
    seeds = [bytes([layouts.index(layout)]) + content for layout, content in cases]
    return Target(partial(_decode, layouts), seeds)


def _decode(layouts: Sequence[Layout], content: bytes) -> None:
    """`read` asserts that every record is accounted for."""
    if content:
        layout = layouts[content[0] % len(layouts)]
        read(layout, content[1:], chunk_records=_CHUNK_RECORDS)


def _delimited() -> Cases:
    named = b"Reference;Status;Miles\nA1;0000;1\n"
    return [
        (layout_of(DELIMITED), DELIMITED_FILE),
        (layout_of(DELIMITED), b'H,7,20260105\r\nD,"A,1",0000,"1","a ""b""\nc"\r\nT,1,1\x1a'),
        (layout_of(NAMED), named),
        (layout_of(NAMED), b"\xef\xbb\xbf" + named.replace(b"\n", b"\r")),
        (layout_of(NESTED), NESTED_FILE.encode()),
        (layout_of(LINES.format(encoding="utf-8")), "R1|1|é\nR2|2|y\n".encode()),
        (layout_of(LINES.format(encoding="shift_jis")), "R1|1|表\n".encode("shift_jis")),
    ]


def _fixed() -> Cases:
    returns = "\n".join(return_file())
    return [
        (layout_of(FIXED), FIXED_FILE),
        (layout_of(BATCHED), batched_file()),
        (layout_of(BLOCKED), blocked_file(1)),
        (layout_of(RETURNS), returns.encode()),
        (layout_of(RETURNS), returns.replace("\n", "").encode()),
        (layout_of(PAIRS), "\r\n".join(pair("03", "R1", "A405", 7) * 3).encode()),
    ]


def _bytes() -> Cases:
    """EBCDIC, two bytes a character, and numbers that are no text."""
    named = b"R1  " + "山田".encode("shift_jis").ljust(12) + b"00001500"
    return [
        (layout_of(LINES.format(encoding="cp037")), "R1|1|x\nR2|2|y\n".encode("cp037")),
        (layout_of(BY_BYTES.format(encoding="shift_jis", line_end="none")), named),
        (layout_of(BY_BYTES.format(encoding="shift_jis", line_end="lf")), named + b"\n"),
        (layout_of(BY_BYTES.format(encoding="cp037", line_end="lf")), b"\xd9\xf1" * 12 + b"\x15"),
        (layout_of(BINARY), bytes(range(150))),
        (
            layout_of(BYTES),
            b"\xd9\xf1@@@@\x00\x15\x0c\x01\x02\x02\x01\xf0\xf1@\xf0\xf0\xf0\xf0\xc1",
        ),
    ]


def _xml() -> Cases:
    status = report("<GrpSts>PART</GrpSts>", block("", transaction("A", "RJCT", "AC01")))
    return [
        (layout_of(STATUS_REPORT), status),
        (layout_of(STATUS_REPORT), report("<GrpSts>RJCT</GrpSts>")),
        (layout_of(STATUS_REPORT), REPORT.encode()),
        (layout_of(ONLY_RETURNED), status),
        (layout_of(UNDER_ENTRIES), status),
    ]


def _json() -> Cases:
    orders = [{"ref": "A", "notes": [{"code": "01"}]}, {"ref": "B", "notes": {"code": "02"}}]
    return [
        (layout_of(ANSWERS), json.dumps(DOCUMENT).encode()),
        (layout_of(WITHIN), json.dumps({"file": {"number": 1, "orders": orders, "n": 4}}).encode()),
        (layout_of(WITHIN), b'{"file": {"number": 1, "n": 0}}'),
    ]


def _builtin() -> Cases:
    """Each built-in format with its own golden files."""
    return [
        (builtin(name).layout, path.read_bytes())
        for name in list_builtin()
        for path in golden(name).iterdir()
        if not path.name.endswith(EXPECTED_SUFFIX)
    ]


def _sheets() -> Target:
    book = workbook(pl.DataFrame({"Reference": ["A", "B"], "Status": ["0000", "1"]}))
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return Target(partial(_read_sheet, layout_of(SHEET), parts), [book, parts[_SHEET]])


def _read_sheet(layout: Layout, parts: dict[str, bytes], content: bytes) -> None:
    """A workbook, or else the markup of the sheet in one that is sound."""
    if not content.startswith(b"PK"):
        book = io.BytesIO()
        with zipfile.ZipFile(book, "w") as archive:
            for name, part in (parts | {_SHEET: content}).items():
                archive.writestr(name, part)
        content = book.getvalue()
    read(layout, content, chunk_records=_CHUNK_RECORDS)


def _envelope(kind: Compression) -> Target:
    plain = DELIMITED_FILE * 3
    match kind:
        case Compression.GZIP:
            seeds = [gzip.compress(plain, mtime=0), gzip.compress(plain, mtime=0) * 2 + b"\0"]
        case Compression.ZIP:
            seeds = [_zipped(plain, zipfile.ZIP_STORED), _zipped(plain, zipfile.ZIP_DEFLATED)]
        case Compression.BZIP2:
            seeds = [bz2.compress(plain), bz2.compress(b"")]
        case Compression.XZ:
            seeds = [lzma.compress(plain), lzma.compress(bytes(1 << 16))]
        case Compression.ZSTD:
            seeds = [zstd.compress(plain), zstd.compress(bytes(1 << 16)) * 2]
    return Target(partial(_open, kind), seeds)


def _zipped(plain: bytes, method: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("answer.csv"), plain)
    return packed.getvalue()


def _open(kind: Compression, content: bytes) -> None:
    """What is opened keeps within its limit; all else is refused with a code."""
    try:
        with opened(io.BytesIO(content), {kind}, _LIMIT_BYTES, io.BytesIO) as found:
            assert len(found.content.read()) <= max(_LIMIT_BYTES, len(content))
    except Unopenable:
        return


def _draft(decoders: Iterable[Cases]) -> Target:
    return Target(_propose, [content for cases in decoders for _, content in cases])


def _propose(content: bytes) -> None:
    """A draft of anything, or a refusal of it."""
    try:
        draft([Sample("sample", content)], "drafted")
    except InvalidRequest:
        return
