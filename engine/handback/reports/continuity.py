"""What every account of a partner was before a hand-back file, and what after."""

from __future__ import annotations

from typing import Final

from handback.ids import Prefix
from handback.intake import queries
from handback.ledger.continuity import Movement, continuity
from handback.reports import declaring as d
from handback.reports.reading import Reading
from handback.reports.report import Report

_SIDES: Final = {
    "opening": "What stood there before the file.",
    "came": "What the file brought there.",
    "left": "What the file took from there.",
    "others": "What was moved by others meanwhile.",
    "closing": "What stood there after the file.",
}


def rows(asked: Reading) -> d.Rows:
    """One frame with a row for each unit and account; none for a file that moved nothing."""
    file = queries.get(asked.tx, asked.programme, asked.needed("file"))
    found = continuity(asked.tx, file.file_id)
    movements = () if found is None else found.movements
    yield CONTINUITY.frame([_row(file.file_id, one) for one in movements])


def _row(file_id: int, movement: Movement) -> dict[str, object]:
    row: dict[str, object] = {
        "file_id": file_id,
        "unit": movement.unit,
        "account": str(movement.account),
    }
    for side in _SIDES:
        tally = getattr(movement, side)
        row |= {side: int(tally.count), f"{side}_quantity": int(tally.quantity)}
    return row


CONTINUITY: Final = Report(
    name="continuity",
    sentence="What a file moved on every account: opening + came - left + others = closing.",
    parameters=(
        d.Parameter(
            "file",
            d.ParameterKind.ID,
            "The hand-back file.",
            required=True,
            prefix=Prefix.HANDBACK_FILE,
        ),
    ),
    columns=(
        d.public("file_id", Prefix.HANDBACK_FILE, "The hand-back file."),
        d.text("unit", "The unit of the quantities."),
        d.text("account", "Where value stands."),
        *(
            column
            for side, sentence in _SIDES.items()
            for column in d.both(side, sentence, total=False)
        ),
    ),
    rows=rows,
    drills=(d.Drill(("file_id",), "events", columns={"file": "file_id"}),),
)
