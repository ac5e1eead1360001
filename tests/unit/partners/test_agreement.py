"""Reading agreements: defaults, what follows from what, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from handback.errors import InvalidAgreement, Violation
from handback.partners.agreement import Agreement, content_hash
from handback.partners.codes import ReasonClass
from handback.partners.policy import Action, Reference, RetryPolicy
from handback.partners.reading import parse
from handback.partners.vocabulary import (
    AnswerStyle,
    Completeness,
    DuplicateSequence,
    MatchColumn,
    RowTrouble,
)

EXAMPLES = Path(__file__).parents[3] / "server/handback_server/demo/agreements"

SHORTEST = """\
programme = "aurora"
partner = "skyways"
time_zone = "Europe/London"
units = ["miles"]

[payout]
format = "outbound"
folder = "out"
file_name = "{sequence}.csv"

[handback]
format = "handback"
folder = "in"

[codes.handback]
"00" = "ok"

[formats.outbound]
framing = "delimited"
[[formats.outbound.records]]
kind = "detail"
fields = [
  { name = "reference", at = 1 },
  { name = "quantity", at = 2, type = "integer" },
]

[formats.handback]
framing = "delimited"
[[formats.handback.records]]
kind = "detail"
fields = [
  { name = "reference", at = 1 },
  { name = "code", at = 2, type = "code" },
]
"""

REFERENCE = '{ name = "reference", at = 1 }'


def changed(*edits: tuple[str, str], more: str = "") -> str:
    """The shortest agreement with texts replaced, and with tables behind it."""
    source = SHORTEST
    for old, new in edits:
        assert old in source, old
        source = source.replace(old, new, 1)
    return source + more


def mistakes(source: str) -> dict[str, str]:
    """What was expected at which key."""
    with pytest.raises(InvalidAgreement) as refused:
        parse(source)
    return {violation.field: violation.expected for violation in refused.value.violations}


def example(name: str) -> Agreement:
    return parse((EXAMPLES / f"{name}.toml").read_text())


def test_defaults() -> None:
    agreement = parse(SHORTEST)
    assert agreement.time_zone == ZoneInfo("Europe/London")
    assert agreement.units == ("miles",)
    assert agreement.field_names == ()
    assert agreement.answers.style is AnswerStyle.FULL
    assert agreement.answers.window_days == 5
    assert (agreement.payout.interval_s, agreement.payout.max_records) == (3600, 100_000)
    assert agreement.payout.reference.text == "{key:018}"
    assert agreement.handback.file_name == "*"
    assert agreement.handback.complete is Completeness.RENAME
    assert agreement.handback.marker_suffix is None
    assert agreement.handback.row_trouble is RowTrouble.QUARANTINE
    assert agreement.handback.duplicate_sequence is DuplicateSequence.QUARANTINE
    assert agreement.handback.match == ((MatchColumn.REFERENCE_KEY,),)
    assert agreement.policies.find(ReasonClass.TEMPORARY) == RetryPolicy(Action.RETRY)
    assert set(agreement.policies.of_class) == set(ReasonClass)


def test_what_is_written_is_what_is_read() -> None:
    bank = example("northbank")
    assert bank.handback.complete is Completeness.TRAILER
    assert bank.handback.match[0] == (MatchColumn.BATCH, MatchColumn.ORDINAL)
    assert bank.handback.codes.find("R/07") is ReasonClass.HOLD
    assert bank.handback.codes.find("R/99") is ReasonClass.FIX_MEMBER
    assert bank.policies.find(ReasonClass.DEAD).do is Action.REVIEW
    assert bank.policies.find(ReasonClass.TEMPORARY).then is Action.FAIL
    hotels = example("staywell")
    assert hotels.handback.marker_suffix == ".ok"
    assert hotels.policies.find(ReasonClass.TEMPORARY).reference is Reference.SAME
    assert hotels.policies.find(ReasonClass.TEMPORARY).cap == 5


def test_zero_seconds_are_not_taken_for_nothing() -> None:
    source = changed(more='[policy.temporary]\ndo = "retry"\nspacing_s = 0\n')
    assert parse(source).policies.find(ReasonClass.TEMPORARY).spacing_s == 0


def test_the_marker_has_a_suffix_by_default() -> None:
    source = changed(('folder = "in"', 'folder = "in"\ncomplete = "marker"'))
    assert parse(source).handback.marker_suffix == ".done"


@pytest.mark.parametrize(
    ("template", "rule", "reference"),
    [
        ("HB{key:018}", ("reference_key",), Reference.NEW),
        ("{batch:06}{ordinal:06}", ("batch", "ordinal"), Reference.NEW),
        ("{trace}", ("reference",), Reference.SAME),
        ("{trace}-{attempt}", ("reference",), Reference.NEW),
    ],
)
def test_defaults_follow_the_reference(
    template: str, rule: tuple[str, ...], reference: Reference
) -> None:
    fields = '[fields]\ntrace = "required"\n'
    source = changed(more=f'{fields}[payout.reference]\ntemplate = "{template}"\n')
    agreement = parse(source)
    assert agreement.handback.match == (rule,)
    assert agreement.policies.find(ReasonClass.TEMPORARY).reference is reference


def test_all_mistakes_are_listed_in_the_order_of_the_lines() -> None:
    source = changed(
        ("Europe/London", "Europe/Londn"),
        ('["miles"]', '["Miles"]'),
        ('folder = "out"', 'foldr = "out"'),
        ('"00" = "ok"', '"00" = "fine"'),
    )
    with pytest.raises(InvalidAgreement) as refused:
        parse(source)
    *found, last = map(str, refused.value.violations)
    assert found == [
        "time_zone: a time zone of the IANA database, such as `Europe/London` (line 3)",
        "units: a lower-case name of at most 63 letters, digits and _ (line 4)",
        "payout.folder: a folder below the exchange root, such as `skyways/out`; it is missing"
        " (line 6)",
        "payout.foldr: nothing of this name here; is folder meant? (line 8)",
    ]
    assert last.startswith("codes.handback.00: `ok`, `ok_changed`, ")
    assert last.endswith(" (line 16)")


def test_an_empty_document_lacks_what_is_required() -> None:
    found = mistakes("")
    assert {key for key, expected in found.items() if "it is missing" in expected} == {
        "programme",
        "partner",
        "time_zone",
        "units",
        "payout.format",
        "payout.folder",
        "payout.file_name",
        "handback.format",
        "handback.folder",
    }


@pytest.mark.parametrize(
    "source",
    [
        "programme =",
        "a = 1\na = 2",
        "\x00",
        "x = " + "[\n" * 50_000,
        "x = " + "[" * 21 + "]" * 21,
        "x = " + "{a=" * 200 + "1" + "}" * 200,
        "#é\n" * 70_000,
        "x" + ".a" * 500 + " = 1",
    ],
    ids=["cut", "twice", "binary", "abyss", "deep", "inline", "long", "wide"],
)
def test_what_is_no_document_is_told_as_one_mistake(source: str) -> None:
    assert list(mistakes(source)) == ["document"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"aurora"', '"Aurora"', "programme"),
        ('"aurora"', "7", "programme"),
        ('"skyways"', '"sky/ways"', "partner"),
        ('"Europe/London"', '"../../etc/passwd"', "time_zone"),
        ('["miles"]', "[]", "units"),
        ('["miles"]', '["miles", "miles"]', "units"),
        ('["miles"]', '"miles"', "units"),
        ('folder = "out"', 'folder = "/out"', "payout.folder"),
        ('folder = "out"', 'folder = "out/../../etc"', "payout.folder"),
        ('folder = "out"', 'folder = "out/.hidden"', "payout.folder"),
        ('folder = "out"', 'folder = ""', "payout.folder"),
        ('folder = "in"', 'folder = "out"', "handback.folder"),
        ('"{sequence}.csv"', '"out.csv"', "payout.file_name"),
        ('"{sequence}.csv"', '"a/{sequence}.csv"', "payout.file_name"),
        ('format = "outbound"', 'format = "outbond"', "payout.format"),
        ('format = "handback"', 'format = "handbak"', "handback.format"),
        ('folder = "out"', 'folder = "out"\ninterval_s = 0', "payout.interval_s"),
        ('folder = "out"', 'folder = "out"\nmax_records = true', "payout.max_records"),
        ("[codes.handback]", "[codes.outbound]", "codes.outbound"),
        ('"00" = "ok"', "", "codes.handback"),
        ('"00" = "ok"', '"00" = "partial"', "codes.handback"),
        ('"00" = "ok"', '" 00" = "ok"', 'codes.handback." 00"'),
        ('"00" = "ok"', '"00" = "none"', "codes.handback.00"),
        ('"code", at = 2, type = "code"', '"partner_ref", at = 2', "codes.handback"),
        ('"quantity", at = 2', '"wuantity", at = 2', "formats.outbound.records[0].fields[1].name"),
        ('type = "integer"', 'type = "date"', "formats.outbound.records[0].fields[1].type"),
        ("reference", "submitted_on", "formats.outbound.records"),
    ],
)
def test_single_mistakes(old: str, new: str, key: str) -> None:
    assert key in mistakes(changed((old, new)))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('file_name = "../*"', "handback.file_name"),
        ('complete = "size"', "handback.complete"),
        ('complete = "trailer"', "handback.complete"),
        ('marker_suffix = ".ok"', "handback.marker_suffix"),
        ('match = [["quantity"]]', "handback.match"),
        ('match = [["batch"]]', "handback.match"),
        ('match = [["reference", "member"]]', "handback.match[0]"),
        ('match = [["reference", "quantity"]]', "handback.match[0]"),
        ('match = [["batch", "ordinal"]]', "handback.match[0]"),
        ('match = [["normalised_reference"]]', "handback.match[0]"),
        ('match = [["reference", "date"]]', "handback.match[0]"),
        ('match = [["window"]]', "handback.match"),
        ("match_days = 3", "handback.match_days"),
        (
            'match = [["normalised_reference"]]\n[handback.normalise]\nfirst = 3\nlast = 3',
            "handback.normalise.last",
        ),
        ('[handback.normalise]\nzeros = "drop"', "handback.normalise"),
        (
            'match = [["normalised_reference"]]\n[handback.normalise]\nwidth = 3',
            "handback.normalise.width",
        ),
    ],
)
def test_mistakes_about_hand_back_files(line: str, key: str) -> None:
    assert key in mistakes(changed(('folder = "in"', f'folder = "in"\n{line}')))


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('[fields]\nquantity = "required"', "fields.quantity"),
        ('[fields]\nSurname = "required"', "fields.Surname"),
        ("[fields]\nsurname = true", "fields.surname"),
        ('[[answers]]\nstyle = "full"', "answers"),
        ('[policy.temporal]\ndo = "retry"', "policy.temporal"),
        ('[policy.ok]\ndo = "review"', "policy.ok"),
        ('[policy.hold]\ndo = "fail"', "policy.hold.do"),
        ('[policy.ops]\ndo = "retry"', "policy.ops.do"),
        ('[policy.dead]\ndo = "retry"', "policy.dead.do"),
        ('[policy.dead]\ndo = "review"\ncap = 3', "policy.dead.cap"),
        ("[policy.later]\ncap = 1", "policy.later.cap"),
        ("[policy.later]\nspacing_s = -1", "policy.later.spacing_s"),
        ('[policy.later]\nthen = "retry"', "policy.later.then"),
        ("[policy]\nlater = 3", "policy.later"),
        ('[payout.reference]\ntemplate = "HB"', "payout.reference.template"),
        ('[payout.reference]\ntemplate = "{trace}"', "payout.reference.template"),
        ("[payout.reference]\ntemplate = 3", "payout.reference.template"),
        ('[formats.spare]\nframing = "woven"', "formats.spare.framing"),
        ("[formats]\nspare = 1", "formats.spare"),
        ("[answers]\nwindow_days = 0", "answers.window_days"),
        ("[extra]", "extra"),
    ],
)
def test_mistakes_in_further_tables(more: str, key: str) -> None:
    if more.startswith("[formats]"):
        source = changed(("[formats.outbound]", f"{more}\n[formats.outbound]"))
    else:
        source = changed(more=more)
    assert key in mistakes(source)


@pytest.mark.parametrize(
    ("template", "reference"), [("{trace}", "new"), ("{batch:06}{ordinal:06}", "same")]
)
def test_a_policy_cannot_ask_for_what_the_template_does_not_give(
    template: str, reference: str
) -> None:
    tables = f'[fields]\ntrace = "required"\n[payout.reference]\ntemplate = "{template}"\n'
    policy = f'[policy.temporary]\nreference = "{reference}"\n'
    assert list(mistakes(changed(more=tables + policy))) == ["policy.temporary.reference"]


@pytest.mark.parametrize(
    ("template", "fits"),
    [
        ("{key:018}", False),
        ("{batch:06}{ordinal:06}", True),
        ("{batch:06}-{ordinal:06}", False),
        ("{batch}-{ordinal}", False),
        ("{date:%y%m%d}{trace:.6}", True),
        ("{trace}", False),
    ],
)
def test_the_reference_fits_the_width_the_layout_has(template: str, fits: bool) -> None:
    source = changed(
        (REFERENCE, REFERENCE.replace("at = 1", "at = 1, width = 12")),
        more=f'[fields]\ntrace = "required"\n[payout.reference]\ntemplate = "{template}"\n',
    )
    if fits:
        assert parse(source).payout.reference.text == template
    else:
        assert list(mistakes(source)) == ["payout.reference.template"]


def test_a_field_the_file_requires_is_required_of_the_submit() -> None:
    source = changed(
        (REFERENCE, f'{{ name = "surname", at = 3, required = true }}, {REFERENCE}'),
        more='[fields]\nsurname = "optional"\n',
    )
    assert list(mistakes(source)) == ["fields.surname"]


def test_the_hash_is_of_what_is_said() -> None:
    said = content_hash(SHORTEST, {})
    reordered = changed(
        ('programme = "aurora"\npartner = "skyways"', "partner='skyways' # him\nprogramme='aurora'")
    )
    assert content_hash(reordered, {}) == said
    assert content_hash(changed(('["miles"]', '["points"]')), {}) != said
    assert content_hash(changed(('"00" = "ok"', '"0" = "ok"')), {}) != said


def test_fields_of_a_submit() -> None:
    airline = example("skyways")
    assert airline.check_fields({"surname": "Novák"}) == []
    assert [str(mistake) for mistake in airline.check_fields({"surname": " ", "age": "7"})] == [
        "fields.surname: expected a value",
        "fields.age: expected only surname, given_name",
    ]
    assert parse(SHORTEST).check_fields({"a": "b"}) == [Violation("fields.a", "expected no fields")]


def test_a_submit_has_to_fit_the_payout_file() -> None:
    bank = example("northbank")
    fields = {"account_number": "1" * 20, "holder_name": "Zoë Müller"}
    assert bank.check_submit("m-1", 999_999_999_999, fields) == []
    unfit = {"account_number": "1" * 21, "holder_name": "Łukasz"}
    found = {mistake.field: mistake.expected for mistake in bank.check_submit("m-1", 10**12, unfit)}
    assert found == {
        "quantity": "expected at most 999999999999",
        "fields.account_number": "expected at most 20 characters",
        "fields.holder_name": "expected characters that latin-1 can write",
    }


def test_an_unquoted_delimiter_cannot_be_printed() -> None:
    source = changed(
        ("[formats.outbound]", '[formats.outbound]\nquote = ""'),
        (REFERENCE, f'{{ name = "member_ref", at = 3 }}, {REFERENCE}'),
    )
    agreement = parse(source)
    assert agreement.check_submit("a;b", 1, {}) == []
    assert [str(mistake) for mistake in agreement.check_submit("a,b", 1, {})] == [
        "member_ref: expected none of ,"
    ]
