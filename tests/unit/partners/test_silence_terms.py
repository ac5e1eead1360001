"""What an agreement says of silence, and of the days on which its partner works."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from agreements import source_of
from handback.errors import InvalidAgreement
from handback.partners.agreement import Agreement
from handback.partners.calendar import Calendar
from handback.partners.codes import ReasonClass
from handback.partners.reading import parse


def source(answers: str = "", calendar: str = "") -> str:
    """An example with other answers, and with a calendar before its payouts."""
    changed = source_of("skyways").replace('style = "full"', answers)
    return changed.replace("[payout]", f"[calendar]\n{calendar}\n[payout]", 1)


def agreed(answers: str = "", calendar: str = "") -> Agreement:
    return parse(source(answers, calendar))


def test_by_default_silence_rejects_nothing_and_holidays_are_working_days() -> None:
    agreement = agreed()
    assert agreement.answers.silence_class is ReasonClass.NONE
    assert agreement.calendar == Calendar(ZoneInfo("Europe/London"))


def test_who_is_rejected_by_silence_is_looked_at_by_default() -> None:
    assert agreed('style = "successes_only"').answers.silence_class is ReasonClass.OPS


def test_what_is_written_is_what_is_read() -> None:
    answers = 'style = "successes_only"\nsilence_class = "temporary"'
    calendar = 'country = "GB"\nsubdivision = "SCT"\nclosed = [2026-12-24]'
    agreement = agreed(answers, calendar)
    assert agreement.answers.silence_class is ReasonClass.TEMPORARY
    closed = frozenset({date(2026, 12, 24)})
    assert agreement.calendar == Calendar(ZoneInfo("Europe/London"), "GB", "SCT", closed)


@pytest.mark.parametrize(
    ("answers", "calendar", "key"),
    [
        ('silence_class = "dead"', "", "answers.silence_class"),
        ('style = "exceptions_only"\nsilence_class = "dead"', "", "answers.silence_class"),
        ('style = "successes_only"\nsilence_class = "hold"', "", "answers.silence_class"),
        ("", 'country = "Atlantis"', "calendar.country"),
        ("", 'country = "XX"', "calendar.country"),
        ("", 'subdivision = "ENG"', "calendar.subdivision"),
        ("", 'country = "GB"\nsubdivision = "BY"', "calendar.subdivision"),
        ("", 'closed = ["2026-12-24"]', "calendar.closed"),
        ("", "closed = [2026-12-24T00:00:00]", "calendar.closed"),
    ],
)
def test_mistakes(answers: str, calendar: str, key: str) -> None:
    with pytest.raises(InvalidAgreement) as refused:
        agreed(answers, calendar)
    assert [violation.field for violation in refused.value.violations] == [key]
