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
        "OUT_{date:%Y%m%d}.csv",
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
        "{sequence}{member}",
        "{sequence}{}",
        "{sequence}{",
        "{sequence}" + "x" * 180,
    ],
)
def test_templates_that_could_leave_the_folder_or_repeat_are_refused(template: str) -> None:
    with pytest.raises(ValueError):
        FileNameTemplate.parse(template)
