"""The bytes around a place in a landed file, as a person wants to see them beside a finding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from handback.exchange.envelope import Unopenable
from handback.formats.layout import Framing, Kind, Layout
from handback.intake import queries
from handback.intake.desk import Desk
from handback.intake.opening import opened
from handback.intake.queries import FindingView

_LINES_AROUND: Final = 2
_SHOWN_BYTES: Final = 400
_PIECE_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, without its end; `cut_bytes` is how much of it is left out."""

    number: int
    content: bytes
    cut_bytes: int


@dataclass(frozen=True, slots=True)
class PlacedFinding:
    """A finding and the lines around its place; none where it concerns the file as a whole."""

    finding: FindingView
    lines: tuple[Line, ...]


def placed_finding(desk: Desk, programme: str, file_id: int, number: int) -> PlacedFinding:
    """One finding in its place. Raises NotFound, also where the bytes are not kept any more."""
    with desk.store.read() as tx:
        finding = queries.finding(tx, programme, file_id, number)
        file = queries.by_id(tx, file_id)
        if finding.line is None or file.agreement_version is None:
            return PlacedFinding(finding, ())
        terms = desk.agreements.at_version(tx, file.partner_id, file.agreement_version)
    try:
        handback = terms.agreement.handback
        with opened(desk, file.landing_key, handback) as found:
            lines = around(found.content, handback.layout, finding.line)
            return PlacedFinding(finding, tuple(lines))
    except Unopenable:
        return PlacedFinding(finding, ())


def around(content: BinaryIO, layout: Layout, line: int) -> Iterator[Line]:
    """The line with that number, as findings and records give it, and those beside it.

    There are none where the layout has no lines.
    """
    if layout.framing is Framing.XLSX:
        return iter(())  # its rows are packed away
    if layout.framing is Framing.FIXED and not layout.line_end:
        return records_around(content, layout, line)
    return lines_around(content, line)


def records_around(content: BinaryIO, layout: Layout, number: int) -> Iterator[Line]:
    """The same of records that run on: the record with that number and those beside it."""
    head = next((one.width for one in layout.of(Kind.HEADER) if not one.tag), layout.width)
    first = max(1, number - _LINES_AROUND)
    content.seek(head + (first - 2) * layout.width if first > 1 else 0)
    for one in range(first, number + _LINES_AROUND + 1):
        record = content.read(head if one == 1 else layout.width)
        if record:
            yield Line(one, record[:_SHOWN_BYTES], max(0, len(record) - _SHOWN_BYTES))


def lines_around(content: BinaryIO, line: int) -> Iterator[Line]:
    """The line with that number, from 1, and up to two before and after it, in bounded memory."""
    wanted = range(line - _LINES_AROUND, line + _LINES_AROUND + 1)
    number, begin, size_bytes = 1, b"", 0
    while number < wanted.stop and (piece := content.readline(_PIECE_BYTES)):
        begin = begin or piece[:_SHOWN_BYTES]
        size_bytes += len(piece)
        if piece.endswith(b"\n"):
            if number in wanted:
                yield _line(number, begin, size_bytes - 1)
            number, begin, size_bytes = number + 1, b"", 0
    if size_bytes and number in wanted:
        yield _line(number, begin, size_bytes)


def _line(number: int, begin: bytes, size_bytes: int) -> Line:
    """A line of which the beginning is known, and how long it is without its end."""
    shown = begin[:_SHOWN_BYTES].removesuffix(b"\n").removesuffix(b"\r")
    return Line(number, shown, max(0, size_bytes - _SHOWN_BYTES))
