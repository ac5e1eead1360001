"""Redemptions led through their lives by the table and the journal alone, as tests need them.

Nothing here writes a redemption but `journal.commit`, and nothing that the table refuses.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from fake_clock import FakeClock
from handback.breaks import resolve
from handback.breaks.kinds import BreakKind, Resolution
from handback.intake.states import FileState
from handback.journal.changes import BIRTHS, CHANGES
from handback.journal.commit import Cause, CauseKind, commit
from handback.journal.sequence import sequence_blocks
from handback.lifecycle import relation
from handback.lifecycle.table import State, Trigger
from handback.partners.codes import ReasonClass
from handback.store.bulk import fetch_frame, table_of
from handback.store.session import Store
from handback.store.tables import (
    Attempt,
    Due,
    HandbackFile,
    Partner,
    PayoutBatch,
    Programme,
    Redemption,
    RunChunk,
    Unit,
)

ATTEMPT, BATCH, DUE = table_of(Attempt), table_of(PayoutBatch), table_of(Due)
CHUNK, FILE, REDEMPTION = table_of(RunChunk), table_of(HandbackFile), table_of(Redemption)
PARTNER, PROGRAMME, UNIT = table_of(Partner), table_of(Programme), table_of(Unit)

ACTOR = "tester"


# What a trigger moves unless a test says otherwise.
MOVED = {
    Trigger.SUBMIT: "quantity",
    Trigger.RETURN: "fulfilled",
    Trigger.RETURN_PART: "fulfilled",
    Trigger.REINSTATE: "quantity",
}


class Lives:
    """Programme `aurora`; partners `skyways` (1), `harbour` (2); units miles (1), cents (2).

    Beside it the programme `borealis`, in which nothing happens; its `skyways` is partner 3.
    """

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store, self.clock = store, clock
        now = clock.now()
        with store.write() as tx:
            for number, name in enumerate(("aurora", "borealis"), start=1):
                row = {"programme_id": number, "name": name, "created_at": now}
                tx.execute(sa.insert(PROGRAMME).values(row))
            partners = ((1, "skyways"), (1, "harbour"), (2, "skyways"))
            for number, (owner, name) in enumerate(partners, start=1):
                row = {"partner_id": number, "programme_id": owner, "name": name, "created_at": now}
                tx.execute(sa.insert(PARTNER).values(row))
            for number, name in enumerate(("miles", "cents"), start=1):
                tx.execute(sa.insert(UNIT).values(unit_id=number, name=name))

    def submit(self, *quantities: int, partner_id: int = 1, unit_id: int = 1) -> list[int]:
        """New redemptions, waiting for a batch."""
        ids = list(self.store.take_ids("redemption", len(quantities)))
        births = pl.DataFrame(
            {
                "redemption_id": ids,
                "programme_id": [1] * len(ids),
                "partner_id": [partner_id] * len(ids),
                "unit_id": [unit_id] * len(ids),
                "quantity": quantities,
                "member_ref": [f"member-{number}" for number in ids],
            },
            schema=BIRTHS,
        )
        unborn = births.with_columns(
            pl.lit(0).alias(name) for name in ("state", "attempt", "version", "held", "fulfilled")
        )
        with self.store.write() as tx:
            cause = Cause(CauseKind.COMMAND, None, ACTOR)
            changes = self._changes(unborn.with_columns(waiting=0), Trigger.SUBMIT)
            commit(self.store, tx, cause, changes, self.clock.now(), births)
            self._enqueue(tx, ids)
        sequence_blocks(self.store)
        return ids

    def batch(self, ids: Sequence[int]) -> int:
        """A payout batch that takes redemptions from the due queue; its id."""
        batch_id, now = self.store.take_ids("payout_batch", 1)[0], self.clock.now()
        with self.store.write() as tx:
            rows = self._standing(tx, ids)
            batch = {
                "batch_id": batch_id,
                "programme_id": 1,
                "partner_id": rows["partner_id"][0],
                "unit_id": rows["unit_id"][0],
                "sequence": batch_id,
                "agreement_version": 1,
                "state": 1,
                "record_count": len(rows),
                "quantity": int(rows["held"].sum()),
                "file_name": f"{batch_id}.csv",
                "fingerprint": b"",
                "size_bytes": 0,
                "due_by": now,
                "sealed_at": now,
            }
            tx.execute(sa.insert(BATCH).values(batch))
            attempts = rows.select(
                "redemption_id",
                "partner_id",
                attempt=(pl.col("attempt") + 1).cast(pl.Int16),
                batch_id=pl.lit(batch_id, pl.Int64),
                ordinal=pl.int_range(1, pl.len() + 1, dtype=pl.Int32),
                quantity="held",
            )
            self.store.dialect.insert_frame(tx, ATTEMPT, attempts)
            tx.execute(sa.delete(DUE).where(DUE.c.redemption_id.in_(ids)))
        return batch_id

    def dispatch(self, ids: Sequence[int]) -> None:
        """Batch them, deliver the batch, and note that they left."""
        batch_id = self.batch(ids)
        self.step(Trigger.DISPATCH, ids)
        done = sa.update(BATCH).where(BATCH.c.batch_id == batch_id)
        with self.store.write() as tx:
            tx.execute(done.values(state=3, dispatched_at=self.clock.now()))

    def step(
        self,
        trigger: Trigger,
        ids: Sequence[int],
        *,
        moved: int | None = None,
        file_id: int | None = None,
        approved: bool = False,
    ) -> int:
        """One trigger on each redemption, and what else belongs to that instant; the block."""
        kind = CauseKind.COMMAND if file_id is None else CauseKind.HANDBACK_FILE
        cause = Cause(kind, file_id, ACTOR)
        with self.store.write() as tx:
            rows = self._standing(tx, ids)
            changes = self._changes(rows, trigger, moved, file_id, approved=approved)
            block_id = commit(self.store, tx, cause, changes, self.clock.now())
            self._requeue(tx, changes, trigger)
        sequence_blocks(self.store)
        return block_id

    def _requeue(self, tx: sa.Connection, changes: pl.DataFrame, trigger: Trigger) -> None:
        ids, now = changes["redemption_id"].to_list(), self.clock.now()
        to_rejected = changes["to_state"] == int(State.REJECTED)
        if (to_rejected & (changes["from_state"] != int(State.REJECTED))).all():
            self.open_breaks(tx, BreakKind.REVIEW, ids)
        if trigger is Trigger.RETRY:
            self._enqueue(tx, ids)
        if trigger in (Trigger.CANCEL, Trigger.FAIL, Trigger.CONFIRM):
            tx.execute(sa.delete(DUE).where(DUE.c.redemption_id.in_(ids)))
        resolutions = {Trigger.RETRY: Resolution.RETRIED, Trigger.FAIL: Resolution.FAILED}
        if trigger in resolutions:
            for redemption_id in ids:
                resolve.close_for_redemption(tx, redemption_id, resolutions[trigger], ACTOR, now)

    def open_breaks(
        self,
        tx: sa.Connection,
        kind: BreakKind,
        ids: Sequence[int | None],
        *,
        file_id: int | None = None,
        first_ordinal: int = 1,
        partner_id: int = 1,
    ) -> list[int]:
        """A break of each redemption, None for an unknown one; the ids of the breaks."""
        break_ids = list(self.store.take_ids("break", len(ids), tx))
        rows = [
            {
                "break_id": break_id,
                "programme_id": 1,
                "partner_id": partner_id,
                "identity": b"%d" % break_id,
                "kind": int(kind),
                "redemption_id": redemption_id,
                "file_id": file_id,
                "ordinal": None if file_id is None else first_ordinal + place,
                "reason_class": int(ReasonClass.OPS),
                "facts": json.dumps({"place": str(place)}),
                "opened_at": self.clock.now(),
            }
            for place, (break_id, redemption_id) in enumerate(zip(break_ids, ids, strict=True))
        ]
        resolve.insert(self.store, tx, pl.DataFrame(rows, schema=resolve.OPENED))
        return break_ids

    def file(self, confirmed: Sequence[int], unknown: int, repeats: int, rejects: int) -> int:
        """A reconciled file that confirms redemptions; its other records end as they are named."""
        file_id, now = self.store.take_ids("handback_file", 1)[0], self.clock.now()
        records = len(confirmed) + unknown + repeats + rejects
        row = {
            "file_id": file_id,
            "programme_id": 1,
            "partner_id": 1,
            "name": f"{file_id}.csv",
            "source": "test",
            "landing_key": "",
            "fingerprint": b"",
            "size_bytes": 0,
            "state": int(FileState.RECONCILED),
            "record_count": records,
            "actor": ACTOR,
            "received_at": now,
        }
        with self.store.write() as tx:
            tx.execute(sa.insert(FILE).values(row))
        block_id = self.step(Trigger.CONFIRM, confirmed, file_id=file_id)
        counts = {"events": len(confirmed), "repeats": repeats, "breaks": unknown}
        counts |= {"rejects": rejects, "records": records}
        quantities = {f"{name}_quantity": 10 * count for name, count in counts.items()}
        chunk = {"file_id": file_id, "chunk": 0, "block_id": block_id, "applied_at": now}
        with self.store.write() as tx:
            tx.execute(sa.insert(CHUNK).values(chunk | counts | quantities))
            place = len(confirmed) + 1
            nobody = [None] * unknown
            kind = BreakKind.UNKNOWN_REFERENCE
            self.open_breaks(tx, kind, nobody, file_id=file_id, first_ordinal=place)
        return file_id

    def tick(self, file_id: int, chunk: int, block_id: int) -> None:
        """A further chunk of a file, whose one record became an event of a block."""
        record = {"records": 1, "events": 1, "records_quantity": 1, "events_quantity": 1}
        ends = ("repeats", "breaks", "rejects")
        none = {f"{end}{of}": 0 for end in ends for of in ("", "_quantity")}
        row = {"file_id": file_id, "chunk": chunk, "block_id": block_id} | record | none
        with self.store.write() as tx:
            tx.execute(sa.insert(CHUNK).values(row | {"applied_at": self.clock.now()}))

    def _standing(self, tx: sa.Connection, ids: Sequence[int]) -> pl.DataFrame:
        due = sa.case((DUE.c.redemption_id.is_(None), 0), else_=1).label("waiting")
        select = (
            sa.select(REDEMPTION, due)
            .outerjoin(DUE, DUE.c.redemption_id == REDEMPTION.c.redemption_id)
            .where(REDEMPTION.c.redemption_id.in_(ids))
            .order_by(REDEMPTION.c.redemption_id)
        )
        return fetch_frame(tx, select)

    def _changes(
        self,
        rows: pl.DataFrame,
        trigger: Trigger,
        moved: int | None = None,
        file_id: int | None = None,
        *,
        approved: bool = False,
    ) -> pl.DataFrame:
        """The step as the table decides it; every one of them must be allowed."""
        quantity = pl.col(MOVED.get(trigger, "held")) if moved is None else pl.lit(moved)
        decided = relation.decide(
            rows.with_columns(
                trigger=int(trigger),
                answered_attempt=pl.col("attempt") + (trigger is Trigger.DISPATCH),
                moved=quantity,
                same_unit=1,
                approved=int(approved),
            )
        )
        assert decided["legal"].all(), (trigger, decided.filter(~pl.col("legal")))
        answering = file_id is not None
        rows = decided.with_columns(
            version=pl.col("version") + 1,
            from_state="state",
            attempt="answered_attempt",
            reason_class=int(ReasonClass.NONE),
            reason_code=pl.lit(None),
            quantity="moved",
            file_id=pl.lit(file_id),
            ordinal=pl.int_range(1, pl.len() + 1) if answering else pl.lit(None),
        )
        return rows.select(pl.col(name).cast(kind) for name, kind in CHANGES.items())

    def _enqueue(self, tx: sa.Connection, ids: Sequence[int]) -> None:
        rows = self._standing(tx, ids).select(
            "redemption_id",
            "partner_id",
            "unit_id",
            due_at=pl.lit(self.clock.now()).dt.cast_time_unit("us"),
            same_reference=pl.lit(0, pl.Int16),
        )
        self.store.dialect.insert_frame(tx, DUE, rows)
