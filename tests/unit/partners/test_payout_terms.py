"""What an agreement says of cut-offs, limits, splitting and expected files."""

from __future__ import annotations

import pytest

from handback.partners.calendar import Calendar
from handback.partners.reading import parse
from handback.partners.schedule import DAY_MINUTES, Schedule
from unit.partners.test_agreement import changed, mistakes

NAME = 'file_name = "{sequence}.csv"'
FIELDS = '[fields]\nproduct = "required"\nnote = "optional"\n'


def payout(*lines: str, name: str = NAME) -> str:
    """The shortest agreement with more in `[payout]`."""
    return changed((NAME, "\n".join((name, *lines))), more=FIELDS)


def answers(*lines: str) -> str:
    return changed(more="\n".join(("[answers]", *lines)) + "\n")


def test_by_default_there_are_no_limits_and_an_interval_counts() -> None:
    agreement = parse(changed())
    terms = agreement.payout
    assert (terms.cut_offs, terms.interval_s, terms.split_by) == (None, 3600, None)
    assert (terms.max_quantity, terms.day_records, terms.day_quantity) == (None, None, None)
    assert (terms.files_per_day, terms.largest_quantity) == (None, None)
    assert (agreement.answers.expected, agreement.answers.grace_s) == (None, 3600)


def test_cut_offs_are_times_of_the_partners_days() -> None:
    agreement = parse(payout('cut_offs = ["11:00", "16:30"]'))
    assert agreement.payout.cut_offs == Schedule(agreement.calendar, (660, 990))
    daily = parse(payout('cut_offs = ["24:00"]', "every_day = true"))
    assert daily.payout.cut_offs == Schedule(daily.calendar, (DAY_MINUTES,), every_day=True)


def test_the_smaller_limit_bounds_a_single_redemption() -> None:
    terms = parse(payout("max_quantity = 500", "day_quantity = 300"))
    assert terms.payout.largest_quantity == 300
    (refused,) = terms.check_submit("M-1", 301, {"product": "gold"})
    assert (refused.field, refused.expected) == ("quantity", "expected at most 300")
    assert terms.check_submit("M-1", 300, {"product": "gold"}) == []


@pytest.mark.parametrize(
    ("line", "minutes", "every_day"),
    [
        ('expect = "daily"', (DAY_MINUTES,), True),
        ('expect = "business_days"', (DAY_MINUTES,), False),
        ('expect = ["06:00", "18:00"]', (360, 1080), False),
        ('expect = ["06:00"]\nevery_day = true', (360,), True),
    ],
)
def test_files_may_be_expected(line: str, minutes: tuple[int, ...], every_day: bool) -> None:
    expected = parse(answers(line)).answers.expected
    assert expected is not None
    assert (expected.minutes, expected.every_day) == (minutes, every_day)
    assert isinstance(expected.calendar, Calendar)


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (payout('cut_offs = ["25:00"]'), "payout.cut_offs"),
        (payout('cut_offs = ["24:01"]'), "payout.cut_offs"),
        (payout('cut_offs = ["11:00", "11:00"]'), "payout.cut_offs"),
        (payout("cut_offs = [11]"), "payout.cut_offs"),
        (payout('cut_offs = ["11:00"]', "interval_s = 60"), "payout.interval_s"),
        (payout("every_day = true"), "payout.every_day"),
        (payout('cut_offs = ["11:00"]', 'every_day = "yes"'), "payout.every_day"),
        (payout("files_per_day = 0"), "payout.files_per_day"),
        (payout('split_by = "colour"'), "payout.split_by"),
        (payout('split_by = "note"'), "payout.split_by"),
        (payout(name='file_name = "{product}_{sequence}"'), "payout.file_name"),
        (payout(name='file_name = "{date:%Y%m%d}"'), "payout.file_name"),
        (answers('expect = "weekly"'), "answers.expect"),
        (answers("expect = 5"), "answers.expect"),
        (answers('expect = "daily"', "every_day = true"), "answers.every_day"),
        (answers("grace_s = 5"), "answers.grace_s"),
    ],
)
def test_mistakes(source: str, key: str) -> None:
    assert list(mistakes(source)) == [key]


@pytest.mark.parametrize(
    "source",
    [
        payout('split_by = "product"', name='file_name = "{product}_{sequence}"'),
        payout("files_per_day = 1", name='file_name = "{date:%Y%m%d}"'),
        payout("files_per_day = 5", name='file_name = "{date:%Y%m%d}_{ordinal_of_day}"'),
    ],
)
def test_what_is_agreed_so(source: str) -> None:
    assert parse(source).payout.file_name.text
