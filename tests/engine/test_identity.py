"""What a file is among the others: again, in another envelope, under a known name, out of turn."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agreements import SKYWAYS, source_of
from fake_clock import FakeClock
from handback.errors import FileQuarantined, InvalidRequest
from handback.ids import Prefix, public_id
from handback.intake import queries
from handback.intake.quarantine import release, replay
from handback.intake.queries import FileView, FindingView
from handback.intake.states import FileState, Verdict
from handback.partners import registry
from handback.reconcile.run import reconcile
from handback.store.requests import Command
from handback.store.session import Store
from intake_files import InTray, handback, row, with_terms
from world import Answer, World, counts, skyways_file

COMPLETE = 'complete = "rename"'
ANSWER = handback([row(1), row(2, 250)])


@pytest.fixture
def tray(tmp_path: Path, store: Store, clock: FakeClock) -> InTray:
    tray = InTray.at(tmp_path, store, clock)
    amended(tray, 'envelope = ["gzip", "zip"]')
    return tray


def amended(tray: InTray, *terms: str) -> None:
    """Make an agreement with more terms the airline's newest."""
    every = "\n".join(['file_name = "*"', *terms])
    source = with_terms(source_of(SKYWAYS), ('file_name = "*.csv"', every))
    registry.apply(tray.desk.store, tray.desk.clock, source, "tests")


def zipped(content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../answer.csv", content)
    return target.getvalue()


def codes(tray: InTray, file: FileView) -> list[str]:
    return [finding.code for finding in tray.findings(file.file_id)]


class TestEnvelope:
    def test_what_is_inside_is_decoded_and_what_came_is_kept(self, tray: InTray) -> None:
        wrapped = gzip.compress(zipped(ANSWER))
        file = tray.take_in("answer.zip.gz", wrapped)
        assert (file.verdict, file.envelope, file.record_count) == ("ACCEPTED", "gzip+zip", 2)
        assert file.size_bytes == len(wrapped)
        with tray.desk.landing.open(file.landing_key) as landed:
            assert landed.read() == wrapped
        assert tray.desk.spool.read(file.file_id, 0)["quantity"].to_list() == [100, 250]

    def test_a_damaged_one_waits_and_is_not_released(self, tray: InTray) -> None:
        file = tray.take_in("answer.gz", gzip.compress(ANSWER)[:-9])
        assert (file.state, file.verdict) == (FileState.QUARANTINED, Verdict.UNOPENABLE)
        assert codes(tray, file) == ["envelope_damaged"]
        with pytest.raises(InvalidRequest, match="can be opened"):
            release(tray.desk, "aurora", file.file_id, Command("olga", comment="it must go"))

    def test_it_is_opened_once_the_agreement_says_so(self, tray: InTray) -> None:
        amended(tray)
        file = tray.take_in("answer.gz", gzip.compress(ANSWER))
        assert (file.verdict, file.envelope) == (Verdict.UNREADABLE, None)
        amended(tray, 'envelope = ["gzip"]', "retention_days = 30")
        again = replay(tray.desk, "aurora", file.file_id, None, Command("olga")).file
        assert (again.verdict, again.envelope) == (Verdict.ACCEPTED, "gzip")
        assert again.fingerprint != file.fingerprint

    def test_a_replay_can_show_a_repeat(self, tray: InTray) -> None:
        amended(tray)
        wrapped = tray.take_in("answer.gz", gzip.compress(ANSWER))
        plain = tray.take_in("answer.csv", ANSWER)
        assert plain.verdict is Verdict.ACCEPTED
        amended(tray, 'envelope = ["gzip"]', "retention_days = 30")
        again = replay(tray.desk, "aurora", wrapped.file_id, None, Command("olga")).file
        assert (again.state, again.verdict) == (FileState.REFUSED, Verdict.REPEAT)
        assert again.repeats_file_id == plain.file_id
        assert again.finding_count == len(codes(tray, again))
        assert codes(tray, again)[-2:] == ["rewrapped", "replayed"]

    def test_a_replay_that_has_its_answer_needs_no_bytes(self, tray: InTray) -> None:
        amended(tray)
        file = tray.take_in("answer.gz", gzip.compress(ANSWER))
        amended(tray, 'envelope = ["gzip"]', "retention_days = 30")
        asked = Command("olga", request_key="k")
        first = replay(tray.desk, "aurora", file.file_id, None, asked).file
        tray.desk.landing.remove(file.landing_key, datetime.max.replace(tzinfo=UTC))
        again = replay(tray.desk, "aurora", file.file_id, None, asked)
        assert (again.file, again.replayed) == (first, True)
        with pytest.raises(FileQuarantined):
            replay(tray.desk, "aurora", file.file_id, None, Command("olga"))

    def test_a_trailer_is_looked_for_inside(self, tray: InTray) -> None:
        source = with_terms(
            source_of(SKYWAYS),
            ('file_name = "*.csv"', 'file_name = "*"\nenvelope = ["gzip"]'),
            (COMPLETE, 'complete = "trailer"'),
        )
        registry.apply(tray.desk.store, tray.desk.clock, source, "tests")
        tray.put("answer.gz", gzip.compress(ANSWER)[:-9])
        assert tray.pick_up() == []
        tray.put("answer.gz", gzip.compress(ANSWER))
        (file,) = tray.pick_up()
        assert file.verdict is Verdict.ACCEPTED


class TestRepeats:
    @pytest.mark.parametrize(
        ("name", "content", "code"),
        [
            ("answer.csv", ANSWER, "repeated"),
            ("other.csv", ANSWER, "renamed"),
            ("answer.csv", gzip.compress(ANSWER, mtime=0), "rewrapped"),
            ("other.zip", zipped(ANSWER), "rewrapped"),
        ],
    )
    def test_the_same_content_is_refused_however_it_comes(
        self, tray: InTray, name: str, content: bytes, code: str
    ) -> None:
        first = tray.take_in("answer.csv", ANSWER)
        again = tray.take_in(name, content)
        assert (again.state, again.verdict) == (FileState.REFUSED, Verdict.REPEAT)
        assert again.repeats_file_id == first.file_id
        (finding,) = tray.findings(again.file_id)
        assert (finding.code, again.finding_count) == (code, 1)
        assert public_id(Prefix.HANDBACK_FILE, first.file_id) in finding.message

    def test_a_known_name_with_other_content_is_a_new_version(self, tray: InTray) -> None:
        first = tray.take_in("answer.csv", handback([row(1)], sequence=1))
        tray.take_in("answer.csv", handback([row(1)], sequence=1))
        other = tray.take_in("other.csv", handback([row(2)], sequence=2))
        second = tray.take_in("answer.csv", handback([row(3)], sequence=3))
        third = tray.take_in("answer.csv", handback([row(4)], sequence=4))
        assert [file.previous_file_id for file in (first, other, second, third)] == [
            None,
            None,
            first.file_id,
            second.file_id,
        ]
        assert (second.verdict, third.verdict) == (Verdict.ACCEPTED, Verdict.ACCEPTED)


class TestTurn:
    def take_in(self, tray: InTray, sequence: int, count: int | None = None) -> FileView:
        content = handback([row(sequence)], sequence=sequence, count=count)
        return tray.take_in(f"{sequence}.csv", content)

    def test_a_gap_is_noted_and_holds_nothing_up(self, tray: InTray) -> None:
        assert self.take_in(tray, 7).verdict is Verdict.ACCEPTED
        file = self.take_in(tray, 11)
        assert file.verdict is Verdict.ACCEPTED_WITH_FINDINGS
        (finding,) = tray.findings(file.file_id)
        assert (finding.code, finding.message) == ("sequence_gap", "8 to 10 did not come before 11")
        assert self.take_in(tray, 12).verdict is Verdict.ACCEPTED

    def test_a_step_back_waits(self, tray: InTray) -> None:
        self.take_in(tray, 7)
        file = self.take_in(tray, 6)
        assert (file.state, file.verdict) == (FileState.QUARANTINED, Verdict.SEQUENCE_STEP_BACK)
        assert codes(tray, file) == ["sequence_step_back"]
        assert self.take_in(tray, 8).verdict is Verdict.ACCEPTED

    def test_a_step_back_may_be_allowed(self, tray: InTray) -> None:
        amended(tray, 'step_back = "accept"')
        self.take_in(tray, 7)
        assert self.take_in(tray, 6).verdict is Verdict.ACCEPTED

    def test_a_file_that_was_mended_is_not_out_of_turn(self, tray: InTray) -> None:
        """It came in its turn, whenever it is read."""
        amended(tray)
        late = tray.take_in("1.csv", gzip.compress(handback([row(1)], sequence=1)))
        assert late.verdict is Verdict.UNREADABLE
        self.take_in(tray, 2)
        amended(tray, 'envelope = ["gzip"]', "retention_days = 30")
        again = replay(tray.desk, "aurora", late.file_id, None, Command("olga")).file
        assert again.verdict is Verdict.ACCEPTED

    def test_what_waits_in_quarantine_has_come(self, tray: InTray) -> None:
        self.take_in(tray, 7)
        assert self.take_in(tray, 8, count=99).verdict is Verdict.CONTROL_MISMATCH
        assert self.take_in(tray, 9).verdict is Verdict.ACCEPTED

    def test_a_message_id_names_one_file(self, tray: InTray) -> None:
        source = with_terms(
            source_of(SKYWAYS),
            ('{ name = "sequence", at = 3, type = "integer" }', '{ name = "message_id", at = 3 }'),
        )
        registry.apply(tray.desk.store, tray.desk.clock, source, "tests")
        first = tray.take_in("a.csv", handback([row(1)], sequence=5))
        assert (first.verdict, first.message_id, first.file_sequence) == ("ACCEPTED", "5", None)
        file = tray.take_in("b.csv", handback([row(2)], sequence=5))
        assert (file.state, file.verdict) == (FileState.QUARANTINED, Verdict.MESSAGE_ID_REUSED)
        assert codes(tray, file) == ["message_id_reused"]
        assert tray.take_in("c.csv", handback([row(2)], sequence=4)).verdict is Verdict.ACCEPTED


class TestSignsOfLife:
    def test_nothing_is_refused_unless_it_is_a_heartbeat(self, tray: InTray) -> None:
        assert tray.take_in("a.csv", b"").verdict is Verdict.EMPTY
        amended(tray, 'empty = "heartbeat"')
        for name in ("b.csv", "c.csv"):
            file = tray.take_in(name, b"")
            assert (file.state, file.verdict) == (FileState.RECEIVED, Verdict.HEARTBEAT)
            assert (file.record_count, file.finding_count) == (0, 0)
            assert reconcile(tray.desk, file.file_id, "tests")
            assert tray.file(file.file_id).state is FileState.RECONCILED

    def test_a_file_without_records_is_one_as_often_as_it_comes(self, tray: InTray) -> None:
        amended(tray, 'empty = "heartbeat"', 'duplicate_sequence = "accept"')
        for name in ("a.csv", "b.csv"):
            assert tray.take_in(name, handback([])).verdict is Verdict.HEARTBEAT

    def test_one_that_is_broken_is_none(self, tray: InTray) -> None:
        amended(tray, 'empty = "heartbeat"')
        assert tray.take_in("a.csv", handback([], count=3)).verdict is Verdict.CONTROL_MISMATCH


class TestEchoes:
    def test_answers_without_any_result_are_none(self, tray: InTray) -> None:
        source = with_terms(
            source_of(SKYWAYS),
            (
                '{ name = "code", at = 5, type = "code", required = true }',
                '{ name = "code", at = 5, type = "code" }',
            ),
        )
        registry.apply(tray.desk.store, tray.desk.clock, source, "tests")
        blank = handback([row(1, code=""), row(2, code="")], sequence=1)
        file = tray.take_in("a.csv", blank)
        assert (file.state, file.verdict) == (FileState.QUARANTINED, Verdict.UNANSWERED)
        assert codes(tray, file) == ["unanswered"]
        partly = handback([row(1, code=""), row(2)], sequence=2)
        assert tray.take_in("b.csv", partly).verdict is Verdict.ACCEPTED


class TestSeveral:
    """Files that overlap, files that answer several batches, batches answered by several files."""

    @pytest.fixture
    def world(self, tmp_path: Path, store: Store, clock: FakeClock) -> World:
        world = World(store, clock, tmp_path)
        world.apply(SKYWAYS)
        return world

    def test_a_resend_that_covers_more_repeats_what_was_said(self, world: World) -> None:
        ids = world.submit(10, 20, 30)
        (sent,) = world.send()
        details = [Answer(*one, "0000") for one in world.sent(sent)]
        first = world.answer(skyways_file(details[:2], 1), "monday.csv")
        second = world.answer(skyways_file(details, 2), "tuesday.csv")
        assert counts(world.report(first.file_id))["events"] == (2, 30)
        told = counts(world.report(second.file_id))
        assert (told["records"], told["repeats"], told["events"]) == ((3, 60), (2, 30), (1, 30))
        assert (second.verdict, world.states(ids)) == (Verdict.ACCEPTED, ["confirmed"] * 3)
        world.assert_laws()

    def test_one_file_for_several_batches_and_several_for_one(self, world: World) -> None:
        ids = [*world.submit(10, 20), *world.submit(30, 40)]
        world.send()
        ids += world.submit(50)
        sent = [one for file in world.send() for one in world.sent(file)]
        details = [Answer(*one, "0000") for one in sent]
        assert len(details) == 5
        halves = (details[0::2], details[1::2])
        for sequence, half in enumerate(halves, start=1):
            file = world.answer(skyways_file(half, sequence), f"{sequence}.csv")
            assert file.verdict is Verdict.ACCEPTED
        assert world.states(ids) == ["confirmed"] * 5
        world.assert_laws()

    def test_a_payout_file_that_comes_back_is_an_echo(self, world: World) -> None:
        world.submit(10)
        (sent,) = world.send()
        file = world.answer(sent.read_bytes(), "answer.csv")
        assert (file.state, file.verdict) == (FileState.REFUSED, Verdict.ECHO)
        assert [finding.code for finding in _findings(world, file)] == ["echo"]
        changed = sent.read_bytes().replace(b"\n", b"\r\n")
        other = world.answer(changed, "again.csv")
        assert other.state is FileState.QUARANTINED
        world.assert_laws()


def _findings(world: World, file: FileView) -> list[FindingView]:
    with world.store.read() as tx:
        return queries.findings_page(tx, "aurora", file.file_id, 0, 100)
