"""What a break rests on: the record and its file, what was found in it, what came before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from handback.breaks import notes, queries
from handback.breaks.notes import Note
from handback.breaks.queries import BreakView
from handback.intake import queries as files
from handback.intake.queries import FileView, FindingView

# A record has a finding for each of its fields at most.
_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class Dossier:
    """A break with its history and its evidence.

    `file` is the one that holds the record, with the `findings` in that record; `earlier` are
    breaks about the same, the newest first. Line and agreement version are 0 where not known.
    """

    view: BreakView
    history: Sequence[Note]
    line: int
    agreement_version: int
    file: FileView | None
    findings: Sequence[FindingView]
    earlier: Sequence[BreakView]

    def masked(self) -> Dossier:
        """All this, as whoever may not see restricted reasons is shown it.

        Of the history of a restricted break is left what was done, by whom and when.
        """
        restricted = self.view.is_restricted
        notes = [replace(note, text=None) for note in self.history] if restricted else self.history
        return replace(
            self,
            view=self.view.masked(),
            history=notes,
            findings=[] if restricted else self.findings,
            earlier=[one.masked() for one in self.earlier],
        )


def dossier(tx: sa.Connection, programme: str, break_id: int) -> Dossier:
    """Everything there is to know of a break. Raises NotFound."""
    view = queries.get(tx, programme, break_id)
    file = None if view.file_id is None else files.by_id(tx, view.file_id)
    findings: Sequence[FindingView] = ()
    if file is not None and view.ordinal is not None:
        findings = files.findings_of(tx, file.file_id, view.ordinal, _FINDINGS)
    return Dossier(
        view=view,
        history=notes.history(tx, break_id),
        line=int(view.facts.get("line", 0)),
        agreement_version=int(view.facts.get("agreement_version", 0)),
        file=file,
        findings=findings,
        earlier=queries.earlier(tx, view),
    )
