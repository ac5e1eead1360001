"""Templates of payout file names."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from handback.partners.file_name import FileNameTemplate

LATE = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{sequence}", "42"),
        ("OUT_{date:%Y%m%d}_{sequence:06}.csv", "OUT_20260303_000042.csv"),
        ("{unit}-{date:%y%j}.{sequence:03}", "miles-26062.042"),
        ("a{{b}}{sequence:01}", "a{b}42"),
    ],
)
def test_names_carry_the_partners_day(template: str, name: str) -> None:
    zone = ZoneInfo("Asia/Singapore")
    parsed = FileNameTemplate.parse(template)
    assert parsed.render(sequence=42, at=LATE, zone=zone, unit="miles") == name


@pytest.mark.parametrize(
    "template",
    [
        "OUT.csv",
        "OUT_{date:%Y%m}.csv",
        "OUT_{date:%m%d}_{ordinal_of_day}.csv",
        "OUT_{ordinal_of_day}.csv",
        "a/{sequence}",
        "a\\{sequence}",
        "{sequence}\n",
        ".{sequence}",
        "{sequence:x}",
        "{sequence:>9}",
        "{sequence!r}",
        "{sequence.real}",
        "{sequence}{date}",
        "{sequence}{date:%c}",
        "{sequence}{date:%Y/%m}",
        "{sequence}{unit:5}",
        "{sequence}{member}{product}",
        "{sequence}{member:5}",
        "{sequence}{Member}",
        "{sequence}{}",
        "{sequence}{",
        "{sequence}" + "x" * 180,
    ],
)
def test_templates_that_could_leave_the_folder_or_repeat_are_refused(template: str) -> None:
    with pytest.raises(ValueError):
        FileNameTemplate.parse(template)


@pytest.mark.parametrize(
    ("template", "name", "apart", "apart_if_one"),
    [
        ("AIR_{date:%Y%m%d}.txt", "AIR_20260303.txt", False, True),
        ("{date:%y%j}{ordinal_of_day:02}", "2606207", True, True),
        ("{product}-{date:%d%m%Y}-{sequence}", "gift_card-03032026-42", True, True),
    ],
)
def test_a_day_may_tell_files_apart(
    template: str, name: str, apart: bool, apart_if_one: bool
) -> None:
    parsed = FileNameTemplate.parse(template)
    rendered = parsed.render(
        sequence=42,
        at=LATE,
        zone=ZoneInfo("Asia/Singapore"),
        unit="miles",
        ordinal_of_day=7,
        split_value="gift card",
    )
    assert rendered == name
    assert (parsed.keeps_apart(None), parsed.keeps_apart(1)) == (apart, apart_if_one)


def test_what_a_caller_says_cannot_lead_out_of_the_folder() -> None:
    parsed = FileNameTemplate.parse("{product}_{sequence}")
    zone = ZoneInfo("UTC")
    told = parsed.render(sequence=1, at=LATE, zone=zone, unit="miles", split_value="../x\u202e%")
    assert told == "___x___1"
    long = parsed.render(sequence=1, at=LATE, zone=zone, unit="miles", split_value="x" * 500)
    assert len(long) == 42
