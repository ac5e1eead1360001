"""Reference templates: rendered for a batch, read back from what a partner quotes."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handback.errors import InvalidAgreement
from handback.formats.references import ReferenceTemplate
from handback.ids import (
    MAX_ATTEMPT,
    MAX_REDEMPTION_ID,
    attempt_key,
    split_attempt_key,
)

TODAY = date(2026, 1, 5)


def attempts(*rows: tuple[int, int, int], **fields: list[str | None]) -> pl.DataFrame:
    """Rows of (redemption_id, attempt, ordinal), with submitted fields."""
    schema = {"redemption_id": pl.Int64(), "attempt": pl.Int16(), "ordinal": pl.Int64()}
    frame = pl.DataFrame(list(rows), schema=schema, orient="row")
    return frame.with_columns(pl.Series(name, values) for name, values in fields.items())


def read_back(template: ReferenceTemplate, *texts: str | None) -> list[tuple[object, ...]]:
    """(redemption_id, attempt, batch, batch_ordinal) of each text."""
    return template.read(pl.Series(texts, dtype=pl.String)).rows()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, MAX_REDEMPTION_ID), st.integers(1, MAX_ATTEMPT)),
        min_size=1,
        max_size=20,
        unique=True,
    ),
    st.sampled_from(["HB{key:018}", "{key:018}", "{key}", "A-{batch:06}-{key}/{ordinal}"]),
)
def test_a_key_printed_is_read_back(keys: list[tuple[int, int]], text: str) -> None:
    template = ReferenceTemplate.parse(text)
    rows = attempts(*((key, attempt, n) for n, (key, attempt) in enumerate(keys, start=1)))
    rendered = template.render(rows, batch=12, on=TODAY)
    assert rendered["refused"].null_count() == len(keys)
    read = read_back(template, *rendered["reference"])
    assert [row[:2] for row in read] == keys


def test_the_vectorised_key_is_the_one_of_ids() -> None:
    template = ReferenceTemplate.parse("{key:018}")
    rows = attempts((1, 1, 1), (98_765_432, 17, 2), (MAX_REDEMPTION_ID, MAX_ATTEMPT, 3))
    rendered = template.render(rows, batch=1, on=TODAY)["reference"].to_list()
    expected = [attempt_key(1, 1), attempt_key(98_765_432, 17)]
    expected += [attempt_key(MAX_REDEMPTION_ID, MAX_ATTEMPT)]
    assert [int(text) for text in rendered] == expected


@given(st.integers(0, 10**18 - 1))
@settings(deadline=None)
def test_the_vectorised_check_is_the_one_of_ids(key: int) -> None:
    expected = split_attempt_key(key) or (0, 0)
    [(redemption_id, attempt, _, _)] = read_back(ReferenceTemplate.parse("{key:018}"), f"{key:018}")
    assert (redemption_id, attempt) == expected


def test_every_wrong_digit_gives_no_key() -> None:
    template = ReferenceTemplate.parse("HB{key:018}")
    right = f"{attempt_key(4_711, 3):018}"
    wrong = [
        f"HB{right[:place]}{(int(digit) + 1) % 10}{right[place + 1 :]}"
        for place, digit in enumerate(right)
    ]
    swapped = [
        f"HB{right[:place]}{right[place + 1]}{right[place]}{right[place + 2 :]}"
        for place in range(17)
        if right[place] != right[place + 1]
    ]
    assert set(read_back(template, *wrong, *swapped)) == {(0, 0, None, None)}
    assert read_back(template, f"HB{right}") == [(4_711, 3, None, None)]


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "HB",
        "XX000000000000010186",
        "HB00000000000001018",
        "HB0000000000000101860",
        "hello",
    ],
)
def test_other_text_gives_no_key(text: str | None) -> None:
    template = ReferenceTemplate.parse("HB{key:018}")
    assert read_back(template, text) == [(0, 0, None, None)]


def test_batch_ordinal_and_attempt_are_read_back() -> None:
    template = ReferenceTemplate.parse("{batch:06}{ordinal:06}{attempt:02}")
    rendered = template.render(attempts((77, 2, 5)), batch=31, on=TODAY)
    assert rendered["reference"].to_list() == ["00003100000502"]
    assert read_back(template, "00003100000502") == [(0, 2, 31, 5)]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_template_of_fields_alone_says_nothing_of_every_row(count: int) -> None:
    template = ReferenceTemplate.parse("{trace:.15}")
    assert read_back(template, *["T1"] * count) == [(0, 0, None, None)] * count


def test_days_and_submitted_fields_may_be_part() -> None:
    template = ReferenceTemplate.parse("{date:%y%m%d}-{trace:.4}-{ordinal}")
    assert template.fields == ("trace",)
    rendered = template.render(attempts((1, 1, 9), trace=[" ABCDEF "]), batch=1, on=TODAY)
    assert rendered["reference"].to_list() == ["260105-ABCD-9"]
    assert read_back(template, "260105-ABCD-9") == [(0, 0, None, 9)]


def test_what_does_not_fit_is_refused_row_by_row() -> None:
    template = ReferenceTemplate.parse("{trace:.3}{ordinal:02}")
    rows = attempts(
        (1, 1, 1), (2, 1, 100), (3, 1, 3), (4, 1, 4), (5, 1, 1),
        trace=["ABC", "DEF", None, "  ", "ABCD"],
    )  # fmt: skip
    rendered = template.render(rows, batch=1, on=TODAY)
    assert rendered["refused"].to_list() == [
        "collision",
        "too_long",
        "missing",
        "missing",
        "collision",
    ]
    assert rendered["reference"].null_count() == 5


def test_a_key_beyond_its_range_is_refused() -> None:
    template = ReferenceTemplate.parse("HB{key:010}")
    rendered = template.render(attempts((999_999, 1, 1), (1_000_000, 1, 2)), batch=1, on=TODAY)
    assert rendered["refused"].to_list() == [None, "too_long"]
    beyond = ReferenceTemplate.parse("{key}").render(
        attempts((MAX_REDEMPTION_ID + 1, 1, 1), (1, 100, 2)), batch=1, on=TODAY
    )
    assert beyond["refused"].to_list() == ["missing", "missing"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FIXED",
        "{batch}",
        "{ordinal:06}",
        "{batch}{ordinal}",
        "{key}{key}",
        "{key:18}",
        "{key:019}",
        "{key!r}",
        "{Key}",
        "{trace:x}",
        "{date}-{key}",
        "{key",
        "{}",
        "\n{key}",
        "{trace}{key}",
    ],
)
def test_templates_that_cannot_work_are_refused(text: str) -> None:
    with pytest.raises(InvalidAgreement) as refused:
        ReferenceTemplate.parse(text, "payout.reference.template")
    assert {one.field for one in refused.value.violations} == {"payout.reference.template"}


@given(st.lists(st.text(alphabet="0129+- HBhb\u0661\n", min_size=18, max_size=22)))
@settings(deadline=None)
def test_reading_by_position_is_reading_by_pattern(texts: list[str]) -> None:
    template = ReferenceTemplate.parse("HB{batch:06}-{ordinal:04}{date:%y%m%d}")
    texts += [f"HB{text[2:8]}-{text[9:]}" for text in texts]
    references = pl.DataFrame({"reference": texts}, schema={"reference": pl.String()})
    expected = references.select(
        pl.col("reference").str.extract(r"^HB(\d{6})-\d{4}.{6}$").cast(pl.Int64, strict=False),
        pl.col("reference")
        .str.extract(r"^HB\d{6}-(\d{4}).{6}$")
        .cast(pl.Int64, strict=False)
        .alias("o"),
    )
    found = [(batch, ordinal) for _, _, batch, ordinal in read_back(template, *texts)]
    assert found == expected.rows()
