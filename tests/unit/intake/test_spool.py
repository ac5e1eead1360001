"""The spool of a file is there as a whole or not at all."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from handback.formats.findings import DETAIL
from handback.intake.spool import Contents, Spool
from handback.intake.steps import steps


def details(*redemption_ids: int, first: int = 1) -> pl.DataFrame:
    """Detail rows in the order of a file; `first` is the ordinal of the first."""
    rows = [
        {
            "ordinal": first + place,
            "redemption_id": redemption_id,
            "attempt": 1,
            "answered_on": date(2026, 3, 3),
            "raw": f"D,{redemption_id}",
        }
        for place, redemption_id in enumerate(redemption_ids)
    ]
    return pl.DataFrame(rows, schema=DETAIL)


def fill(spool: Spool, file_id: int, *chunks: pl.DataFrame, version: int = 1) -> None:
    with spool.writing(file_id) as writer:
        writer.add(chunks)
        writer.close(version, records=sum(len(chunk) for chunk in chunks), rejected=0)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def test_chunks_come_back_as_they_were_written(spool: Spool) -> None:
    chunks = [details(3, 4), details(5, first=3)]
    fill(spool, 7, *chunks)
    assert spool.contents(7) == Contents(1, steps=(2,), records=3, rejected=0)
    for number, chunk in enumerate(chunks):
        assert_frame_equal(spool.read(7, number), chunk)


def test_a_file_without_details_has_a_spool_without_chunks(spool: Spool) -> None:
    fill(spool, 7)
    assert spool.contents(7) == Contents(1, steps=(0,), records=0, rejected=0)


def test_what_was_not_closed_is_not_there(spool: Spool, tmp_path: Path) -> None:
    with spool.writing(7) as writer:
        writer.add([details(3)])
    with pytest.raises(RuntimeError, match="decoding failed"), spool.writing(8) as writer:
        writer.add([details(3)])
        raise RuntimeError("decoding failed")
    assert spool.contents(7) is None and spool.contents(8) is None
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


def test_writing_anew_replaces_the_whole(spool: Spool) -> None:
    fill(spool, 7, details(1), details(2))
    fill(spool, 7, details(3), version=2)
    assert spool.contents(7) == Contents(2, steps=(1,), records=1, rejected=0)
    with pytest.raises(FileNotFoundError):
        spool.read(7, 1)


def test_a_removed_spool_is_gone_and_may_be_removed_again(spool: Spool) -> None:
    fill(spool, 7, details(1))
    spool.remove(7)
    spool.remove(7)
    assert spool.contents(7) is None


def test_a_contents_page_torn_from_its_chunks_does_not_count(spool: Spool, tmp_path: Path) -> None:
    fill(spool, 7, details(1))
    (contents,) = (tmp_path / "spool").rglob("contents.json")
    contents.unlink()
    assert spool.contents(7) is None


def test_a_dropped_chunk_is_gone_and_may_be_dropped_again(spool: Spool) -> None:
    fill(spool, 7, details(1), details(2))
    spool.drop(7, 0)
    spool.drop(7, 0)
    with pytest.raises(FileNotFoundError):
        spool.read(7, 0)
    assert spool.read(7, 1)["redemption_id"].to_list() == [2]


KEYS = st.lists(st.integers(0, 40), max_size=60)


@given(keys=KEYS, size=st.integers(1, 7))
def test_sorting_by_key_keeps_every_record_and_the_order_within_a_key(
    keys: list[int], size: int
) -> None:
    found = [chunk for step in steps(in_chunks(keys, size), size) for chunk in step]
    window = 4 * size
    expected = [
        ordinal
        for begin in range(0, len(keys), window)
        for _, ordinal in sorted(
            (key, begin + place + 1) for place, key in enumerate(keys[begin : begin + window])
        )
    ]
    assert [ordinal for chunk in found for ordinal in chunk["ordinal"]] == expected
    assert all(len(chunk) for chunk in found)


@given(keys=KEYS, size=st.integers(1, 7))
def test_the_chunks_of_a_step_speak_of_different_redemptions(keys: list[int], size: int) -> None:
    for step in steps(in_chunks(keys, size), size):
        speaking = [set(chunk["redemption_id"]) for chunk in step]
        assert len(set().union(*speaking)) == sum(map(len, speaking))
        assert len(step) == 1 or 0 not in speaking[0]


def test_chunks_end_where_a_redemption_does() -> None:
    step, *_ = steps(in_chunks([1, 2, 3, 3, 3, 4, 5, 6], 2), 2)
    assert [chunk["redemption_id"].to_list() for chunk in step] == [[1, 2], [3, 3, 3], [4], [5, 6]]


def in_chunks(keys: list[int], size: int) -> list[pl.DataFrame]:
    return list(details(*keys).iter_slices(size)) if keys else []
