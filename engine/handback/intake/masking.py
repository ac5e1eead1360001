"""Findings and the lines around them, as whoever may not see restricted reasons is shown them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from handback.intake import queries
from handback.intake.context import Line, PlacedFinding
from handback.intake.desk import Desk
from handback.intake.queries import FileView, FindingView
from handback.partners.agreement import Handback
from handback.partners.restricted import Telling, telling


def masked_findings(
    desk: Desk, programme: str, file_id: int, findings: Iterable[FindingView]
) -> list[FindingView]:
    """Findings of a file of a programme, without texts that may tell such a reason."""
    with desk.store.read() as tx:
        handback = _handback(desk, tx, queries.get(tx, programme, file_id))
    return [_masked(one, handback) for one in findings]


def masked_place(desk: Desk, programme: str, file_id: int, found: PlacedFinding) -> PlacedFinding:
    """A finding in its place, without texts and lines that may tell such a reason."""
    with desk.store.read() as tx:
        handback = _handback(desk, tx, queries.get(tx, programme, file_id))
    tells = telling(handback) if handback else None
    lines = tuple(
        line for line in found.lines if not (handback and tells and _says(line, handback, tells))
    )
    return PlacedFinding(_masked(found.finding, handback), lines)


def _masked(finding: FindingView, handback: Handback | None) -> FindingView:
    if handback is None or not finding.raw or not telling(handback)(finding.raw):
        return finding
    return replace(finding, raw=None)


def _says(line: Line, handback: Handback, tells: Telling) -> bool:
    # A line that was cut may go on with anything.
    return line.cut_bytes > 0 or tells(line.content.decode(handback.layout.encoding, "replace"))


def _handback(desk: Desk, tx: sa.Connection, file: FileView) -> Handback | None:
    """By what a file was read, None where it never was."""
    if file.agreement_version is None:
        return None
    terms = desk.agreements.at_version(tx, file.partner_id, file.agreement_version)
    return terms.agreement.handback
