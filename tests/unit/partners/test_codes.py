"""Codes and classes: nothing is guessed, nothing is dropped, the strictest decides."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handback.lifecycle.table import Trigger
from handback.partners.codes import (
    BY_TEXT,
    STRICTEST_FIRST,
    TRIGGER_OF,
    CodeMap,
    ReasonClass,
    strictest,
    trigger_of,
)

CODES = CodeMap(
    {
        "0000": ReasonClass.OK,
        "": ReasonClass.WAIT,
        "RJ": ReasonClass.FIX_MEMBER,
        "RJ/99": ReasonClass.TEMPORARY,
    }
)


def test_codes_are_text() -> None:
    assert CODES.find("0000") is ReasonClass.OK
    assert [CODES.find(code) for code in ("0", "000", "00000", " 0000", "rj")] == [None] * 5


def test_a_sub_code_falls_back_on_its_code() -> None:
    assert CODES.find("RJ/99") is ReasonClass.TEMPORARY
    assert CODES.find("RJ/98") is ReasonClass.FIX_MEMBER
    assert CODES.find("XX/99") is None


def test_the_empty_key_stands_for_a_missing_code() -> None:
    assert CODES.find(None) is CODES.find("") is ReasonClass.WAIT
    assert CodeMap({}).find(None) is None


def test_an_unknown_code_is_kept_and_told() -> None:
    records = pl.DataFrame({"code": ["0000", "ZZ", None, "RJ/99", "ZZ"]})
    found = CODES.classify(records)
    assert found["code"].to_list() == ["0000", "ZZ", None, "RJ/99", "ZZ"]
    assert found["reason_class"].to_list() == [
        ReasonClass.OK,
        ReasonClass.OPS,
        ReasonClass.WAIT,
        ReasonClass.TEMPORARY,
        ReasonClass.OPS,
    ]
    assert found["mapped"].to_list() == [True, False, True, True, False]


def test_no_records_have_the_same_columns() -> None:
    found = CODES.classify(pl.DataFrame(schema={"code": pl.String}))
    assert found.schema == {"code": pl.String, "reason_class": pl.Int16, "mapped": pl.Boolean}


codes = st.one_of(st.none(), st.sampled_from(["0000", "RJ", "RJ/99", "RJ/", "/99"]), st.text())


@given(st.dictionaries(st.text(), st.sampled_from(sorted(BY_TEXT.values()))), st.lists(codes))
def test_one_code_and_a_column_of_them_agree(
    classes: dict[str, ReasonClass], asked: list[str | None]
) -> None:
    code_map = CodeMap(classes)
    found = code_map.classify(pl.DataFrame({"code": asked}, schema={"code": pl.String}))
    singly = [code_map.find(code) for code in asked]
    assert found["mapped"].to_list() == [hit is not None for hit in singly]
    assert found["reason_class"].to_list() == [hit or ReasonClass.OPS for hit in singly]


def test_every_class_has_a_rank_a_trigger_and_a_sentence() -> None:
    assert sorted(STRICTEST_FIRST) == sorted(TRIGGER_OF) == sorted(ReasonClass)
    assert all(member.sentence.endswith(".") for member in ReasonClass)
    assert set(BY_TEXT.values()) == set(ReasonClass) - {ReasonClass.NONE}


@given(st.lists(st.sampled_from(ReasonClass), min_size=1))
def test_the_strictest_is_one_of_them_in_any_order(classes: list[ReasonClass]) -> None:
    found = strictest(classes)
    assert found in classes
    assert found is strictest(reversed(classes)) is strictest(sorted(classes))


@pytest.mark.parametrize("known", [member for member in ReasonClass if TRIGGER_OF[member]])
def test_an_unknown_code_beside_a_known_one_is_never_retried_nor_failed(
    known: ReasonClass,
) -> None:
    assert strictest([known, ReasonClass.OPS]) in {
        ReasonClass.HOLD,
        ReasonClass.UNKNOWN_OUTCOME,
        ReasonClass.OPS,
    }


def test_a_duplicate_outweighs_a_rejection() -> None:
    assert strictest([ReasonClass.DEAD, ReasonClass.DUPLICATE]) is ReasonClass.DUPLICATE
    assert TRIGGER_OF[ReasonClass.DUPLICATE] is None


def test_triggers_for_a_column() -> None:
    classes = pl.DataFrame({"c": list(map(int, ReasonClass))}, schema={"c": pl.Int16})
    found = classes.select(trigger_of(pl.col("c")))["c"].to_list()
    assert found == [TRIGGER_OF[member] or 0 for member in ReasonClass]
    assert found[ReasonClass.RETURNED] == Trigger.RETURN
