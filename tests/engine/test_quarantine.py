"""Letting a quarantined file through, and reading it anew under a corrected agreement."""

from __future__ import annotations

from pathlib import Path

import pytest

from agreements import SKYWAYS, apply_example, source_of
from fake_clock import FakeClock
from handback.errors import (
    FileQuarantined,
    InvalidRequest,
    NotAllowed,
    NotFound,
    RequestKeyReused,
)
from handback.intake import prepare, queries
from handback.intake.pickup import pick_up
from handback.intake.quarantine import discard, release, replay
from handback.intake.queries import FileFilter, FileView
from handback.intake.states import FileState, Verdict
from handback.partners import registry
from handback.store.requests import Command
from handback.store.session import Store
from intake_files import InTray, handback, row

WRONG_TOTAL = handback([row(1), row(2, 77).replace("77", "many")], count=2, total=500)
ASKED = Command("ada", "the partner confirmed the rows by telephone")


@pytest.fixture
def tray(tmp_path: Path, store: Store, clock: FakeClock) -> InTray:
    apply_example(store, clock, SKYWAYS)
    return InTray.at(tmp_path, store, clock)


@pytest.fixture
def quarantined(tray: InTray) -> FileView:
    file = tray.take_in("answer.csv", WRONG_TOTAL)
    assert file.state is FileState.QUARANTINED
    return file


def ready(tray: InTray) -> list[int]:
    with tray.desk.store.read() as tx:
        return queries.ready(tx)


def corrected(tray: InTray, clock: FakeClock) -> int:
    """The airline's agreement, now without a total of quantities; its version."""
    outbound, mark, inbound = source_of(SKYWAYS).partition("[formats.handback]")
    total = '  { name = "quantity_total", at = 3, type = "integer", sum = "quantity" },\n'
    assert total in inbound
    tolerant = outbound.replace('complete = "rename"', 'row_trouble = "reject"')
    source = tolerant + mark + inbound.replace(total, '  { name = "said", at = 3 },\n')
    return registry.apply(tray.desk.store, clock, source, "tests").version


def test_a_quarantined_file_waits_in_the_list(tray: InTray, quarantined: FileView) -> None:
    with tray.desk.store.read() as tx:
        listed = queries.page(tx, FileFilter("aurora", "skyways", [FileState.QUARANTINED]), 0, 10)
        others = queries.page(tx, FileFilter("aurora", "skyways", [FileState.RECEIVED]), 0, 10)
    assert (listed, others) == ([quarantined], [])
    assert ready(tray) == []


class TestRelease:
    def test_a_released_file_is_ready_with_what_could_be_decoded(
        self, tray: InTray, quarantined: FileView
    ) -> None:
        released = release(tray.desk, "aurora", quarantined.file_id, ASKED)
        file = released.file
        assert (file.state, file.verdict) == (FileState.RECEIVED, Verdict.RELEASED)
        assert not released.replayed and ready(tray) == [file.file_id]
        contents = prepare.spooled(tray.desk, file.file_id)
        assert (contents.records, contents.rejected) == (2, 1)
        assert tray.desk.spool.read(file.file_id, 0)["ordinal"].to_list() == [1]

    def test_who_released_it_and_why_stands_beside_its_findings(
        self, tray: InTray, quarantined: FileView
    ) -> None:
        before = tray.findings(quarantined.file_id)
        file = release(tray.desk, "aurora", quarantined.file_id, ASKED).file
        *kept, note = tray.findings(file.file_id)
        assert kept == before
        assert (note.code, note.message) == ("released", f"released by ada: {ASKED.comment}")
        assert file.finding_count == len(before) + 1

    @pytest.mark.parametrize("comment", ["", "  "])
    def test_it_needs_a_reason(self, tray: InTray, quarantined: FileView, comment: str) -> None:
        with pytest.raises(InvalidRequest, match="comment"):
            release(tray.desk, "aurora", quarantined.file_id, Command("ada", comment))

    def test_only_a_quarantined_file_can_be_released(
        self, tray: InTray, quarantined: FileView
    ) -> None:
        good = tray.take_in("good.csv", handback([row(9)], sequence=9))
        empty = tray.take_in("empty.csv", b"")
        release(tray.desk, "aurora", quarantined.file_id, ASKED)
        for file, state in ((good, "received"), (empty, "refused"), (quarantined, "received")):
            with pytest.raises(FileQuarantined) as refused:
                release(tray.desk, "aurora", file.file_id, ASKED)
            assert refused.value.facts["state"] == state

    def test_a_file_of_another_programme_is_not_found(
        self, tray: InTray, quarantined: FileView
    ) -> None:
        for programme, file_id in (("borealis", quarantined.file_id), ("aurora", 999)):
            with pytest.raises(NotFound):
                release(tray.desk, programme, file_id, ASKED)

    def test_asked_twice_under_one_key_it_is_done_once(
        self, tray: InTray, quarantined: FileView
    ) -> None:
        keyed = Command("ada", ASKED.comment, "k1")
        first = release(tray.desk, "aurora", quarantined.file_id, keyed)
        again = release(tray.desk, "aurora", quarantined.file_id, keyed)
        assert (first.replayed, again.replayed) == (False, True)
        assert again.file == first.file
        with pytest.raises(RequestKeyReused):
            other = Command("ada", "another reason", "k1")
            release(tray.desk, "aurora", quarantined.file_id, other)


class TestReplay:
    def test_a_corrected_agreement_reads_the_landed_bytes_anew(
        self, tray: InTray, clock: FakeClock, quarantined: FileView
    ) -> None:
        version = corrected(tray, clock)
        replayed = replay(tray.desk, "aurora", quarantined.file_id, None, ASKED)
        file = replayed.file
        assert (file.verdict, file.agreement_version) == (Verdict.ACCEPTED_WITH_FINDINGS, version)
        assert not replayed.replayed and ready(tray) == [file.file_id]
        assert prepare.spooled(tray.desk, file.file_id).agreement_version == version
        assert "sum_mismatch" not in {f.code for f in tray.findings(file.file_id)}

    def test_the_version_may_be_chosen(
        self, tray: InTray, clock: FakeClock, quarantined: FileView
    ) -> None:
        corrected(tray, clock)
        file = replay(tray.desk, "aurora", quarantined.file_id, 1, ASKED).file
        assert (file.state, file.verdict) == (FileState.QUARANTINED, quarantined.verdict)
        assert file.agreement_version == 1
        with pytest.raises(NotFound):
            replay(tray.desk, "aurora", quarantined.file_id, 3, ASKED)
        file = replay(tray.desk, "aurora", quarantined.file_id, 2, ASKED).file
        assert file.state is FileState.RECEIVED

    def test_every_replay_is_noted_and_the_findings_are_those_of_the_last(
        self, tray: InTray, quarantined: FileView
    ) -> None:
        before = [(f.code, f.line) for f in tray.findings(quarantined.file_id)]
        for _ in range(2):
            file = replay(tray.desk, "aurora", quarantined.file_id, None, ASKED).file
        found = tray.findings(file.file_id)
        assert [f.code for f in found[:2]] == ["replayed", "replayed"]
        assert found[0].message == "replayed by ada under version 1 of the agreement"
        assert [(f.code, f.line) for f in found[2:]] == before
        assert [f.number for f in found] == list(range(1, len(found) + 1))
        assert file.finding_count == len(found)

    def test_only_a_quarantined_file_can_be_replayed(self, tray: InTray) -> None:
        good = tray.take_in("good.csv", handback([row(9)]))
        with pytest.raises(FileQuarantined):
            replay(tray.desk, "aurora", good.file_id, None, ASKED)

    def test_asked_twice_under_one_key_it_is_done_once(
        self, tray: InTray, quarantined: FileView
    ) -> None:
        keyed = Command("ada", "", "k1")
        first = replay(tray.desk, "aurora", quarantined.file_id, None, keyed)
        again = replay(tray.desk, "aurora", quarantined.file_id, None, keyed)
        assert (first.replayed, again.replayed) == (False, True)
        assert again.file == first.file

    def test_a_process_killed_while_decoding_is_followed_by_the_next_look(
        self, tray: InTray, quarantined: FileView, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(prepare, "_decode", _dies)
            with pytest.raises(SystemExit):
                replay(tray.desk, "aurora", quarantined.file_id, None, ASKED)
        assert tray.file(quarantined.file_id).verdict is None
        pick_up(tray.desk, tray.transport)
        assert tray.file(quarantined.file_id).verdict is quarantined.verdict


def _dies(*_: object) -> object:
    raise SystemExit


def test_two_persons_discard_a_file_that_nobody_wants(tray: InTray, quarantined: FileView) -> None:
    asked = discard(tray.desk, "aurora", quarantined.file_id, Command("ada", "a test", "d1")).file
    assert (asked.state, asked.discard_asked_by) == (FileState.QUARANTINED, "ada")
    with pytest.raises(NotAllowed) as refused:
        discard(tray.desk, "aurora", quarantined.file_id, Command("ada", "still", "d2"))
    assert refused.value.facts["actor"] == "ada"
    command = Command("bob", "a test indeed", "d3")
    discarded = discard(tray.desk, "aurora", quarantined.file_id, command).file
    assert (discarded.state, discarded.verdict) == (FileState.REFUSED, Verdict.DISCARDED)
    assert discarded.closed_at is not None
    assert discarded.discard_asked_by is None
    with tray.desk.store.read() as tx:
        said = queries.findings_page(tx, "aurora", quarantined.file_id, 0, 100)[-2:]
    assert [(one.code, one.message) for one in said] == [
        ("discard_asked", "asked to be discarded by ada: a test"),
        ("discarded", "discarded by bob: a test indeed"),
    ]
    assert discard(tray.desk, "aurora", quarantined.file_id, command).replayed
    with pytest.raises(FileQuarantined):
        release(tray.desk, "aurora", quarantined.file_id, ASKED)
    again = tray.take_in("again.csv", WRONG_TOTAL)
    assert again.state is FileState.QUARANTINED


def test_a_discard_is_forgotten_once_the_file_is_read_anew(
    tray: InTray, quarantined: FileView
) -> None:
    discard(tray.desk, "aurora", quarantined.file_id, Command("ada", "a test"))
    replay(tray.desk, "aurora", quarantined.file_id, None, Command("bob"))
    asked = discard(tray.desk, "aurora", quarantined.file_id, Command("bob", "a test")).file
    assert (asked.state, asked.discard_asked_by) == (FileState.QUARANTINED, "bob")


def test_a_discard_needs_a_quarantined_file_and_a_reason(
    tray: InTray, quarantined: FileView
) -> None:
    with pytest.raises(InvalidRequest):
        discard(tray.desk, "aurora", quarantined.file_id, Command("ada", " "))
    sound = tray.take_in("sound.csv", handback([row(1)]))
    with pytest.raises(FileQuarantined):
        discard(tray.desk, "aurora", sound.file_id, Command("ada", "a test"))
