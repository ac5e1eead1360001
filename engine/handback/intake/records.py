"""The records of a landed file, read again as they were read when it came in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from handback.errors import NotFound
from handback.exchange.envelope import Unopenable
from handback.formats.decode import decode
from handback.formats.findings import DETAIL, Severity
from handback.ids import Prefix, public_id
from handback.intake import queries
from handback.intake.context import Line, around
from handback.intake.desk import Desk
from handback.intake.fan_out import FanOut
from handback.intake.opening import opened
from handback.intake.prepare import CHUNK_RECORDS
from handback.intake.queries import FileView
from handback.partners.agreement import Agreement
from handback.partners.codes import CodeMap
from handback.partners.restricted import RESTRICTED, telling
from handback.store.shape import shape

RECORDS: Final = pl.Schema({**DETAIL, "flaw": pl.String()})
"""A detail; or a record that cannot be read, of which there is its place, its text and the flaw."""

# What a restricted record would tell of its reason.
_TELLING: Final = ("code", "outcome", "raw")


@dataclass(frozen=True, slots=True)
class PlacedRecord:
    """One record of a file (a row of RECORDS), and the lines around its place.

    There are no lines where the form of the file has none, as in a workbook.
    """

    record: dict[str, Any]
    lines: tuple[Line, ...]


def placed_record(
    desk: Desk, programme: str, file_id: int, ordinal: int, *, unmasked: bool
) -> PlacedRecord:
    """One record in its place. Raises NotFound, also where the bytes are not kept any more.

    Unless `unmasked`, restricted records say nothing, and lines of theirs are left out.
    """
    with desk.store.read() as tx:
        file = queries.get(tx, programme, file_id)
    nearby = _nearby(desk, file, ordinal)
    mine = nearby.filter(pl.col("ordinal") == ordinal)
    if mine.is_empty():
        place = f"{public_id(Prefix.HANDBACK_FILE, file_id)} {ordinal}"
        raise NotFound(kind="record", id=place)
    agreement, row = agreement_of(desk, file), mine.row(0, named=True)
    with opened(desk, file.landing_key, agreement.handback) as found:
        lines = tuple(around(found.content, agreement.handback.layout, row["line"]))
    if unmasked:
        return PlacedRecord(row, lines)
    hidden = nearby.filter(restricted(nearby, file, agreement))
    if ordinal in hidden["ordinal"]:
        row |= dict.fromkeys(_TELLING)
    return PlacedRecord(row, tuple(line for line in lines if not _of(hidden, nearby, line.number)))


def restricted(found: pl.DataFrame, file: FileView, agreement: Agreement) -> pl.Series:
    """Which records of a file (columns of RECORDS) have a reason that not everybody may see.

    What could not be read has no class; its text has to do.
    """
    tells = telling(agreement.handback)
    texts = found.select("flaw", "raw").rows()
    unread = [flaw is not None and tells(raw or "") for flaw, raw in texts]
    classes = codes_of(agreement, file).classify(found)["reason_class"]
    return (classes == int(RESTRICTED)) | pl.Series(unread, dtype=pl.Boolean)


def _nearby(desk: Desk, file: FileView, ordinal: int) -> pl.DataFrame:
    """The records around one, with all that stand on the lines beside it; empty without it."""
    before = after = found = pl.DataFrame(schema=RECORDS)
    for chunk in records(desk, file):
        if len(found):
            after = chunk
            break
        if ordinal in chunk["ordinal"]:
            found = chunk
        else:
            before = chunk
    return pl.concat([before, found, after]) if len(found) else found


def _of(hidden: pl.DataFrame, nearby: pl.DataFrame, line: int) -> bool:
    """Whether a line belongs to a hidden record: it begins there, or runs on from before."""
    if line in hidden["line"]:
        return True
    last = nearby.filter(pl.col("line") <= line)["line"].max()
    return last is not None and last in hidden["line"]


def records(desk: Desk, file: FileView) -> Iterator[pl.DataFrame]:
    """The records of a file in their order, chunk by chunk; schema RECORDS.

    An answer to a whole batch is as many records as it became. There are none of a file that was
    refused as it came or cannot be opened. Raises NotFound where the bytes are not kept any more.
    """
    if file.agreement_version is None or file.verdict is None:
        return
    agreement = agreement_of(desk, file)
    handback = agreement.handback
    try:
        with opened(desk, file.landing_key, handback) as found:
            decoded = decode(
                handback.layout,
                agreement.payout.reference,
                found.content,
                chunk_records=CHUNK_RECORDS,
                arrived_on=agreement.calendar.date_of(file.received_at),
            )
            fan_out = FanOut(desk.store, file.partner_id, file.received_at, CHUNK_RECORDS)
            for chunk in decoded:
                for details, findings in fan_out.of(chunk.details, chunk.findings):
                    yield _together(agreement.quantity.counted(details), findings)
    except Unopenable:
        return


def agreement_of(desk: Desk, file: FileView) -> Agreement:
    """The version of the agreement under which a file was read."""
    assert file.agreement_version is not None, file
    with desk.store.read() as tx:
        return desk.agreements.at_version(tx, file.partner_id, file.agreement_version).agreement


def codes_of(agreement: Agreement, file: FileView) -> CodeMap:
    """What codes mean in a file, by the day on which it was received."""
    return agreement.handback.codes.on(agreement.calendar.date_of(file.received_at))


def _together(details: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Sound records and rejected ones, by ordinal."""
    reject = (pl.col("severity") == int(Severity.REJECT)) & (pl.col("ordinal") > 0)
    rejected = findings.filter(reject).unique("ordinal", keep="first", maintain_order=True)
    flawed = rejected.select("ordinal", "line", "raw", flaw=pl.col("code"))
    every = pl.concat([details, flawed], how="diagonal_relaxed")
    return every.select(shape(RECORDS)).sort("ordinal")
