"""Old bytes go when the agreement says so; what is known of their files stays."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from agreements import NORTHBANK, SKYWAYS, apply_example, source_of
from fake_clock import FakeClock
from handback.errors import NotFound
from handback.intake.context import placed_finding
from handback.intake.queries import FileView
from handback.intake.retention import remove_expired
from handback.intake.states import FileState
from handback.partners import registry
from handback.reconcile.run import reconcile
from handback.store.session import Store
from intake_files import InTray, handback, row, with_terms

DAYS = 30


@pytest.fixture
def tray(tmp_path: Path, store: Store, clock: FakeClock) -> InTray:
    terms = ('complete = "rename"', f'complete = "rename"\nretention_days = {DAYS}')
    registry.apply(store, clock, with_terms(source_of(SKYWAYS), terms), "tests")
    apply_example(store, clock, NORTHBANK)  # keeps everything
    return InTray.at(tmp_path, store, clock)


def reconciled(tray: InTray, name: str, content: bytes) -> FileView:
    file = tray.take_in(name, content)
    reconcile(tray.desk, file.file_id, "tests")
    return tray.file(file.file_id)


def is_kept(tray: InTray, file: FileView) -> bool:
    try:
        tray.desk.landing.open(file.landing_key).close()
    except NotFound:
        return False
    return True


def days_pass(tray: InTray, clock: FakeClock, days: int) -> None:
    """Let files on the disk grow old with the clock."""
    clock.advance(timedelta(days=days))
    for path in (tray.inbound.parents[2] / "landing").rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))


def test_bytes_go_after_their_days_and_the_record_stays(tray: InTray, clock: FakeClock) -> None:
    file = reconciled(tray, "a.csv", handback([row(1)]))
    days_pass(tray, clock, DAYS)
    assert remove_expired(tray.desk) == 0
    days_pass(tray, clock, 1)
    assert remove_expired(tray.desk) == 1
    assert not is_kept(tray, file)
    left = tray.file(file.file_id)
    assert (left.removed_at, left.state) == (clock.now(), FileState.RECONCILED)
    assert left.fingerprint == file.fingerprint
    assert remove_expired(tray.desk) == 0


def test_what_waits_in_quarantine_is_kept(tray: InTray, clock: FakeClock) -> None:
    file = tray.take_in("a.csv", handback([row(1)], count=9))
    assert file.state is FileState.QUARANTINED
    days_pass(tray, clock, DAYS * 10)
    assert remove_expired(tray.desk) == 0
    assert is_kept(tray, file)


def test_bytes_that_came_once_more_are_kept_for_the_later_file(
    tray: InTray, clock: FakeClock
) -> None:
    content = handback([row(1)])
    first = reconciled(tray, "a.csv", content)
    days_pass(tray, clock, DAYS)
    again = tray.take_in("b.csv", content)
    days_pass(tray, clock, 1)
    assert remove_expired(tray.desk) == 1
    assert tray.file(first.file_id).removed_at is not None
    assert is_kept(tray, again)
    days_pass(tray, clock, DAYS)
    assert remove_expired(tray.desk) == 1
    assert not is_kept(tray, again)


def test_content_that_is_just_landed_again_is_left(tray: InTray, clock: FakeClock) -> None:
    """Its row is about to be written."""
    content = handback([row(1)])
    file = reconciled(tray, "a.csv", content)
    days_pass(tray, clock, DAYS + 1)
    place = next((tray.inbound.parents[2] / "landing").rglob(file.landing_key))
    os.utime(place, (clock.now().timestamp(),) * 2)
    assert remove_expired(tray.desk) == 1
    assert is_kept(tray, file)


def test_a_finding_is_shown_in_its_place_as_long_as_bytes_are_kept(
    tray: InTray, clock: FakeClock
) -> None:
    file = tray.take_in(
        "a.csv", handback([row(1), row(2), row(3).replace("100", "many")], total=200)
    )
    numbers = {finding.code: finding.number for finding in tray.findings(file.file_id)}
    bad = placed_finding(tray.desk, "aurora", file.file_id, numbers["bad_integer"])
    assert bad.finding.line == 4
    assert [line.number for line in bad.lines] == [2, 3, 4, 5]
    assert b"many" in bad.lines[2].content
    with pytest.raises(NotFound):
        placed_finding(tray.desk, "aurora", file.file_id, 99)
    with pytest.raises(NotFound):
        placed_finding(tray.desk, "borealis", file.file_id, 1)
