"""The findings of one file as they come: counted all, kept so many, and what they amount to."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.exchange.envelope import EnvelopeFlaw
from handback.formats.findings import FINDINGS, FindingCode, Severity
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.tables import Finding

FINDING: Final = table_of(Finding)

# Of each severity, so that ten thousand notes never hide the one finding that condemns the file.
# A finding is at most about 1 KB (400 characters of raw record, its message and place), so a file
# never brings more than 3 x 5,000 x 1 KB = 15 MB of findings into the store.
KEPT_PER_SEVERITY: Final = 5_000


class OperatorNote(StrEnum):
    """What operators do with a file; noted beside its findings, and kept when it is replayed."""

    RELEASED = "released"
    REPLAYED = "replayed"
    DISCARD_ASKED = "discard_asked"
    DISCARDED = "discarded"


class FileNote(StrEnum):
    """What is found of a file as a whole, beside what its layout finds; fixed for ever."""

    ECHO = "echo"
    REPEATED = "repeated"
    RENAMED = "renamed"
    REWRAPPED = "rewrapped"
    UNANSWERED = "unanswered"
    BATCH_ANSWERED_AGAIN = "batch_answered_again"
    MESSAGE_ID_REUSED = "message_id_reused"
    SEQUENCE_REUSED = "sequence_reused"
    SEQUENCE_STEP_BACK = "sequence_step_back"
    SEQUENCE_GAP = "sequence_gap"


_ONLY_NOTED: Final = frozenset(
    {
        FileNote.ECHO,
        FileNote.REPEATED,
        FileNote.RENAMED,
        FileNote.REWRAPPED,
        FileNote.SEQUENCE_GAP,
    }
)

Code = FindingCode | FileNote | EnvelopeFlaw
Cause = tuple[str, str]
"""Why a file is quarantined: the code of a finding and the field it names, empty for none."""


class FindingLog:
    """Takes the findings of a file chunk by chunk, in bounded memory."""

    def __init__(self) -> None:
        self._kept: list[pl.DataFrame] = []
        self._counts: Counter[int] = Counter()
        self.causes: set[Cause] = set()

    @property
    def total(self) -> int:
        """How many findings there were, kept or not."""
        return self._counts.total()

    def count(self, severity: Severity) -> int:
        """How many findings of one severity there were, kept or not."""
        return self._counts[severity]

    def add(self, findings: pl.DataFrame) -> None:
        """Take findings of schema FINDINGS."""
        for severity in Severity:
            found = findings.filter(pl.col("severity") == severity)
            room = max(0, KEPT_PER_SEVERITY - self._counts[severity])
            self._kept.append(found.head(room))
            self._counts[severity] += len(found)
        condemning = findings.filter(pl.col("severity") == Severity.QUARANTINE)
        named = condemning.select("code", "field").unique().iter_rows()
        self.causes.update(named)

    def tell(self, code: Code, message: str) -> None:
        """Add one finding about the file as a whole; all but notes keep it in quarantine."""
        severity = Severity.NOTE if code in _ONLY_NOTED else Severity.QUARANTINE
        row = (0, 0, "", str(code), int(severity), message, "")
        self.add(pl.DataFrame([row], schema=FINDINGS, orient="row"))

    def kept(self) -> pl.DataFrame:
        """The findings that were kept, by line; schema FINDINGS."""
        every = pl.concat([pl.DataFrame(schema=FINDINGS), *self._kept])
        return every.sort("line", "ordinal", maintain_order=True)

    def replace(self, store: Store, tx: sa.Connection, file_id: int) -> int:
        """Make these the stored findings of a file, by line, behind what operators noted on it.

        Gives how many findings the file now has, kept or not.
        """
        notes = fetch_frame(tx, _of(file_id).where(FINDING.c.code.in_([*OperatorNote])))
        tx.execute(sa.delete(FINDING).where(FINDING.c.file_id == file_id))
        rows = self.kept().select(
            pl.lit(file_id, pl.Int64).alias("file_id"),
            "ordinal",
            pl.when(pl.col("line") > 0).then("line").alias("line"),
            _text("field"),
            "code",
            pl.col("severity").cast(pl.Int16),
            _text("message").fill_null(""),
            _text("raw"),
        )
        every = pl.concat([notes.select(rows.columns), rows]).with_row_index("number", offset=1)
        store.dialect.insert_frame(tx, FINDING, every.cast({"number": pl.Int32}))
        return len(notes) + self.total


def note(tx: sa.Connection, file_id: int, kind: OperatorNote | FileNote, message: str) -> None:
    """Write behind the findings of a file what an operator did with it, or why it is refused."""
    last = sa.select(sa.func.max(FINDING.c.number)).where(FINDING.c.file_id == file_id)
    place = {"file_id": file_id, "number": (tx.scalar(last) or 0) + 1, "ordinal": 0}
    said = {"code": str(kind), "severity": int(Severity.NOTE), "message": message}
    tx.execute(sa.insert(FINDING).values(**place, **said))


def _of(file_id: int) -> sa.Select[tuple[object, ...]]:
    return sa.select(FINDING).where(FINDING.c.file_id == file_id).order_by(FINDING.c.number)


def _text(name: str) -> pl.Expr:
    """A text the store can hold: null where empty, and without NUL, which PostgreSQL refuses."""
    text = pl.col(name).str.replace_all("\0", "\N{REPLACEMENT CHARACTER}", literal=True)
    return pl.when(text != "").then(text).alias(name)
