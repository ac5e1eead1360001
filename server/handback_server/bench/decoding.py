"""Decoding: a hand-back file of each kind, beside Polars' own CSV reader on the same bytes.

Of files that are not delimited the reader makes lines, one column of them. A workbook is packed, so
the reader gets its cells as delimited text.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Final

import polars as pl

from handback.formats.compiling import compile_layout
from handback.formats.decode import decode
from handback.formats.encode import encode
from handback.formats.layout import Framing, Layout
from handback.formats.references import ReferenceTemplate
from handback_server.bench.apart import Meter, apart
from handback_server.bench.ground import Ground
from handback_server.bench.sheets import workbook

_TRIES: Final = 3
_TEMPLATE: Final = "HB{key:018}"
_CELLS: Final = ("reference", "code", "quantity", "member_ref")
_TYPES: Final = {"code": ', type = "code"', "quantity": ', type = "integer"'}
_COLUMNS: Final = {
    "reference": "[3, 22]",
    "code": "[23, 26]",
    "quantity": "[27, 36]",
    "member_ref": "[37, 56]",
}
_LINES: Final = {
    "delimited": 'framing = "delimited"',
    "latin-1": 'framing = "delimited"\nencoding = "latin-1"',
    "two delimiters": 'framing = "delimited"\ndelimiter = "%%"',
    "quoted": 'framing = "delimited"',
}
_RECORDS: Final = {
    "fixed": 'framing = "fixed"\nwidth = 60',
    "fixed, EBCDIC, no lines": (
        'framing = "fixed"\nwidth = 60\nencoding = "cp037"\ncolumns = "bytes"\nline_end = "none"'
    ),
}
_SHEETS: Final = {"xlsx": 'framing = "xlsx"'}
_TREES: Final = {
    "xml": 'framing = "xml"',
    "json": 'framing = "json"',
    "json lines": 'framing = "json_lines"',
}


def decoding(ground: Ground, records: int, order: str) -> Mapping[str, object]:
    """Decode so many records of each kind; neither store nor order mean anything here."""
    documents = {
        **{
            kind: top + _detail(_cell, 'tag = { at = 1, is = "D" }')
            for kind, top in (_LINES | _SHEETS).items()
        },
        **{
            kind: top + _detail(_span, 'tag = { at = [1, 2], is = "DT" }')
            for kind, top in _RECORDS.items()
        },
        **{
            kind: top + _detail(_path, 'path = "."' if kind == "json lines" else 'path = "R/A"')
            for kind, top in _TREES.items()
        },
    }
    return {
        "records": records,
        "kinds": [apart(_one, kind, text, records) for kind, text in documents.items()],
    }


def _one(kind: str, document: str, records: int) -> Mapping[str, object]:
    layout = compile_layout("bench", tomllib.loads(document))
    plain = layout
    if layout.framing is Framing.XLSX:
        plain = replace(layout, framing=Framing.DELIMITED, delimiter=",")
    text = _content(plain, kind, records)
    content = text if plain is layout else workbook(text)
    ours = min(_timed(partial(_decode, layout, content, records)) for _ in range(_TRIES))
    theirs = min(_timed(partial(_read_csv, plain, text)) for _ in range(_TRIES))
    return {
        "kind": kind,
        "records_per_s": round(records / ours[1]),
        "cpu_us_a_record": round(ours[0] / records * 1e6, 2),
        "polars_cpu_us_a_record": round(theirs[0] / records * 1e6, 2),
        "ratio_to_polars": round(ours[0] / theirs[0], 1),
        "bytes_a_record": round(len(content) / records),
    }


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Processor time and seconds of one piece of work."""
    with Meter() as meter:
        work()
    return meter.figures.cpu_s, meter.figures.seconds


def _decode(layout: Layout, content: bytes, records: int) -> None:
    decoded = decode(layout, ReferenceTemplate.parse(_TEMPLATE), io.BytesIO(content))
    read = sum(chunk.details.height for chunk in decoded)
    assert read == records and decoded.facts.worst is None, decoded.facts


def _read_csv(layout: Layout, content: bytes) -> None:
    cells = layout.framing is Framing.DELIMITED and len(layout.delimiter) == 1
    names = ["kind", *_CELLS] if cells else ["line"]
    pl.read_csv(
        content,
        has_header=False,
        separator=layout.delimiter if cells else "\x01",
        quote_char='"' if cells else None,
        schema=dict.fromkeys(names, pl.String()),
        encoding="utf8-lossy",
    )


def _content(layout: Layout, kind: str, records: int) -> bytes:
    """A file of so many answers; each tenth record of a quoted one has a delimiter in a cell."""
    numbers = pl.DataFrame({"redemption_id": pl.int_range(1, records + 1, eager=True)})
    numbers = numbers.with_columns(attempt=pl.lit(1), ordinal=pl.col("redemption_id"))
    template = ReferenceTemplate.parse(_TEMPLATE)
    references = template.render(numbers, batch=1, on=date(2026, 1, 5))["reference"]
    odd = (pl.col("redemption_id") % 10 == 0) & pl.lit(kind == "quoted")
    details = numbers.select(
        references,
        code=pl.lit("0000"),
        quantity=pl.col("redemption_id") % 50_000 + 1,
        member_ref=pl.when(odd).then(pl.lit("Doe, Jane")).otherwise(pl.lit("M1000000")),
    )
    out = io.BytesIO()
    encode(layout, {}, details.iter_slices(50_000), out)
    return out.getvalue()


def _detail(place: Callable[[int, str], str], told_by: str) -> str:
    """The table of a detail record with four fields."""
    fields = ",\n".join(
        f'  {{ name = "{name}", at = {place(number, name)}{_TYPES.get(name, "")} }}'
        for number, name in enumerate(_CELLS, start=2)
    )
    return f'\n[[records]]\nkind = "detail"\n{told_by}\nfields = [\n{fields}\n]\n'


def _cell(number: int, name: str) -> str:
    return str(number)


def _span(number: int, name: str) -> str:
    return _COLUMNS[name]


def _path(number: int, name: str) -> str:
    return f'"{name}"'
