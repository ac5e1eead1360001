"""One member's redemptions, step by step, with the files in which each step travelled."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from handback.ids import Prefix
from handback.intake.queries import FILE
from handback.payouts.outcomes import OF_ATTEMPT
from handback.reports import declaring as d
from handback.reports.columns import REDEMPTION, of_programme, reason_columns
from handback.reports.events import ATTEMPT, BATCH, shown
from handback.reports.reading import Reading
from handback.reports.report import Report
from handback.reports.stretches import BLOCK, EVENT
from handback.store.bulk import fetch_frame


def rows(asked: Reading) -> d.Rows:
    """One frame: no member has more than somebody can read."""
    found = fetch_frame(asked.tx, _select(asked))
    ordered = found.sort("committed_at", "redemption_id", "version")
    yield shown(asked, ordered).select(one.name for one in MEMBER.columns)


def _select(asked: Reading) -> sa.Select[Any]:
    event = ("redemption_id", "version", "trigger", "from_state", "to_state", "attempt", "quantity")
    return (
        sa.select(
            *(EVENT.c[name] for name in event),
            *reason_columns(asked),
            REDEMPTION.c.partner_id,
            REDEMPTION.c.unit_id,
            BLOCK.c.committed_at,
            BLOCK.c.actor,
            BATCH.c.batch_id,
            BATCH.c.file_name.label("payout_file"),
            ATTEMPT.c.ordinal.label("payout_record"),
            EVENT.c.file_id,
            FILE.c.name.label("handback_file"),
            EVENT.c.ordinal.label("record"),
        )
        .join(EVENT, EVENT.c.redemption_id == REDEMPTION.c.redemption_id)
        .join(BLOCK, BLOCK.c.block_id == EVENT.c.block_id)
        .outerjoin(ATTEMPT, OF_ATTEMPT)
        .outerjoin(BATCH, BATCH.c.batch_id == ATTEMPT.c.batch_id)
        .outerjoin(FILE, FILE.c.file_id == EVENT.c.file_id)
        .where(REDEMPTION.c.programme_id == asked.programme_id)
        .where(REDEMPTION.c.member_ref == asked.text("member"), of_programme(asked))
        .where(BLOCK.c.committed_at >= asked.from_at, BLOCK.c.committed_at < asked.to_at)
    )


MEMBER: Final = Report(
    name="member",
    sentence="Every step of one member's redemptions, with files and records.",
    parameters=(
        d.Parameter("member", d.ParameterKind.TEXT, "The member.", required=True),
        *d.PERIOD,
        d.PARTNER,
        d.UNIT,
    ),
    columns=(
        d.instant("committed_at", "When it was committed."),
        d.public("redemption_id", Prefix.REDEMPTION, "The redemption that moved."),
        d.integer("version", "Which step of the redemption it is, from 1.", total=False),
        d.text("trigger", "What moved it."),
        d.text("from_state", "Where it stood; `none` before its submission."),
        d.text("to_state", "Where it stands then."),
        d.integer("attempt", "The attempt that is concerned; 0 where none is.", total=False),
        d.quantity("quantity", "How much moved.", total=False),
        d.text("unit", "The unit of the quantity."),
        d.text("partner", "The partner."),
        d.text("reason_class", "What the partner's code means; `none` where there is no answer."),
        d.text("reason_code", "The partner's code; empty where it gave none."),
        d.public("batch_id", Prefix.PAYOUT_BATCH, "The payout batch of the attempt."),
        d.text("payout_file", "The name of the batch's file."),
        d.integer("payout_record", "The place of the attempt in that file, from 1.", total=False),
        d.public("file_id", Prefix.HANDBACK_FILE, "The hand-back file whose record it was."),
        d.text("handback_file", "The name of that file."),
        d.integer("record", "The place of that record in the file, from 1.", total=False),
        d.text("actor", "Who wrote it."),
    ),
    rows=rows,
    drills=(
        d.Drill(("redemption_id",), "events", columns={"redemption": "redemption_id"}),
        d.Drill(("payout_record",), "attempts", columns={"batch": "batch_id"}),
        d.Drill(("record",), "records", columns={"file": "file_id", "record": "record"}),
    ),
)
