"""Recalling what has not left, sending again what has, and telling of what cannot leave."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from fake_clock import FakeClock
from handback.breaks.kinds import BreakKind
from handback.errors import (
    AlreadyExists,
    CutOffPassed,
    InvalidRequest,
    NotFound,
    RequestKeyReused,
    WrongBatchState,
)
from handback.lifecycle.table import State
from handback.payouts import gather as gather_module
from handback.payouts import queries
from handback.payouts.leaving import begin
from handback.payouts.queries import BatchCommanded, Share
from handback.payouts.recall import recall
from handback.payouts.resend import resend
from handback.payouts.states import BatchState
from handback.redemptions.requests import Cancel
from handback.store.session import Store
from paying import Paying, asked
from world import PROGRAMME


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> Paying:
    world = Paying(store, clock, tmp_path)
    world.agree()
    return world


def recalled(world: Paying, batch_id: int, key: str | None = None) -> BatchCommanded:
    return recall(world.store, world.clock, PROGRAMME, batch_id, asked("wrong rate", key))


def sent_again(
    world: Paying, batch_id: int, name: str = "", key: str | None = None
) -> BatchCommanded:
    parts = (world.store, world.landing, world.transport, world.agreements, world.clock)
    return resend(*parts, PROGRAMME, batch_id, asked("lost", key), name)


def attempts(world: Paying, redemption_id: int) -> list[tuple[int, int]]:
    """The attempts of a redemption with their batches."""
    with world.store.read() as tx:
        rows = tx.execute(
            sa.text(
                "select attempt, batch_id from attempt where redemption_id = :id order by attempt"
            ),
            {"id": redemption_id},
        )
        return [tuple(row) for row in rows]


class TestRecall:
    def test_the_file_never_leaves_and_what_was_in_it_is_due_again(self, world: Paying) -> None:
        ids = world.submit(100, 200)
        (first,) = world.seal()
        batch = recalled(world, first).batch
        assert batch.state is BatchState.RECALLED
        assert (batch.recalled_by, batch.recall_reason) == ("olga", "wrong rate")
        assert world.deliver_all() == 0
        assert world.delivered() == []
        assert [world.get(one).due_at is not None for one in ids] == [True, True]
        world.assert_laws()
        (second,) = world.seal()
        assert world.deliver_all() == 1
        assert [(one.sequence, one.state) for one in world.batches()] == [
            (1, BatchState.RECALLED),
            (2, BatchState.DISPATCHED),
        ]
        # The number of the attempt that never left is not given again.
        assert attempts(world, ids[0]) == [(1, first), (2, second)]
        event = world.history(ids[0])[-1]
        assert (event.version, event.from_state, event.attempt) == (2, State.SUBMITTED, 2)
        world.assert_laws()
        world.answer_all(lambda _: "0000")
        assert world.states(ids) == ["confirmed", "confirmed"]
        world.assert_laws()

    def test_first_later_and_recalled_attempts_leave_together(self, world: Paying) -> None:
        (again,) = world.submit(700)
        world.send()
        world.answer_all(lambda _: "0301")
        world.clock.advance(seconds=2)
        (twice,) = world.submit(5)
        for _ in range(2):
            (batch_id,) = world.seal()
            recalled(world, batch_id)
            world.assert_laws()
        (fresh,) = world.submit(6)
        *_, payout = world.send()
        assert sorted(one.quantity for one in world.sent(payout)) == [5, 6, 700]
        last = {one: world.history(one)[-1] for one in (again, twice, fresh)}
        assert [(event.attempt, event.version) for event in last.values()] == [
            (4, 5),
            (3, 2),
            (1, 2),
        ]
        world.assert_laws()

    def test_submitted_and_retrying_ones_of_one_number_leave_together(self, world: Paying) -> None:
        (rejected,) = world.submit(700)
        world.send()
        world.answer_all(lambda _: "0301")
        (other,) = world.submit(5)
        (batch_id,) = world.seal()
        recalled(world, batch_id)
        world.clock.advance(seconds=2)
        *_, payout = world.send()
        assert len(world.sent(payout)) == 2
        last = [world.history(one)[-1] for one in (rejected, other)]
        assert [(one.from_state, one.attempt) for one in last] == [
            (State.RETRYING, 2),
            (State.SUBMITTED, 2),
        ]
        world.assert_laws()

    def test_days_count_from_the_attempt_that_left(self, world: Paying) -> None:
        world.agree(edits={"cap = 3 ": "cap = 9 "})
        (one,) = world.submit(100)
        (batch_id,) = world.seal()
        recalled(world, batch_id)
        world.clock.advance(days=20)
        world.send()
        world.clock.advance(days=13)
        world.answer_all(lambda _: "0301")
        assert world.states([one]) == ["retrying"]
        world.clock.advance(seconds=2)
        world.send()
        world.clock.advance(days=2)
        world.answer_all(lambda _: "0301", sequence=2)
        # `latest_days` is 14, of which 20 had passed before anything left.
        assert world.states([one]) == ["rejected"]
        world.assert_laws()

    def test_an_answer_that_comes_too_late_to_try_again_waits_for_a_person(
        self, world: Paying
    ) -> None:
        ids = world.submit(100, 200)
        world.send()
        world.clock.advance(days=15)
        world.answer_all(lambda _: "0301")
        assert world.states(ids) == ["rejected", "rejected"]
        world.assert_laws()

    def test_what_is_recalled_can_be_cancelled(self, world: Paying) -> None:
        (one,) = world.submit(100)
        (batch_id,) = world.seal()
        (refusal,) = world.run(Cancel(PROGRAMME, "c", one))
        assert isinstance(refusal, CutOffPassed)
        recalled(world, batch_id)
        world.run(Cancel(PROGRAMME, "d", one))
        assert world.states([one]) == ["failed"]
        world.assert_laws()

    def test_a_cancel_of_what_is_in_a_batch_again_names_that_batch(self, world: Paying) -> None:
        from handback.ids import Prefix, public_id

        (one,) = world.submit(100)
        (first,) = world.seal()
        recalled(world, first)
        (second,) = world.seal()
        (refusal,) = world.run(Cancel(PROGRAMME, "c", one))
        assert isinstance(refusal, CutOffPassed)
        assert refusal.facts["batch"] == public_id(Prefix.PAYOUT_BATCH, second)

    def test_a_retry_under_the_same_reference_keeps_it(self, world: Paying) -> None:
        same = {"[policy.temporary]": '[policy.temporary]\nreference = "same"'}
        world.agree(edits=same)
        world.submit(700)
        (first,) = world.send()
        world.answer_all(lambda _: "0301")
        world.clock.advance(seconds=2)
        (batch_id,) = world.seal()
        recalled(world, batch_id)
        *_, again = world.send()
        assert world.sent(again)[0].reference == world.sent(first)[0].reference
        world.assert_laws()

    def test_a_recalled_file_is_no_file_of_the_day(self, world: Paying) -> None:
        world.agree("files_per_day = 1")
        world.submit(1)
        (batch_id,) = world.seal()
        recalled(world, batch_id)
        assert len(world.seal()) == 1

    def test_what_may_have_left_is_not_recalled(self, world: Paying) -> None:
        world.submit(1)
        (batch_id,) = world.seal()
        with world.store.read() as tx:
            terms = world.agreements.current(tx, PROGRAMME, "skyways")
        begin(world.store, world.clock, terms, batch_id)
        with pytest.raises(WrongBatchState, match="may have left"):
            recalled(world, batch_id)
        world.deliver_all()
        with pytest.raises(WrongBatchState, match="is dispatched"):
            recalled(world, batch_id)
        world.assert_laws()

    def test_it_is_asked_for_with_a_reason_and_done_once(self, world: Paying) -> None:
        world.submit(1)
        (batch_id,) = world.seal()
        with pytest.raises(InvalidRequest):
            recall(world.store, world.clock, PROGRAMME, batch_id, asked(""))
        with pytest.raises(NotFound):
            recall(world.store, world.clock, "nobody", batch_id, asked("why"))
        first = recalled(world, batch_id, "k")
        assert recalled(world, batch_id, "k") == BatchCommanded(first.batch, replayed=True)
        with pytest.raises(RequestKeyReused):
            recall(world.store, world.clock, PROGRAMME, batch_id, asked("no", "k"))
        with pytest.raises(WrongBatchState, match="is recalled"):
            recalled(world, batch_id)

    def test_its_report_says_that_nothing_was_sent(self, world: Paying) -> None:
        world.submit(1)
        (batch_id,) = world.seal()
        recalled(world, batch_id)
        with world.store.read() as tx:
            (report,) = queries.reports(tx, [batch_id])
        assert report.sent == report.open == Share(0, 0)

    def test_a_batch_of_many_pages(self, world: Paying, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gather_module, "_CHUNK", 2)
        ids = world.submit(*range(1, 8))
        (batch_id,) = world.seal()
        recalled(world, batch_id)
        (payout,) = world.send()
        assert [one.quantity for one in world.sent(payout)] == list(range(1, 8))
        assert world.states(ids) == ["awaiting_handback"] * 7
        world.assert_laws()


class TestResend:
    def test_the_same_bytes_and_no_new_attempt(self, world: Paying) -> None:
        (one,) = world.submit(100)
        (file,) = world.send()
        content = file.read_bytes()
        file.unlink()  # fetched, and lost there
        before = world.batches()[0]
        batch = sent_again(world, before.batch_id).batch
        assert file.read_bytes() == content
        assert (batch.resent_by, batch.resent_as) == ("olga", file.name)
        assert batch.deadline_at == before.deadline_at
        assert len(world.history(one)) == 2
        assert len(attempts(world, one)) == 1
        world.assert_laws()

    def test_under_another_name(self, world: Paying) -> None:
        world.submit(100)
        (file,) = world.send()
        sent_again(world, world.batches()[0].batch_id, "SKY_resend.csv")
        first, again = world.delivered()
        assert (first, again.name) == (file, "SKY_resend.csv")
        assert first.read_bytes() == again.read_bytes()

    def test_what_still_lies_there_is_left_alone(self, world: Paying) -> None:
        world.submit(100)
        (file,) = world.send()
        before = file.stat().st_mtime_ns
        sent_again(world, world.batches()[0].batch_id)
        assert file.stat().st_mtime_ns == before

    def test_what_never_left_or_has_no_such_name_is_not_sent_again(self, world: Paying) -> None:
        world.submit(100)
        (batch_id,) = world.seal()
        with pytest.raises(WrongBatchState, match="never delivered"):
            sent_again(world, batch_id)
        world.deliver_all()
        for name in ("../x.csv", ".x", "x" * 200):
            with pytest.raises(InvalidRequest):
                sent_again(world, batch_id, name)
        (file,) = world.delivered()
        file.write_text("other content")
        with pytest.raises(AlreadyExists):
            sent_again(world, batch_id)

    def test_asked_again_under_its_key_it_is_not_brought_again(self, world: Paying) -> None:
        world.submit(100)
        (file,) = world.send()
        batch_id = world.batches()[0].batch_id
        file.unlink()
        sent_again(world, batch_id, key="k")
        file.unlink()
        assert sent_again(world, batch_id, key="k").replayed
        assert not file.exists()


class TestUndeliverable:
    @pytest.fixture
    def taken(self, world: Paying) -> Path:
        """A name that is taken by other content."""
        folder = world.exchange / "outbound" / "skyways"
        folder.mkdir(parents=True)
        name = folder / "SKY_20260302_000001.csv"
        name.write_text("somebody else's")
        return name

    def test_a_break_tells_of_it_until_it_is_delivered(self, world: Paying, taken: Path) -> None:
        (one,) = world.submit(100)
        world.rounds()
        world.deliver_all()
        (found,) = world.breaks()
        assert found.kind is BreakKind.UNDELIVERABLE
        assert found.facts["why"] == "the name is taken by other content"
        assert found.facts["file_name"] == taken.name
        taken.unlink()
        assert world.deliver_all() == 1
        assert world.breaks() == []
        assert world.states([one]) == ["awaiting_handback"]
        world.assert_laws()

    def test_a_folder_that_is_closed_to_us(
        self, world: Paying, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied", "/srv/secret/place")

        world.submit(100)
        monkeypatch.setattr(world.transport, "put", refuse)
        world.rounds()
        (found,) = world.breaks()
        assert found.facts["why"] == "Permission denied"
        assert recalled(world, world.batches()[0].batch_id).batch.state is BatchState.RECALLED
        assert world.breaks() == []
        world.assert_laws()

    def test_what_cannot_be_placed_can_be_recalled(self, world: Paying, taken: Path) -> None:
        world.submit(100)
        world.rounds()
        recalled(world, world.batches()[0].batch_id)
        assert world.breaks() == []
        world.clock.advance(seconds=2)
        world.rounds()
        assert [file.name for file in world.delivered()] == [taken.name, "SKY_20260302_000002.csv"]
        world.assert_laws()

    def test_after_trouble_of_another_kind_it_may_have_left(
        self, world: Paying, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def break_off(*_: object) -> None:
            raise OSError(5, "Input/output error")

        world.submit(100)
        monkeypatch.setattr(world.transport, "put", break_off)
        world.rounds()
        with pytest.raises(WrongBatchState, match="may have left"):
            recalled(world, world.batches()[0].batch_id)
        monkeypatch.undo()
        assert world.deliver_all() == 1
        assert world.breaks() == []
