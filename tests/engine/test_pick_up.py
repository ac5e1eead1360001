"""Picking up files from folders: whole files only, each once, none in the way of another."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agreements import SKYWAYS, apply_example, source_of
from fake_clock import FakeClock
from handback.exchange.folder import FolderTransport
from handback.exchange.transport import Arrival
from handback.intake import prepare
from handback.intake.pickup import pick_up
from handback.intake.states import FileState, Verdict
from handback.partners import registry
from handback.store.session import Store
from intake_files import InTray, handback, row, with_terms

GOOD = handback([row(1), row(2, 250)])


@pytest.fixture
def tray(tmp_path: Path, store: Store, clock: FakeClock) -> InTray:
    apply_example(store, clock, SKYWAYS)
    return InTray.at(tmp_path, store, clock)


def amended(tray: InTray, clock: FakeClock, *replacements: tuple[str, str]) -> None:
    """Apply the airline's agreement with other terms."""
    source = with_terms(source_of(SKYWAYS), *replacements)
    registry.apply(tray.desk.store, clock, source, "tests")


def touched(tray: InTray, name: str, at: datetime) -> None:
    os.utime(tray.inbound / name, (at.timestamp(),) * 2)


class TestCompleteness:
    def test_a_file_is_taken_in_and_put_away(self, tray: InTray) -> None:
        file = tray.take_in("answer.csv", GOOD)
        assert (file.verdict, file.name) == (Verdict.ACCEPTED, "answer.csv")
        assert (file.source, file.actor) == ("inbound/skyways", "pick-up")
        assert tray.lying_there() == ["archive/hbf_0000000000001.answer.csv"]
        assert tray.pick_up() == []

    @pytest.mark.parametrize(
        "name", [".answer.csv", "answer.csv.part", "answer.csv.tmp", "answer.txt"]
    )
    def test_a_name_that_is_not_a_finished_answer_is_left_alone(
        self, tray: InTray, name: str
    ) -> None:
        tray.put(name, GOOD)
        assert tray.pick_up() == []
        assert tray.lying_there() == [name]

    def test_with_a_marker_nothing_is_taken_before_it_comes(
        self, tray: InTray, clock: FakeClock
    ) -> None:
        amended(tray, clock, ('complete = "rename"', 'complete = "marker"'))
        tray.put("answer.csv", GOOD[:20])
        assert tray.pick_up() == []
        tray.put("answer.csv", GOOD)
        assert tray.pick_up() == []
        tray.put("answer.csv.done", b"")
        (file,) = tray.pick_up()
        assert (file.name, file.verdict) == ("answer.csv", Verdict.ACCEPTED)
        assert [name.partition(".")[2] for name in tray.lying_there()] == [
            "answer.csv",
            "answer.csv.done",
        ]

    def test_with_a_trailer_nothing_is_taken_before_it_comes(
        self, tray: InTray, clock: FakeClock
    ) -> None:
        amended(tray, clock, ('complete = "rename"', 'complete = "trailer"'))
        for size_bytes in range(len(GOOD) - 1):  # without its last line end it is still whole
            tray.put("answer.csv", GOOD[:size_bytes])
            touched(tray, "answer.csv", clock.now())
            assert tray.pick_up() == [], size_bytes
        assert tray.files() == []
        assert tray.take_in("answer.csv", GOOD).verdict is Verdict.ACCEPTED

    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
    def test_the_trailer_of_a_long_file_is_found_at_its_end(
        self, tray: InTray, clock: FakeClock, end: bytes
    ) -> None:
        amended(tray, clock, ('complete = "rename"', 'complete = "trailer"'))
        long = handback([row(number) for number in range(1, 4000)]).removesuffix(b"\n") + end
        assert len(long) > 3 * 65_536
        for size_bytes in (150_000, len(long) - len(end) - 1):
            tray.put("answer.csv", long[:size_bytes])
            touched(tray, "answer.csv", clock.now())
            assert tray.pick_up() == []
        assert tray.take_in("answer.csv", long).record_count == 3999

    def test_a_trailer_that_never_comes_is_shown_in_quarantine(
        self, tray: InTray, clock: FakeClock
    ) -> None:
        amended(tray, clock, ('complete = "rename"', 'complete = "trailer"'))
        tray.put("answer.csv", GOOD[:60])
        touched(tray, "answer.csv", clock.now() - timedelta(minutes=59))
        assert tray.pick_up() == []
        clock.advance(minutes=2)
        (file,) = tray.pick_up()
        assert (file.state, file.verdict) == (FileState.QUARANTINED, Verdict.TRUNCATED)


class TestNeighbours:
    def test_bad_files_do_not_hold_up_good_ones(self, tray: InTray) -> None:
        contents = {
            "a.csv": b"",
            "b.csv": b"\x00\x01",
            "c.csv": GOOD[:50],
            "d.csv": GOOD,
            "e.csv": GOOD,
            "f.csv": handback([row(5)], sequence=2),
        }
        for name, content in contents.items():
            tray.put(name, content)
        files = {file.name: file for file in tray.pick_up()}
        assert {name: file.verdict for name, file in files.items()} == {
            "a.csv": Verdict.EMPTY,
            "b.csv": Verdict.UNREADABLE,
            "c.csv": Verdict.TRUNCATED,
            "d.csv": Verdict.ACCEPTED,
            "e.csv": Verdict.REPEAT,
            "f.csv": Verdict.ACCEPTED,
        }
        assert files["e.csv"].repeats_file_id == files["d.csv"].file_id

    def test_a_file_that_cannot_be_read_is_tried_again_later(
        self, tray: InTray, caplog: pytest.LogCaptureFixture
    ) -> None:
        tray.transport = _Failing(tray.transport, "a.csv")
        tray.put("a.csv", GOOD)
        tray.put("b.csv", handback([row(5)], sequence=2))
        assert [file.name for file in tray.pick_up()] == ["b.csv"]
        assert "a.csv in inbound/skyways is left as it is" in caplog.text
        tray.transport.failing = ""
        assert [file.name for file in tray.pick_up()] == ["a.csv"]

    def test_a_file_too_large_to_land_is_refused_and_put_away(self, tray: InTray) -> None:
        tray.desk = replace(tray.desk, max_file_bytes=len(GOOD))
        tray.put("a.csv", GOOD + b"\n")
        tray.put("b.csv", GOOD)
        refused, accepted = tray.pick_up()
        assert (refused.state, refused.verdict) == (FileState.REFUSED, Verdict.TOO_LARGE)
        assert accepted.verdict is Verdict.ACCEPTED
        assert len(tray.lying_there()) == 2 and tray.pick_up() == []

    def test_a_backlog_is_taken_in_over_several_looks(self, tray: InTray) -> None:
        for number in range(10):
            tray.put(f"{number}.csv", handback([row(number + 1)], sequence=number))
        assert [file.name for file in tray.pick_up()] == [f"{number}.csv" for number in range(8)]
        assert [file.name for file in tray.pick_up()] == ["8.csv", "9.csv"]

    def test_two_partners_with_their_own_folders(self, tray: InTray, clock: FakeClock) -> None:
        other = source_of(SKYWAYS).replace("skyways", "windways")
        registry.apply(tray.desk.store, clock, other, "tests")
        (tray.inbound.parent / "windways").mkdir()
        (tray.inbound.parent / "windways" / "answer.csv").write_bytes(GOOD)
        tray.put("answer.csv", GOOD)
        partners = {file.partner: file.verdict for file in tray.pick_up()}
        assert partners == {"skyways": Verdict.ACCEPTED, "windways": Verdict.ACCEPTED}

    def test_partners_may_share_a_folder_by_names_of_their_own(
        self, tray: InTray, clock: FakeClock
    ) -> None:
        amended(tray, clock, ('file_name = "*.csv"', 'file_name = "SKY_*.csv"'))
        other = source_of(SKYWAYS).replace("outbound/skyways", "outbound/windways")
        other = other.replace('partner = "skyways"', 'partner = "windways"')
        other = other.replace('file_name = "*.csv"', 'file_name = "WIND_*.csv"')
        registry.apply(tray.desk.store, clock, other, "tests")
        tray.put("SKY_1.csv", GOOD)
        tray.put("WIND_1.csv", GOOD)
        assert {file.name: file.partner for file in tray.pick_up()} == {
            "SKY_1.csv": "skyways",
            "WIND_1.csv": "windways",
        }

    def test_a_folder_that_cannot_be_opened_does_not_hold_up_others(
        self, tray: InTray, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        other = source_of(SKYWAYS).replace("skyways", "windways")
        registry.apply(tray.desk.store, clock, other, "tests")
        (tray.inbound.parent / "windways").mkdir()
        (tray.inbound.parent / "windways" / "answer.csv").write_bytes(GOOD)
        tray.inbound.rmdir()
        tray.inbound.symlink_to(tmp_path)
        assert [file.partner for file in tray.pick_up()] == ["windways"]
        assert "inbound/skyways is left as it is" in caplog.text

    def test_a_folder_that_another_process_looks_into_is_left_to_it(self, tray: InTray) -> None:
        tray.put("answer.csv", GOOD)
        with tray.desk.store.lock("pick-up from inbound/skyways") as had:
            assert had and tray.pick_up() == []
        assert len(tray.pick_up()) == 1

    def test_looks_at_the_same_time_take_each_file_once(self, tray: InTray) -> None:
        for number in range(24):
            tray.put(f"{number}.csv", handback([row(number + 1)], sequence=number))
        with ThreadPoolExecutor(4) as pool:
            looks = [pool.submit(pick_up, tray.desk, tray.transport) for _ in range(12)]
            taken = [file_id for look in looks for file_id in look.result()]
        while left := tray.pick_up():
            taken.extend(file.file_id for file in left)
        assert len(taken) == len(set(taken)) == 24
        assert [file.verdict for file in tray.files()] == [Verdict.ACCEPTED] * 24


class TestResuming:
    """What a process that died left behind; where exactly is for the crash tests."""

    def test_a_file_received_but_not_put_away_is_no_repeat_of_itself(self, tray: InTray) -> None:
        stuck = tray.transport
        tray.transport = _NeverPutsAway(tray.inbound.parent.parent)
        with pytest.raises(SystemExit):
            tray.take_in("answer.csv", GOOD)
        tray.transport = stuck
        assert tray.lying_there() == ["claimed/hbf_0000000000001.answer.csv"]
        assert tray.pick_up() == []
        assert tray.lying_there() == ["archive/hbf_0000000000001.answer.csv"]
        assert [file.verdict for file in tray.files()] == [Verdict.ACCEPTED]

    def test_the_same_content_put_there_again_is_a_repeat(self, tray: InTray) -> None:
        tray.take_in("answer.csv", GOOD)
        assert tray.take_in("answer.csv", GOOD).verdict is Verdict.REPEAT
        assert len(tray.lying_there()) == 2

    def test_a_file_left_undecoded_is_decoded_by_the_next_look(
        self, tray: InTray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(prepare, "_decode", _dies)
            with pytest.raises(SystemExit):
                tray.take_in("answer.csv", GOOD)
        (file,) = tray.files()
        assert (file.state, file.verdict) == (FileState.RECEIVED, None)
        tray.pick_up()
        assert tray.file(file.file_id).verdict is Verdict.ACCEPTED

    def test_a_claim_that_names_no_file_is_not_believed(self, tray: InTray) -> None:
        (tray.inbound / "claimed").mkdir()
        tray.put("claimed/hbf_00000000000zz.future.csv", handback([row(8)], sequence=2))
        tray.put("claimed/odd.one.csv", handback([row(9)], sequence=3))
        taken = {file.name: (file.file_id, file.verdict) for file in tray.pick_up()}
        assert taken == {
            "future.csv": (1, Verdict.ACCEPTED),
            "one.csv": (2, Verdict.ACCEPTED),
        }
        assert tray.lying_there() == [
            "archive/hbf_0000000000001.future.csv",
            "archive/hbf_0000000000002.one.csv",
        ]

    def test_a_claim_that_names_another_partners_file_hides_only_itself(
        self, tray: InTray, clock: FakeClock
    ) -> None:
        tray.take_in("ours.csv", GOOD)
        other = source_of(SKYWAYS).replace("skyways", "windways")
        registry.apply(tray.desk.store, clock, other, "tests")
        claimed = tray.inbound.parent / "windways" / "claimed"
        claimed.mkdir(parents=True)
        (claimed / "hbf_0000000000001.forged.csv").write_bytes(handback([row(7)]))
        assert tray.pick_up() == []
        assert tray.take_in("next.csv", handback([row(9)], sequence=9)).file_id == 2


class _Failing(FolderTransport):
    """A disk on which one file cannot be read."""

    def __init__(self, whole: FolderTransport, failing: str) -> None:
        super().__init__(whole._root)
        self.failing = failing

    def open(self, arrival: Arrival) -> object:  # type: ignore[override]
        if arrival.name == self.failing:
            raise OSError(5, "Input/output error")
        return super().open(arrival)


class _NeverPutsAway(FolderTransport):
    """A process that ends before it has put a file away."""

    def acknowledge(self, arrival: Arrival) -> None:
        raise SystemExit


def _dies(*_: object) -> object:
    raise SystemExit
