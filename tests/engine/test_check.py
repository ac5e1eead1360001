"""A file is tried under an agreement: the verdict of the real road, and nothing written."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
import sqlalchemy as sa

from agreements import SKYWAYS, apply_example, source_of
from fake_clock import FakeClock
from handback.intake.states import FileState, Verdict
from handback.lifecycle.table import Trigger
from handback.onboarding.check import SHOWN_RECORDS, FileCheck, check
from handback.partners.codes import ReasonClass
from handback.partners.policy import Action
from handback.partners.reading import parse
from handback.store.session import Store
from handback.store.tables import SQLModel
from intake_files import InTray, handback, row, with_terms


@pytest.fixture
def tray(tmp_path: Path, store: Store, clock: FakeClock) -> InTray:
    apply_example(store, clock, SKYWAYS)
    return InTray.at(tmp_path, store, clock)


def checked(
    tray: InTray, content: bytes, *terms: tuple[str, str], partner_id: int | None = 1
) -> FileCheck:
    agreement = parse(with_terms(source_of(SKYWAYS), *terms))
    return check(tray.desk, agreement, partner_id, io.BytesIO(content), "try.csv")


def written(tray: InTray) -> dict[str, int]:
    """How many rows each table has, and how many files the folders have."""
    with tray.desk.store.read() as tx:
        tables = SQLModel.metadata.sorted_tables
        counts = {
            table.name: tx.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in tables
        }
    home = tray.inbound.parents[2]
    return counts | {
        "files": sum(path.is_file() for path in home.rglob("*") if "db" not in path.name)
    }


GOOD = handback([row(1), row(2, 250), row(3, 40, code="0301"), row(4, 5, code="9999")])


def test_a_sound_file_says_what_it_would_do(tray: InTray) -> None:
    before = written(tray)
    found = checked(tray, GOOD)
    assert written(tray) == before
    assert (found.verdict, found.state) == (Verdict.ACCEPTED, FileState.RECEIVED)
    assert (found.record_count, found.referenced_count, found.quantity) == (4, 4, 395)
    assert found.header["sequence"] == "1"
    assert found.control == {"record_count": "4", "quantity_total": "395"}
    assert [(one.code, one.count, one.quantity) for one in found.codes] == [
        ("0000", 2, 350),
        ("0301", 1, 40),
        ("9999", 1, 5),
    ]
    assert [(one.reason_class, one.trigger, one.action, one.mapped) for one in found.codes] == [
        (ReasonClass.OK, Trigger.CONFIRM, None, True),
        (ReasonClass.TEMPORARY, Trigger.REJECT, Action.RETRY, True),
        (ReasonClass.OPS, Trigger.REJECT, Action.REVIEW, False),
    ]
    assert found.details["reference"].len() == 4


def test_a_reference_that_is_no_key_is_not_counted_as_one(tray: InTray) -> None:
    strange = row(2).replace("HB", "XX")
    assert checked(tray, handback([row(1), strange])).referenced_count == 1


def test_it_agrees_with_the_road_of_a_real_file(tray: InTray) -> None:
    files = [
        handback([row(1)], sequence=1),
        handback([row(2)], sequence=1),
        handback([row(2)], sequence=1, count=7),
        handback([row(2)], sequence=5),
        handback([row(3)], sequence=4),
        handback([row(1)], sequence=1),
        b"",
        b"\x00\x01",
        handback([row(1).replace("100", "many")], total=100),
    ]
    for number, content in enumerate(files):
        found = checked(tray, content)
        real = tray.take_in(f"{number}.csv", content)
        assert (found.verdict, found.state) == (real.verdict, real.state), number
        assert found.repeats_file_id == real.repeats_file_id
        if real.state is not FileState.REFUSED:
            assert found.finding_count == real.finding_count
            kept = [finding.code for finding in tray.findings(real.file_id)]
            assert found.findings["code"].to_list() == kept


def test_envelopes_come_off_and_damage_is_told(tray: InTray) -> None:
    terms = ('complete = "rename"', 'envelope = ["gzip"]')
    found = checked(tray, gzip.compress(GOOD), terms)
    assert (found.verdict, found.envelope, found.record_count) == (Verdict.ACCEPTED, "gzip", 4)
    broken = checked(tray, gzip.compress(GOOD)[:-4], terms)
    assert broken.verdict is Verdict.UNOPENABLE
    assert broken.findings["code"].to_list() == ["envelope_damaged"]


def test_without_a_partner_nothing_is_compared(tray: InTray) -> None:
    tray.take_in("a.csv", GOOD)
    assert checked(tray, GOOD).verdict is Verdict.REPEAT
    assert checked(tray, GOOD, partner_id=None).verdict is Verdict.ACCEPTED


def test_of_a_large_file_the_beginning_is_shown(tray: InTray) -> None:
    found = checked(tray, handback([row(number) for number in range(1, 500)]))
    assert found.record_count == 499
    assert found.details["ordinal"].to_list() == list(range(1, SHOWN_RECORDS + 1))
