"""Findings and the lines around them, as whoever may not see restricted reasons is shown them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from handback.intake import queries
from handback.intake.context import Line, PlacedFinding
from handback.intake.desk import Desk
from handback.intake.queries import FindingView
from handback.partners.agreement import Handback
from handback.partners.restricted import Telling, telling


def masked_findings(
    desk: Desk, programme: str, file_id: int, findings: Iterable[FindingView]
) -> list[FindingView]:
    """Findings of a file of a programme, without texts that may tell such a reason."""
    handback = _handback(desk, programme, file_id)
    if handback is None:
        return list(findings)
    tells = telling(handback)
    return [_masked(one, tells) for one in findings]


def masked_place(desk: Desk, programme: str, file_id: int, found: PlacedFinding) -> PlacedFinding:
    """A finding in its place, without texts and lines that may tell such a reason."""
    handback = _handback(desk, programme, file_id)
    if handback is None:
        return found
    tells, encoding = telling(handback), handback.layout.encoding
    lines = tuple(line for line in found.lines if not _says(line, encoding, tells))
    return PlacedFinding(_masked(found.finding, tells), lines)


def _masked(finding: FindingView, tells: Telling) -> FindingView:
    return replace(finding, raw=None) if finding.raw and tells(finding.raw) else finding


def _says(line: Line, encoding: str, tells: Telling) -> bool:
    # A line that was cut may go on with anything.
    return line.cut_bytes > 0 or tells(line.content.decode(encoding, "replace"))


def _handback(desk: Desk, programme: str, file_id: int) -> Handback | None:
    """By what a file was read, None where it never was."""
    with desk.store.read() as tx:
        file = queries.get(tx, programme, file_id)
        if file.agreement_version is None:
            return None
        terms = desk.agreements.at_version(tx, file.partner_id, file.agreement_version)
    return terms.agreement.handback
