"""The engine as the model test drives it: a world that can be killed at any commit."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from deciding import Desk
from handback.breaks import commands as break_commands
from handback.breaks.decisions import Decision
from handback.errors import HandbackError
from handback.ids import attempt_key
from handback.intake import prepare, queries
from handback.intake.pickup import pick_up
from handback.intake.queries import FileView
from handback.journal.read import extent
from handback.journal.sequence import sequence_blocks
from handback.ledger import queries as ledger
from handback.ledger.queries import BalanceFilter
from handback.partners import registry
from handback.payouts import deliver as delivering
from handback.payouts import holds
from handback.payouts.deliver import deliver, sealed_batches
from handback.payouts.gather import gather
from handback.payouts.outcomes import outcome_column
from handback.payouts.recall import recall
from handback.reconcile.run import reconcile
from handback.resolutions.deciding import Wanted
from handback.resolutions.resolve import Resolving
from handback.store.bulk import table_of
from handback.store.requests import Command
from handback.store.sqlite import WRITE
from handback.store.tables import Attempt, PayoutBatch, Redemption, Remainder
from model.book import ACCOUNTS
from model.life import Record
from world import PROGRAMME, Answer, World, skyways_file

ATTEMPT, BATCH = table_of(Attempt), table_of(PayoutBatch)
REDEMPTION, REMAINDER = table_of(Redemption), table_of(Remainder)


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(commit: int) -> Iterator[None]:
    """Kill whatever happens within just before its n-th commit, 0 for never."""
    count = 0

    def committing(connection: sa.Connection) -> None:
        nonlocal count
        if connection.get_execution_options().get(WRITE):
            count += 1
            if count == commit:
                raise Killed

    sa.event.listen(sa.Engine, "commit", committing)
    try:
        with suppress(Killed):
            yield
    finally:
        sa.event.remove(sa.Engine, "commit", committing)


class Driven(World):
    """Skyways and two persons, step by step, each step as a process would take it."""

    asked = 0

    @property
    def desk_of_two(self) -> Desk:
        """Ann proposes, bob approves."""
        self.asked += 1
        return Desk(self, Resolving(self.store, self.clock, self.agreements), self.asked * 100)

    def command(self, comment: str) -> Command:
        """What somebody asks for, under a key of its own."""
        self.asked += 1
        return Command("olga", comment, f"asked-{self.asked}")

    def agree(self, source: str) -> None:
        """Apply an agreement."""
        registry.apply(self.store, self.clock, source, "tests")

    def seal(self) -> list[int]:
        """Gather what is due; the new batches."""
        parts = (self.store, self.landing, self.agreements, self.clock)
        return [one.batch_id for one in gather(*parts, PROGRAMME, "skyways")]

    def undispatched(self) -> list[int]:
        """Batches that are sealed or delivered."""
        with self.store.read() as tx:
            return sealed_batches(tx)

    def bring(self, batch_id: int, *, forgotten: bool = False) -> None:
        """Deliver a batch; where that is `forgotten`, be killed before anything is dispatched."""
        parts = (self.store, self.landing, self.transport, self.agreements, self.clock)
        whole = delivering.dispatch

        def killed(*_: object) -> int:
            raise Killed

        delivering.dispatch = killed if forgotten else whole  # type: ignore[assignment]
        try:
            with suppress(Killed):
                deliver(*parts, batch_id, "tests")
        finally:
            delivering.dispatch = whole

    def recall(self, batch_id: int) -> None:
        """Recall a sealed batch."""
        recall(self.store, self.clock, PROGRAMME, batch_id, self.command("wrong rate"))

    def hold(self, *, on: bool) -> None:
        """Hold the partner, or release it."""
        act = holds.hold if on else holds.release
        act(self.store, self.clock, PROGRAMME, "skyways", self.command("so it is"))

    def say(self, content: bytes, name: str, *, chunk: int, kill_at: int) -> FileView:
        """A file comes, is taken in by chunks of some size, by a process that may be killed."""
        self.hand_back(content, name)
        usual = prepare.CHUNK_RECORDS
        prepare.CHUNK_RECORDS = chunk  # type: ignore[misc]
        try:
            with killed_at(kill_at):
                self.work_off()
            self.work_off()
        finally:
            prepare.CHUNK_RECORDS = usual  # type: ignore[misc]
        with self.store.read() as tx:
            newest = tx.scalar(sa.select(sa.func.max(queries.FILE.c.file_id)))
        assert newest is not None
        return self.file(newest)

    def work_off(self) -> None:
        """Pick up what lies there, and reconcile what is ready."""
        pick_up(self.desk, self.transport)
        with self.store.read() as tx:
            ready = queries.ready(tx)
        for file_id in ready:
            reconcile(self.desk, file_id, "tests")
        sequence_blocks(self.store)

    def decide(self, break_id: int, wanted: Wanted) -> HandbackError | None:
        """Two persons decide about a break; why they may not."""
        desk = self.desk_of_two
        result = desk.resolve(break_id, wanted).result
        if isinstance(result, HandbackError):
            return result
        if result.proposal is None:
            return None
        try:
            desk.approve(break_id, result.proposal.number)
        except HandbackError as refusal:
            return refusal
        return None

    def reopen(self, break_id: int) -> None:
        """Open a break again."""
        with self.store.write() as tx:
            command, now = self.command("look again"), self.clock.now()
            break_commands.reopen(tx, PROGRAMME, break_id, command, now)

    def remainder_of(self, redemption_id: int) -> int:
        """The redemption in which the remainder of another goes out again."""
        found = sa.select(sa.func.max(REMAINDER.c.redemption_id))
        with self.store.read() as tx:
            return int(tx.scalar(found.where(REMAINDER.c.origin_id == redemption_id)) or 0)

    def count(self) -> int:
        """How many redemptions there are."""
        with self.store.read() as tx:
            return int(tx.scalar(sa.select(sa.func.count()).select_from(REDEMPTION)) or 0)

    def pending(self) -> set[tuple[int, int]]:
        """The attempts whose outcome is open, as reports have it."""
        outcome = outcome_column()
        attempts = sa.select(ATTEMPT.c.redemption_id, ATTEMPT.c.attempt)
        found = attempts.join(BATCH, BATCH.c.batch_id == ATTEMPT.c.batch_id)
        with self.store.read() as tx:
            return {(row[0], row[1]) for row in tx.execute(found.where(outcome == "pending"))}

    def newest_position(self) -> int:
        """The last position of the journal."""
        sequence_blocks(self.store)
        with self.store.read() as tx:
            return extent(tx).newest

    def money(self, at_position: int | None = None) -> dict[str, int]:
        """The balances of the partner, now or at a position."""
        wanted = BalanceFilter(PROGRAMME, at_position=at_position)
        with self.store.read() as tx:
            found = ledger.page(tx, wanted)
        names = (*ACCOUNTS, "member")
        return {name: sum(getattr(one, name) for one in found) for name in names}


def file_of(records: list[tuple[int, Record]], sequence: int) -> bytes:
    """The bytes in which skyways says so."""
    answers = [
        Answer(
            one.quotes or f"HB{attempt_key(life_id, one.attempt):018}",
            one.member,
            one.quantity,
            one.code,
            str(one.fee or ""),
        )
        for life_id, one in records
    ]
    return skyways_file(answers, sequence)


def respelt(life_id: int, attempt: int) -> str:
    """The reference of an attempt as another system may have it: only normalised it is ours."""
    return f"hb-{attempt_key(life_id, attempt):018}"


def packed(content: bytes) -> bytes:
    """The same content in an envelope."""
    return gzip.compress(content, mtime=0)


DECISIONS = {str(one): one for one in Decision if one not in (Decision.DISMISS, Decision.LINK)}
