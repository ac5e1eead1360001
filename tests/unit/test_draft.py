"""A layout drafted from samples reads them, names what it can and marks what it cannot know."""

from __future__ import annotations

import io
import json
import tomllib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handback.errors import InvalidRequest
from handback.formats.compiling import compile_layout
from handback.formats.decode import decode
from handback.onboarding.draft import Draft, Sample, draft
from handback.onboarding.rendering import line
from intake_files import handback, row
from sources import ROOT

SAMPLES = ROOT.parent / "shared" / "samples"
SKYWAYS = handback([row(1, 1500), row(2, 20, code="0301"), row(3, 1)], sequence=7)
TITLED = (
    "Transaction Date;Amount;Reference Number;Outcome Code\r\n"
    "2026-03-01;1.500,00;2020080101;0000\r\n".replace("1.500,00", "1500,00")
    + "2026-03-01;20,50;2020080102;0001\r\n"
    "2026-03-02;7,25;2020080103;0000\r\n"
)
FIXED = (
    "HSKYWAYS   20260303000017          \n"
    "D20200801010000000150000000M1234567\n"
    "D20200801020000000002000301M7654321\n"
    "T0000020000001520                  \n"
)
NESTED = (
    "1HEAD 20260303   \n"
    "5BATCH0001       \n"
    "6HB00010000000100\n"
    "7R01             \n"
    "6HB00020000000250\n"
    "7R03             \n"
    "8000400000000350 \n"
    "9000006          \n"
)


def drafted(*contents: bytes | str, name: str = "answers") -> Draft:
    samples = [
        Sample(f"{number}.txt", one.encode() if isinstance(one, str) else one)
        for number, one in enumerate(contents, 1)
    ]
    return draft(samples, name)


def records(made: Draft, name: str = "answers") -> list[dict[str, Any]]:
    """The records of the drafted layout."""
    found: list[dict[str, Any]] = tomllib.loads(made.source)["formats"][name]["records"]
    return found


def field(record: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [one for one in record["fields"] if one["name"] == name]
    return dict(found)


def decoded(made: Draft, content: bytes | str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    layout = compile_layout("answers", tomllib.loads(made.source)["formats"]["answers"])
    data = content.encode() if isinstance(content, str) else content
    chunks = list(decode(layout, None, io.BytesIO(data)))
    rows: list[tuple[Any, ...]] = []
    for chunk in chunks:
        assert chunk.findings.is_empty(), chunk.findings
        rows += chunk.details.select(columns).rows()
    return rows


class TestDelimited:
    def test_kinds_fields_and_totals_are_found(self) -> None:
        made = drafted(SKYWAYS)
        header, detail, control = records(made)
        assert [one["kind"] for one in (header, detail, control)] == ["header", "detail", "control"]
        assert [one["tag"] for one in (header, detail, control)] == [
            {"at": 1, "is": "H"},
            {"at": 1, "is": "D"},
            {"at": 1, "is": "T"},
        ]
        assert control["required"]
        assert field(detail, "reference")["at"] == 2
        assert field(detail, "quantity") == {"name": "quantity", "at": 4, "type": "integer"}
        assert field(detail, "code")["at"] == 5
        assert field(control, "record_count")["count"] == ["detail"]
        assert field(control, "total")["sum"] == "quantity"
        assert made.remarks == ("1.txt: 3 records, 0 of them rejected, no findings",)

    def test_what_only_people_know_is_marked(self) -> None:
        made = drafted(SKYWAYS)
        lines = made.source.splitlines()
        doubtful = [line for line in lines if "unsure:" in line]
        assert len(doubtful) == made.unsure_count
        assert any(line.startswith('"0301" = "ops"') for line in doubtful)
        assert any('name = "reference"' in line for line in doubtful)
        assert not any('sum = "quantity"' in line for line in doubtful)

    def test_titles_name_the_columns(self) -> None:
        made = drafted(TITLED)
        [detail] = records(made)
        assert tomllib.loads(made.source)["formats"]["answers"]["header"]
        assert field(detail, "reference")["column"] == "Reference Number"
        assert field(detail, "code")["column"] == "Outcome Code"
        assert field(detail, "answered_on")["pattern"] == "YYYY-MM-DD"
        assert (field(detail, "quantity")["scale"], field(detail, "quantity")["point"]) == (2, ",")
        assert decoded(made, TITLED, ["reference", "code", "quantity"]) == [
            ("2020080101", "0000", 150_000),
            ("2020080102", "0001", 2_050),
            ("2020080103", "0000", 725),
        ]

    def test_delimiters_of_two_marks_are_seen(self) -> None:
        content = SKYWAYS.replace(b",", b"%%")
        made = drafted(content)
        assert tomllib.loads(made.source)["formats"]["answers"]["delimiter"] == "%%"
        assert len(decoded(made, content, ["reference"])) == 3

    def test_of_a_large_sample_both_ends_are_seen(self) -> None:
        content = handback([row(number) for number in range(1, 8_000)])
        made = drafted(content)
        assert [one["kind"] for one in records(made)] == ["header", "detail", "control"]
        assert "sum =" not in made.source
        assert made.remarks == ("1.txt: 7999 records, 0 of them rejected, no findings",)

    def test_several_samples_must_agree_with_a_total(self) -> None:
        other = handback([row(4, 99), row(5, 1)], sequence=8)
        wrong = handback([row(4, 99), row(5, 1)], sequence=8, total=7)
        assert 'sum = "quantity"' in drafted(SKYWAYS, other).source
        assert 'sum = "quantity"' not in drafted(SKYWAYS, wrong).source

    def test_a_sequence_is_guessed_unless_it_falls(self) -> None:
        other = handback([row(4, 99), row(5, 1)], sequence=8)
        for samples in ((SKYWAYS,), (SKYWAYS, other)):
            assert field(records(drafted(*samples))[0], "sequence")["at"] == 3
        assert 'name = "sequence"' not in drafted(other, SKYWAYS).source


class TestFixed:
    def test_columns_are_cut_where_they_differ(self) -> None:
        made = drafted(FIXED)
        layout = tomllib.loads(made.source)["formats"]["answers"]
        assert (layout["framing"], layout["width"]) == ("fixed", 35)
        kinds = [(one["kind"], one["tag"]["is"]) for one in records(made)]
        assert kinds == [("header", "H"), ("detail", "D"), ("control", "T")]
        assert len(decoded(made, FIXED, ["reference"])) == 2

    def test_nested_records_have_their_kinds(self) -> None:
        made = drafted(NESTED)
        assert [(one["tag"]["is"], one["kind"]) for one in records(made)] == [
            ("1", "header"),
            ("5", "batch_header"),
            ("6", "detail"),
            ("7", "addenda"),
            ("8", "batch_control"),
            ("9", "control"),
        ]
        codes = [code for (code,) in decoded(made, NESTED, ["code"])]
        assert codes == ["R01", "R03"]


REPORT = """<?xml version="1.0"?>
<Report xmlns="urn:example:report:2">
  <Head><MsgId>M-17</MsgId><Made>2026-03-01T10:00:00Z</Made><Count>3</Count></Head>
  <Answers>
    <Answer ref="HB0001"><Status>OK</Status><Miles>150</Miles></Answer>
    <Answer ref="HB0002"><Status>NO</Status><Reason><Code>12</Code></Reason></Answer>
    <Answer ref="HB0003"><Status>OK</Status><Miles>7</Miles></Answer>
  </Answers>
</Report>
"""
RESULTS = """{"file": {"number": 7}, "results": [
  {"ref": "HB0001", "outcome": "0000", "miles": 150},
  {"ref": "HB0002", "outcome": "0102", "miles": null},
  {"ref": "HB0003", "outcome": "0000", "miles": 7}]}
"""
ROWS = '{"ref": "HB0001", "outcome": "00"}\n{"ref": "HB0002", "outcome": "12"}\n'


class TestTrees:
    def test_the_element_of_a_request_is_found(self) -> None:
        made = drafted(REPORT)
        layout = tomllib.loads(made.source)["formats"]["answers"]
        assert (layout["framing"], layout["namespaces"]) == ("xml", ["urn:example:report:2"])
        header, detail = records(made)
        assert (header["kind"], header["path"]) == ("header", "Report/Head")
        assert field(header, "message_id")["at"] == "MsgId"
        assert field(header, "created_on")["pattern"] == "YYYY-MM-DD*"
        assert field(header, "record_count")["count"] == ["detail"]
        assert (detail["kind"], detail["path"]) == ("detail", "Report/Answers/Answer")
        assert decoded(made, REPORT, ["reference", "quantity"]) == [
            ("HB0001", 150),
            ("HB0002", None),
            ("HB0003", 7),
        ]

    def test_objects_of_json_are_records(self) -> None:
        made = drafted(RESULTS)
        assert tomllib.loads(made.source)["formats"]["answers"]["framing"] == "json"
        assert decoded(made, RESULTS, ["reference", "code", "quantity"]) == [
            ("HB0001", "0000", 150),
            ("HB0002", "0102", None),
            ("HB0003", "0000", 7),
        ]

    def test_lines_of_json_are_records(self) -> None:
        made = drafted(ROWS)
        assert tomllib.loads(made.source)["formats"]["answers"]["framing"] == "json_lines"
        assert decoded(made, ROWS, ["reference", "code"]) == [("HB0001", "00"), ("HB0002", "12")]

    @pytest.mark.parametrize(
        "content", ["<a>" * 3_000 + "</a>" * 3_000, '{"a":' * 500 + "1" + "}" * 500]
    )
    def test_what_is_nested_without_end_is_not_read(self, content: str) -> None:
        with pytest.raises(InvalidRequest, match="deep"):
            drafted(content)

    def test_what_declares_its_own_entities_is_not_read(self) -> None:
        bomb = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
        with pytest.raises(InvalidRequest, match="DTD"):
            drafted(bomb)
        with pytest.raises(InvalidRequest, match="well-formed"):
            drafted("<a><b></a>")
        with pytest.raises(InvalidRequest, match="unknown encoding"):
            drafted('<?xml version="1.0" encoding="UTF-88"?><a/>')

    @settings(max_examples=60, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=4), inner, max_size=3)
            ),
            max_leaves=12,
        )
    )
    def test_any_json_gives_a_draft_or_a_refusal(self, value: object) -> None:
        try:
            made = drafted(json.dumps(value))
        except InvalidRequest:
            return
        assert tomllib.loads(made.source)["formats"]["answers"]["records"]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the public samples are not here")
def test_every_public_sample_gives_a_draft_or_a_refusal() -> None:
    for path in sorted(SAMPLES.rglob("*")):
        if path.is_file() and path.suffix != ".md":
            try:
                made = draft([Sample(path.name, path.read_bytes())], "answers")
            except InvalidRequest:
                continue
            assert made.remarks[0].startswith((path.name, "the draft")), path
            tomllib.loads(made.source)


class TestRefusing:
    @pytest.mark.parametrize("name", ["", "A", "a b", "a" * 64])
    def test_a_name_must_be_one(self, name: str) -> None:
        with pytest.raises(InvalidRequest, match="name"):
            drafted(SKYWAYS, name=name)

    def test_there_must_be_lines(self) -> None:
        for content in (b"", b"\n\n", b"\xef\xbb\xbf"):
            with pytest.raises(InvalidRequest, match="samples"):
                drafted(content)

    def test_other_bytes_are_read_as_a_code_page_and_doubted(self) -> None:
        made = drafted(TITLED.replace("Amount", "Beträge").encode("cp1252"))
        assert 'encoding = "latin-1"  # unsure:' in made.source

    def test_remarks_hold_no_mark_that_toml_does_not(self) -> None:
        written = line('kind = "ignore"', "what \x18 records are is not clear", "\x7f\n")
        assert tomllib.loads(written) == {"kind": "ignore"}

    @pytest.mark.parametrize("said", [".0", "1.2.3", "9" * 5_000])
    def test_what_only_looks_like_a_total_is_none(self, said: str) -> None:
        made = drafted(f"D;A1;{said}\nD;A2;2\nT;{said}\n")
        assert "sum" not in made.source

    @settings(max_examples=80, deadline=None)
    @given(st.binary(min_size=1, max_size=400))
    def test_any_bytes_give_a_draft_or_a_refusal(self, content: bytes) -> None:
        try:
            made = draft([Sample("any", content)], "answers")
        except InvalidRequest:
            return
        assert tomllib.loads(made.source)["formats"]["answers"]["records"]

    @settings(max_examples=80, deadline=None)
    @given(st.lists(st.text("HDT,;|0129AB \"'\t\\", max_size=30), min_size=1, max_size=12))
    def test_any_lines_give_a_draft_or_a_refusal(self, lines: list[str]) -> None:
        try:
            made = draft([Sample("any", "\n".join(lines).encode())], "answers")
        except InvalidRequest:
            return
        assert tomllib.loads(made.source)["formats"]["answers"]["records"]


def test_titles_that_leave_no_doubt_are_not_marked() -> None:
    made = drafted(TITLED)
    fields = [one for one in made.source.splitlines() if one.startswith("  { name = ")]
    assert [one for one in fields if "unsure:" in one] == []


def test_two_titles_for_one_role_are_both_marked() -> None:
    made = drafted(
        "Reference,Status,Amount paid,Amount due\nHB000000000001,00,5,7\nHB000000000002,31,6,8\n"
    )
    marked = [one for one in made.source.splitlines() if "},  # unsure:" in one]
    assert len(marked) == 2
    assert all('column = "Amount ' in one for one in marked)


@pytest.mark.parametrize(
    ("shown", "options"),
    [
        (("1.234,50", "-4,50"), {"scale": 2, "point": ",", "thousands": "."}),
        (("1,234,567.5", "4.25"), {"scale": 2, "thousands": ","}),
    ],
)
def test_marks_between_thousands_are_read_and_marked(
    shown: tuple[str, str], options: dict[str, str | int]
) -> None:
    rows = "".join(f"HB00000000000{at};00;{amount}\n" for at, amount in enumerate(shown))
    made = drafted(f"Reference;Status;Amount\n{rows}")
    (amount,) = [one for one in made.source.splitlines() if '"quantity"' in one]
    assert "unsure: is" in amount
    quantity = field(records(made)[0], "quantity")
    assert quantity.items() >= options.items()
    assert quantity["type"] == "decimal"
