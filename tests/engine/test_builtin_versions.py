"""A version of an agreement keeps the built-in formats it names as they were."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_clock import FakeClock
from handback.errors import InvalidAgreement
from handback.formats.builtin import builtin
from handback.partners.codes import ReasonClass
from handback.partners.registry import Agreements, Terms, apply
from handback.store.session import Store

DOCUMENT = """
programme = "aurora"
partner = "skyways"
time_zone = "Europe/London"
units = ["miles"]
[payout]
format = "outbound"
folder = "out"
file_name = "SKY_{sequence:06}.csv"
[handback]
format = "answers"
folder = "in"
[codes.answers]
"99" = "hold"
[formats.outbound]
framing = "delimited"
[[formats.outbound.records]]
kind = "detail"
fields = [{ name = "reference", at = 1 }, { name = "quantity", at = 2, type = "integer" }]
"""
LAYOUT = """
framing = "delimited"
delimiter = "DELIMITER"
[[records]]
kind = "detail"
fields = [{ name = "reference", at = 1 }, { name = "code", at = 2, type = "code" }]
"""

Release = Callable[[str, str], None]


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Bring out a release in which the built-in format `answers` has this delimiter, and this class
    for the code 03."""
    monkeypatch.setattr("handback.formats.builtin._folder", lambda: tmp_path)

    def bring_out(delimiter: str, dead: str) -> None:
        folder = tmp_path / "answers"
        folder.mkdir(exist_ok=True)
        (folder / "layout.toml").write_text(LAYOUT.replace("DELIMITER", delimiter))
        (folder / "codes.toml").write_text(f'"00" = "ok"\n"03" = "{dead}"\n')
        builtin.cache_clear()

    return bring_out


@pytest.fixture(autouse=True)
def forgotten() -> object:
    """The formats of other tests are not these."""
    yield
    builtin.cache_clear()


def read(store: Store, partner_id: int, version: int) -> Terms:
    """A version as a server that has just started reads it."""
    with store.read() as tx:
        return Agreements().at_version(tx, partner_id, version)


def test_a_version_reads_as_it_did(
    store: Store, clock: FakeClock, release: Release, tmp_path: Path
) -> None:
    release(";", "dead")
    first = apply(store, clock, DOCUMENT, "ann", request_key="k1")
    release("|", "fix_member")
    assert read(store, first.partner_id, 1).agreement.handback.layout.delimiter == ";"
    second = apply(store, clock, DOCUMENT, "ann")
    assert (second.version, second.changed) == (2, True)
    assert not apply(store, clock, DOCUMENT, "ann").changed
    assert apply(store, clock, DOCUMENT, "ann", request_key="k1").version == 1
    shutil.rmtree(tmp_path / "answers")
    builtin.cache_clear()
    with pytest.raises(InvalidAgreement):
        apply(store, clock, DOCUMENT, "ann")
    said = [read(store, first.partner_id, version).agreement.handback for version in (1, 2)]
    assert [one.layout.delimiter for one in said] == [";", "|"]
    for one, answer in zip(said, (ReasonClass.DEAD, ReasonClass.FIX_MEMBER), strict=True):
        assert one.codes.classes == {
            "00": ReasonClass.OK,
            "03": answer,
            "99": ReasonClass.HOLD,
        }


def test_a_format_of_the_document_goes_before_a_later_one_of_its_name(
    store: Store, clock: FakeClock, release: Release
) -> None:
    own = LAYOUT.replace("DELIMITER", "~").replace("[[records]]", "[[formats.answers.records]]")
    applied = apply(store, clock, f"{DOCUMENT}[formats.answers]\n{own}", "ann")
    release(";", "dead")
    handback = read(store, applied.partner_id, 1).agreement.handback
    assert handback.layout.delimiter == "~"
    assert handback.codes.classes == {"99": ReasonClass.HOLD}
