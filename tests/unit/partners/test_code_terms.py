"""What an agreement says of codes: from which day, beside which outcome, with which policy."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from handback.errors import InvalidAgreement, Violation
from handback.formats.builtin import builtin, list_builtin
from handback.formats.document import Section
from handback.partners.agreement import Agreement
from handback.partners.codes import BY_TEXT, CodeMap, ReasonClass
from handback.partners.policy import CHOICES, Action, Reference, RetryPolicy, default_policy
from handback.partners.reading import parse
from handback.partners.reading_policy import Around, read_policies

HEAD = """\
programme = "aurora"
partner = "skyways"
time_zone = "Europe/London"
units = ["miles"]

[fields]
surname = "required"
given_name = "optional"

[payout]
format = "outbound"
folder = "out"
file_name = "{sequence}.csv"

[handback]
format = "handback"
folder = "in"

[formats.outbound]
framing = "delimited"
[[formats.outbound.records]]
kind = "detail"
fields = [{ name = "reference", at = 1 }, { name = "quantity", at = 2, type = "integer" }]

[formats.handback]
framing = "delimited"
[[formats.handback.records]]
kind = "detail"
fields = [
  { name = "reference", at = 1 },
  { name = "code", at = 2, type = "code" },
  { name = "outcome", at = 3 },
]
"""
OUTCOME = '  { name = "outcome", at = 3 },\n'
OUTCOMES = '[outcomes.handback]\n"A" = "ok"\n"P" = "wait"\n"R" = "ops"\n"B" = "returned"\n'
CODES = (
    '[codes.handback]\n"00" = "ok"\n"01" = "fix_member"\n"02" = "temporary"\n"W" = "ok_changed"\n'
)


def agreement(more: str) -> Agreement:
    """One whose hand-back file has no outcomes."""
    return parse(HEAD.replace(OUTCOME, "") + more)


def mistakes(more: str) -> list[str]:
    """The keys of all mistakes."""
    with pytest.raises(InvalidAgreement) as refused:
        agreement(more)
    return [one.field for one in refused.value.violations]


def map_of(text: str) -> CodeMap:
    """The codes of an agreement."""
    return agreement(f"[codes.handback]\n{text}").handback.codes


DATED = (
    '"0302" = [{ class = "ops" }, { class = "later", from = 2026-12-01 }, '
    '{ class = "dead", from = 2027-01-01 }]\n"0400" = { class = "dead", from = 2026-12-24 }\n'
)


@pytest.mark.parametrize(
    ("day", "old", "new"),
    [
        (date(2026, 11, 30), ReasonClass.OPS, None),
        (date(2026, 12, 1), ReasonClass.LATER, None),
        (date(2026, 12, 24), ReasonClass.LATER, ReasonClass.DEAD),
        (date(2027, 1, 1), ReasonClass.DEAD, ReasonClass.DEAD),
    ],
)
def test_a_code_means_what_it_means_on_the_day(
    day: date, old: ReasonClass, new: ReasonClass | None
) -> None:
    then = map_of(DATED).on(day)
    assert (then.find("0302"), then.find("0400")) == (old, new)


def test_every_class_that_a_code_ever_has_is_known() -> None:
    codes = map_of(DATED)
    wanted = {ReasonClass.OPS, ReasonClass.LATER, ReasonClass.DEAD}
    assert codes.classes_of("0302") == codes.classes_of("0302/7") == wanted
    assert codes.classes_of("0400") == {ReasonClass.DEAD}
    assert codes.classes_of("0500") == frozenset()


def test_without_dates_it_is_the_same_map_every_day() -> None:
    codes = map_of('"00" = "ok"')
    assert codes.on(date(2026, 1, 1)) is codes


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('"1" = []', "codes.handback.1"),
        ('"1" = [{ class = "fine" }]', "codes.handback.1[0].class"),
        ('"1" = [{ class = "ok" }, { class = "dead" }]', "codes.handback.1[1].from"),
        (
            '"1" = [{ class = "ok", from = 2026-12-02 }, { class = "dead", from = 2026-12-01 }]',
            "codes.handback.1[1].from",
        ),
        ('"1" = { class = "ok", from = "2026-12-02" }', "codes.handback.1.from"),
        ('"1" = { class = "ok", form = 2026-12-02 }', "codes.handback.1.form"),
        ('"1" = { from = 2026-12-02 }', "codes.handback.1.class"),
        ('"1" = [{ class = "ok" }, { class = "partial", from = 2026-12-02 }]', "codes.handback"),
    ],
)
def test_mistakes_in_dated_codes(line: str, key: str) -> None:
    assert key in mistakes(f"[codes.handback]\n{line}\n")


OUTCOME_MAP = parse(HEAD + OUTCOMES + CODES).handback.codes


@pytest.mark.parametrize(
    ("outcome", "code", "expected"),
    [
        ("A", None, ReasonClass.OK),
        ("A", "00", ReasonClass.OK),
        ("A", "W", ReasonClass.OK_CHANGED),
        ("A", "XX", ReasonClass.OK),
        ("A", "01", ReasonClass.FIX_MEMBER),
        ("P", None, ReasonClass.WAIT),
        ("P", "00", ReasonClass.WAIT),
        ("P", "XX", ReasonClass.WAIT),
        ("R", None, ReasonClass.OPS),
        ("R", "01", ReasonClass.FIX_MEMBER),
        ("R", "02", ReasonClass.TEMPORARY),
        ("R", "00", ReasonClass.OPS),
        ("R", "XX", None),
        ("B", "02", ReasonClass.RETURNED),
        ("Z", "00", None),
        (None, "02", ReasonClass.TEMPORARY),
        (None, "XX", None),
        (None, None, None),
    ],
)
def test_an_outcome_decides_and_its_code_says_why(
    outcome: str | None, code: str | None, expected: ReasonClass | None
) -> None:
    assert OUTCOME_MAP.find(code, outcome) is expected
    record = pl.DataFrame(
        {"code": [code], "outcome": [outcome]}, {"code": pl.String, "outcome": pl.String}
    )
    found = OUTCOME_MAP.classify(record)
    assert found["mapped"].item() is (expected is not None)
    assert found["reason_class"].item() == (expected or ReasonClass.OPS)


def test_a_record_without_an_outcome_may_have_one() -> None:
    assert OUTCOME_MAP.reads_nothing() is False
    silent = parse(HEAD + OUTCOMES + '"" = "ok"\n').handback.codes
    assert silent.find(None) is ReasonClass.OK
    assert silent.reads_nothing()


def test_outcomes_and_the_field_for_them_go_together() -> None:
    assert mistakes(OUTCOMES + CODES) == ["outcomes.handback"]
    with pytest.raises(InvalidAgreement, match=r"outcomes\.handback"):
        parse(HEAD + CODES)
    with pytest.raises(InvalidAgreement, match=r"outcomes\.outbound"):
        parse(HEAD + OUTCOMES.replace("handback", "outbound") + CODES)


POLICIES = """\
[policy.temporary]
cap = 5
spacing_s = 60
[policy.codes."02"]
cap = 2
[policy.codes."01"]
changed = ["surname", "given_name"]
"""


def test_what_a_code_does_not_say_is_as_its_class_has_it() -> None:
    policies = agreement(CODES + POLICIES).policies
    assert policies.find(ReasonClass.TEMPORARY).cap == 5
    own = policies.find(ReasonClass.TEMPORARY, "02")
    assert own == RetryPolicy(Action.RETRY, cap=2, spacing_s=60)
    assert policies.find(ReasonClass.FIX_MEMBER, "01").changed == ("surname", "given_name")


def test_another_action_of_a_code_starts_from_the_defaults() -> None:
    more = '[policy.ours]\ndo = "fail"\n[policy.codes."03"]\ndo = "retry"\nreference = "same"\n'
    policies = agreement(f'{CODES}"03" = "ours"\n{more}').policies
    own = policies.find(ReasonClass.OURS, "03")
    assert own == RetryPolicy(Action.RETRY, reference=Reference.SAME)


def test_a_policy_holds_under_the_classes_that_allow_it() -> None:
    policies = agreement(f'[codes.handback]\n{DATED}[policy.codes."0302"]\ndo = "retry"\n').policies
    assert policies.find(ReasonClass.LATER, "0302").do is Action.RETRY
    assert policies.find(ReasonClass.OPS, "0302") == default_policy(ReasonClass.OPS)
    assert policies.find(ReasonClass.DEAD, "0302") == default_policy(ReasonClass.DEAD)


def test_details_that_are_wrong_have_to_change_unless_agreed_otherwise() -> None:
    policies = agreement(CODES).policies
    assert policies.find(ReasonClass.FIX_MEMBER).changed == ("member_ref", "surname", "given_name")
    assert policies.find(ReasonClass.OPS).changed == ()
    narrowed = agreement(f'{CODES}[policy.fix_member]\nchanged = ["member_ref"]\n').policies
    assert narrowed.find(ReasonClass.FIX_MEMBER).changed == ("member_ref",)
    free = agreement(f"{CODES}[policy.fix_member]\nchanged = []\n").policies
    assert free.find(ReasonClass.FIX_MEMBER).changed == ()
    given_up = agreement(f'{CODES}[policy.fix_member]\ndo = "fail"\n').policies
    assert given_up.find(ReasonClass.FIX_MEMBER).changed == ()


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('[policy.codes."99"]\ncap = 2', "policy.codes.99"),
        ('[policy.codes."00"]\ndo = "review"', "policy.codes.00"),
        ('[policy.codes."01"]\ndo = "retry"', "policy.codes.01.do"),
        ('[policy.codes."01"]\ncap = 2', "policy.codes.01.cap"),
        ('[policy.codes."02"]\nlast = 2', "policy.codes.02.last"),
        ('[policy.codes."02"]\nchanged = ["surname"]', "policy.codes.02.changed"),
        ('[policy.codes."01"]\nchanged = ["surnam"]', "policy.codes.01.changed"),
        ('[policy.codes."01"]\ndo = "never"\nreference = "same"', "policy.codes.01.reference"),
        ("[policy]\ncodes = 3", "policy.codes"),
        ('[policy.codes]\n"02" = 3', "policy.codes.02"),
    ],
)
def test_mistakes_in_policies_of_codes(more: str, key: str) -> None:
    assert mistakes(f"{CODES}{more}\n") == [key]


RETURNS = HEAD.replace('format = "handback"', 'format = "nacha-returns"').partition(
    "[formats.handback]"
)[0]


def test_a_built_in_format_brings_policies_that_an_agreement_may_replace() -> None:
    debits = f'{RETURNS}\n[codes.nacha-returns]\nR01 = "temporary"\n'
    brought = parse(debits).policies.find(ReasonClass.TEMPORARY, "R01")
    assert (brought.do, brought.cap, brought.latest_days) == (Action.RETRY, 3, 180)
    own = parse(f"{debits}[policy.codes.R01]\ncap = 2\n").policies
    assert own.find(ReasonClass.TEMPORARY, "R01").latest_days == 14


def test_what_a_format_brings_gives_way_to_the_class_of_the_agreement() -> None:
    credits = parse(RETURNS).policies
    assert credits.find(ReasonClass.OPS, "R01") == credits.find(ReasonClass.OPS)


WITH_POLICY = [name for name in list_builtin() if builtin(name).policy]


@pytest.mark.parametrize("name", WITH_POLICY)
def test_what_built_in_formats_bring_is_sound(name: str) -> None:
    brought = builtin(name)
    told: list[Violation] = []
    classes = {code: BY_TEXT[text] for code, text in brought.codes.items()}
    for code, table in brought.policy["codes"].items():
        assert code in classes
        # Some are there for agreements that give the code another class.
        if table.get("do") not in (None, *map(str, CHOICES[classes[code]])):
            classes[code] = ReasonClass.TEMPORARY
    around = Around((Reference.NEW,), (), CodeMap(classes))
    found = read_policies(Section(brought.policy, "", told), around, {})
    assert told == []
    assert {code for code, _ in found.of_code} == set(brought.policy["codes"])


def test_some_built_in_formats_bring_policies() -> None:
    assert WITH_POLICY == ["iso20022", "nacha-returns", "nacha-returns-partial"]
