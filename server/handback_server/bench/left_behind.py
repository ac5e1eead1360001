"""What redemptions leave behind, as selects over a series of numbers: one for a table and batch.

Every expression means the same on both stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from handback.breaks.decisions import Approval, Decision
from handback.breaks.kinds import BreakKind, Resolution
from handback.breaks.notes import NoteKind
from handback.intake.states import FileState, Verdict
from handback.journal.commit import CauseKind
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.payouts.states import BatchState
from handback.store.bulk import table_of
from handback.store.tables import (
    Attempt,
    Block,
    BlockTotal,
    Break,
    BreakNote,
    BreakProposal,
    Due,
    Event,
    HandbackFile,
    MemberDetail,
    PayoutBatch,
    Redemption,
    Request,
    RunChunk,
)
from handback_server.bench.engine import ACTOR, MEMBERS, PARTNER, UNIT
from handback_server.bench.past import PER_BREAK, STEPS, Batch, Step

# The series: one column `n`, from 0, with as many rows as the largest batch has redemptions.
Series = sa.Table


def rows(table: sa.Table, batch: Batch, series: Series) -> Iterator[sa.Select[Any]]:
    """What goes into a table for a batch, in order; nothing for tables that it leaves alone."""
    n = series.c.n
    match table.name:
        case "redemption":
            yield _redemptions(batch, n)
        case "request":
            yield _requests(batch, n)
        case "member_detail" if batch.state is not State.CONFIRMED:
            yield _select(
                table_of(MemberDetail),
                n < batch.count,
                redemption_id=batch.first + n,
                fields='{"surname":"Example"}',
            )
        case "due" if batch.state is State.SUBMITTED:
            yield _due(batch, n)
        case "attempt" if batch.state is not State.SUBMITTED:
            yield _attempts(batch, n)
        case "payout_batch" if batch.state is not State.SUBMITTED:
            yield _payout_batch(batch, n)
        case "handback_file" if batch.state is State.CONFIRMED:
            yield _handback_file(batch, n)
        case "break":
            yield _breaks(batch, n)
        case "break_note":
            yield _break_notes(batch, n)
        case "break_proposal":
            yield _break_proposals(batch, n)
        case "run_chunk" if batch.state is State.CONFIRMED:
            yield _run_chunks(batch, n)
        case "block":
            yield from (_block(batch, step, n) for step in batch.steps)
        case "block_total":
            for step in batch.steps:
                yield from _totals(batch, step, n)
        case "event":
            yield from (_events(batch, step, n) for step in batch.steps)
        case _:
            return


def member_of(redemption_id: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    """Whose redemption it is."""
    return _text("M", sa.func.substr(_digits(100_000_000 + redemption_id % MEMBERS), 2))


def request_key_of(redemption_id: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    """Under which key it was submitted; in the order of the ids."""
    return _text("grown-", sa.func.substr(_digits(10**13 + redemption_id), 2))


def quantity_of(redemption_id: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """What it asks for."""
    return redemption_id % 9_000 + 500


def _select(
    table: sa.Table, condition: sa.ColumnElement[bool], **columns: object
) -> sa.Select[Any]:
    """Rows of a table by column; what is not an expression is the same in all of them."""
    labelled = [
        (
            column
            if isinstance(column, sa.ColumnElement)
            else sa.literal(column, table.c[name].type)
        ).label(name)
        for name, column in columns.items()
    ]
    return sa.select(*labelled).where(condition)


def _text(*parts: sa.ColumnElement[str] | str) -> sa.ColumnElement[str]:
    joined: sa.ColumnElement[str] = sa.literal("", sa.Text)
    for part in parts:
        joined = joined.concat(part)
    return joined


def _digits(number: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    return sa.cast(number, sa.Text)


def _redemptions(batch: Batch, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    quantity = quantity_of(batch.first + n)
    done = batch.state is State.CONFIRMED
    return _select(
        table_of(Redemption),
        n < batch.count,
        redemption_id=batch.first + n,
        **_whose(batch),
        unit_id=batch.owner.unit_id,
        quantity=quantity,
        submitted_at=batch.submitted_at,
        state=int(batch.state),
        attempt=0 if batch.state is State.SUBMITTED else 1,
        version=len(batch.steps),
        held=0 if done else quantity,
        fulfilled=quantity if done else 0,
        member_ref=member_of(batch.first + n),
    )


def _requests(batch: Batch, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    """The hash is that of `Submit.content_hash`."""
    redemption_id = batch.first + n
    content = _text(
        f'["submit","{PARTNER}","',
        member_of(redemption_id),
        '",',
        _digits(quantity_of(redemption_id)),
        f',"{UNIT}",{{"surname":"Example"}}]',
    )
    return _select(
        table_of(Request),
        n < batch.count,
        programme_id=batch.owner.programme_id,
        request_key=request_key_of(redemption_id),
        content_hash=sa.func.sha256(sa.cast(content, sa.LargeBinary)),
        subject_id=redemption_id,
        version=1,
        created_at=batch.submitted_at,
    )


def _due(batch: Batch, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    return _select(
        table_of(Due),
        n < batch.count,
        redemption_id=batch.first + n,
        partner_id=batch.owner.partner_id,
        unit_id=batch.owner.unit_id,
        due_at=batch.submitted_at,
        same_reference=0,
    )


def _attempts(batch: Batch, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    """The reference carries the attempt's key, so it is not kept."""
    return _select(
        table_of(Attempt),
        n < batch.count,
        redemption_id=batch.first + n,
        attempt=1,
        partner_id=batch.owner.partner_id,
        batch_id=batch.batch_id,
        ordinal=n + 1,
        quantity=quantity_of(batch.first + n),
    )


def _whose(batch: Batch) -> dict[str, int]:
    return {"programme_id": batch.owner.programme_id, "partner_id": batch.owner.partner_id}


def _payout_batch(batch: Batch, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    sent_at, came_at = (batch.submitted_at + step.after for step in STEPS[1:])
    return _select(
        table_of(PayoutBatch),
        n < batch.count,
        batch_id=batch.batch_id,
        **_whose(batch),
        unit_id=batch.owner.unit_id,
        sequence=batch.sequence,
        agreement_version=batch.owner.agreement_version,
        state=int(BatchState.DISPATCHED),
        record_count=sa.func.count(),
        quantity=sa.func.sum(quantity_of(batch.first + n)),
        file_name=f"GROWN_{batch.sequence:06}.csv",
        fingerprint=_fingerprint("sent", batch),
        size_bytes=0,
        due_by=sent_at,
        sealed_at=sent_at,
        delivered_at=sent_at,
        dispatched_at=sent_at,
        settled_at=came_at if batch.state is State.CONFIRMED else None,
    )


def _handback_file(batch: Batch, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    came_at = batch.submitted_at + STEPS[2].after
    return _select(
        table_of(HandbackFile),
        n == 0,
        file_id=batch.file_id,
        **_whose(batch),
        name=f"grown-{batch.sequence:06}.csv",
        source="inbound",
        landing_key=_fingerprint("answered", batch).hex(),
        fingerprint=_fingerprint("answered", batch),
        size_bytes=0,
        state=int(FileState.RECONCILED),
        verdict=Verdict.ACCEPTED,
        agreement_version=batch.owner.agreement_version,
        file_sequence=str(batch.sequence),
        sequence_number=batch.sequence,
        record_count=batch.count,
        finding_count=0,
        actor="pick-up",
        received_at=came_at,
        closed_at=came_at,
    )


def _fingerprint(kind: str, batch: Batch) -> bytes:
    return f"{kind} {batch.sequence}".encode().ljust(32)


def _run_chunks(batch: Batch, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    step = STEPS[2]
    chunks = _grouped(batch, step, n)
    quantity = sa.func.sum(chunks.c.quantity)
    nothing = dict.fromkeys(
        f"{end}{what}" for end in ("repeats", "breaks", "rejects") for what in ("", "_quantity")
    )
    return _select(
        table_of(RunChunk),
        sa.true(),
        file_id=batch.file_id,
        chunk=chunks.c.block,
        block_id=batch.block_id + batch.blocks_before(step) + chunks.c.block,
        records=sa.func.count(),
        events=sa.func.count(),
        records_quantity=quantity,
        events_quantity=quantity,
        **dict.fromkeys(nothing, 0),
        applied_at=batch.submitted_at + step.after,
    ).group_by(chunks.c.block)


def _breaks(batch: Batch, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    """Answers that came late; a person has looked at most of them."""
    table = table_of(Break)
    came_at = batch.submitted_at + STEPS[2].after
    redemption_id = batch.first + n * PER_BREAK

    def once_closed(name: str, value: object) -> sa.ColumnElement[Any]:
        return sa.case((n % 5 == 0, sa.null()), else_=sa.literal(value, table.c[name].type))

    return _select(
        table,
        n < batch.breaks,
        break_id=batch.break_id + n,
        **_whose(batch),
        identity=sa.func.sha256(sa.cast(_digits(redemption_id), sa.LargeBinary)),
        kind=int(BreakKind.OVERDUE),
        redemption_id=redemption_id,
        attempt=1,
        quantity=quantity_of(redemption_id),
        reason_class=int(ReasonClass.NONE),
        facts="{}",
        reference=sa.literal("HB", sa.Text) + _digits(redemption_id),
        opened_at=batch.submitted_at,
        due_at=came_at,
        closed_at=once_closed("closed_at", came_at),
        closed_by=once_closed("closed_by", ACTOR),
        resolution=once_closed("resolution", int(Resolution.DISMISSED)),
    )


def _break_notes(batch: Batch, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    """Somebody took on each of them."""
    return _select(
        table_of(BreakNote),
        n < batch.breaks,
        break_id=batch.break_id + n,
        number=1,
        kind=int(NoteKind.ASSIGNED),
        actor=ACTOR,
        text=ACTOR,
        at=batch.submitted_at,
    )


def _break_proposals(batch: Batch, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    """What was proposed was declined, and nothing waits for a second person."""
    redemption_id = batch.first + n * PER_BREAK
    return _select(
        table_of(BreakProposal),
        n < batch.breaks,
        break_id=batch.break_id + n,
        number=1,
        decision=int(Decision.CONFIRM),
        redemption_id=redemption_id,
        attempt=1,
        version=2,
        quantity=quantity_of(redemption_id),
        actor=ACTOR,
        comment=ACTOR,
        proposed_at=batch.submitted_at,
        verdict=int(Approval.DECLINED),
        decided_by=ACTOR,
        decided_at=batch.submitted_at,
    )


def _grouped(batch: Batch, step: Step, n: sa.ColumnElement[int]) -> sa.Subquery:
    """The quantity of each redemption beside the number of its block within the step."""
    quantity = quantity_of(batch.first + n).label("quantity")
    numbered = sa.select((n // step.together).label("block"), quantity)
    return numbered.where(n < batch.count).subquery("grouped")


def _block(batch: Batch, step: Step, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    offset, blocks = batch.blocks_before(step), batch.blocks_of(step)
    of_last = batch.count - (blocks - 1) * step.together
    cause_id = {CauseKind.PAYOUT_BATCH: batch.batch_id, CauseKind.HANDBACK_FILE: batch.file_id}
    return _select(
        table_of(Block),
        n < blocks,
        block_id=batch.block_id + offset + n,
        position=batch.position + offset + n,
        cause_kind=int(step.cause_kind),
        cause_id=cause_id.get(step.cause_kind),
        actor=ACTOR,
        committed_at=batch.submitted_at + step.after,
        event_count=sa.case((n == blocks - 1, of_last), else_=step.together),
    )


def _totals(batch: Batch, step: Step, n: sa.ColumnElement[int]) -> Iterator[sa.Select[Any]]:
    if step.posted is None:
        return
    moved = _grouped(batch, step, n)
    for account, sign in zip(step.posted, (-1, 1), strict=True):
        yield _select(
            table_of(BlockTotal),
            sa.true(),
            block_id=batch.block_id + batch.blocks_before(step) + moved.c.block,
            **_whose(batch),
            unit_id=batch.owner.unit_id,
            account=int(account),
            delta=sign * sa.func.sum(moved.c.quantity),
            redemptions=sign * sa.func.count(),
        ).group_by(moved.c.block)


def _events(batch: Batch, step: Step, n: sa.ColumnElement[int]) -> sa.Select[Any]:
    record: dict[str, object] = {}
    if step.trigger is Trigger.CONFIRM:
        record = {"file_id": batch.file_id, "ordinal": n + 1, "reason_code": "0000"}
    return _select(
        table_of(Event),
        n < batch.count,
        redemption_id=batch.first + n,
        version=STEPS.index(step) + 1,
        block_id=batch.block_id + batch.blocks_before(step) + n // step.together,
        trigger=int(step.trigger),
        from_state=int(step.from_state),
        to_state=int(step.to_state),
        attempt=0 if step.trigger is Trigger.SUBMIT else 1,
        reason_class=int(step.reason_class),
        quantity=quantity_of(batch.first + n),
        **record,
    )
