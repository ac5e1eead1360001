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
from handback.intake.steps import RUN_CHUNKS, SPOOLED, keys_of, merged, sorted_run, steps


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
    with spool.writing(file_id, 2) as writer:
        for chunk in chunks:
            writer.add(chunk)
        writer.close(version, records=sum(len(chunk) for chunk in chunks), rejected=0)


def keyed(steps: tuple[int, ...], records: int, *, version: int = 1, rejected: int = 0) -> Contents:
    """What `fill` leaves of a file of which every record carries a key."""
    return Contents(version, steps, records, rejected, 0, chunk_records=2, searched=False)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def test_chunks_come_back_sorted_by_key_and_complete(spool: Spool) -> None:
    file = details(8, 3, 4, 5, 3, 9, 1)
    fill(spool, 7, *file.iter_slices(2))
    assert spool.contents(7) == keyed((4,), 7)
    chunks = [spool.read(7, number) for number in range(4)]
    assert [chunk["redemption_id"].to_list() for chunk in chunks] == [[1], [3, 3], [4, 5], [8, 9]]
    told = pl.concat(chunks).select(DETAIL.names())
    assert_frame_equal(told, file.sort("redemption_id", maintain_order=True))


def test_a_column_that_one_run_says_nothing_in_comes_back_too(spool: Spool) -> None:
    named = details(3, 4, 5, 6).with_columns(member_ref=pl.lit("M1"))
    fill(spool, 7, details(1, 2, 5, 6), named)
    assert spool.read(7, 3)["member_ref"].to_list() == [None, "M1"]


def test_a_file_without_details_has_a_spool_without_chunks(spool: Spool) -> None:
    fill(spool, 7)
    assert spool.contents(7) == keyed((), 0)


def test_records_none_of_which_could_be_decoded_are_a_chunk_of_none(spool: Spool) -> None:
    with spool.writing(7, 2) as writer:
        writer.close(1, records=3, rejected=3)
    assert spool.contents(7) == keyed((1,), 3, rejected=3)
    assert_frame_equal(spool.read(7, 0), SPOOLED.to_frame())


def test_told_is_how_many_neither_carry_a_key_nor_answer_a_batch(spool: Spool) -> None:
    named, other = details(3, 4), details(0, 0, 0, first=3)
    foreign = other.with_columns(redemption_id=pl.Series([0, None, None], dtype=pl.Int64))
    scoped = foreign.with_columns(scope=pl.Series([None, None, "batch"], dtype=pl.String))
    fill(spool, 7, named, scoped)
    contents = spool.contents(7)
    assert contents is not None and contents.unkeyed == 2


def test_what_was_not_closed_is_not_there(spool: Spool, tmp_path: Path) -> None:
    with spool.writing(7, 2) as writer:
        writer.add(details(3))
    with pytest.raises(RuntimeError, match="decoding failed"), spool.writing(8, 2) as writer:
        writer.add(details(3, 4, 5, 6))
        raise RuntimeError("decoding failed")
    assert spool.contents(7) is None and spool.contents(8) is None
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


def test_writing_anew_replaces_the_whole(spool: Spool) -> None:
    fill(spool, 7, details(1), details(2))
    fill(spool, 7, details(3), version=2)
    assert spool.contents(7) == keyed((1,), 1, version=2)
    assert spool.read(7, 0)["redemption_id"].to_list() == [3]


def test_what_was_found_comes_back_with_its_record(spool: Spool) -> None:
    found = details(4, 0, 3, 0).with_columns(
        match=pl.Series([1, 2, None, 0], dtype=pl.Int16),
        attempt_quantity=pl.Series([100, None, None, None], dtype=pl.Int64),
        candidates=pl.Series([None, "5/1, 6/1", None, None], dtype=pl.String),
        alike=pl.Series([None, 2, None, None], dtype=pl.Int64),
    )
    fill(spool, 7, found)
    contents = spool.contents(7)
    assert contents is not None
    assert contents.steps == (1, 1)
    told = pl.concat([spool.read(7, number) for number in range(contents.chunks)])
    assert_frame_equal(told, found.select(SPOOLED.names()).sort("redemption_id"))


def test_scratch_is_gone_when_it_is_left(spool: Spool, tmp_path: Path) -> None:
    with spool.scratch() as folder:
        (folder / "some").touch()
        assert folder.is_relative_to(tmp_path)
    assert not folder.exists()


def test_a_removed_spool_is_gone_and_may_be_removed_again(spool: Spool) -> None:
    fill(spool, 7, details(1))
    spool.remove(7)
    spool.remove(7)
    assert spool.contents(7) is None


def test_a_contents_page_torn_from_its_chunks_does_not_count(spool: Spool, tmp_path: Path) -> None:
    fill(spool, 7, details(1))
    (contents,) = (tmp_path / "spool").rglob("contents-*.json")
    contents.unlink()
    assert spool.contents(7) is None


KEYS = st.lists(st.integers(0, 40), max_size=60)
MANY_OF_FEW = st.lists(st.sampled_from([0, 3, 3, 3, 3, 4]), max_size=60)


def cut(keys: list[int], size: int) -> list[list[list[tuple[int, int]]]]:
    """The keys and ordinals of each chunk of each step of a file, in one window."""
    length = RUN_CHUNKS * size
    parts = list(details(*keys).iter_slices(length)) if keys else []
    runs = [sorted_run([part]) for part in parts]
    found = steps([keys_of(run) for run in runs], size) if runs else iter(())
    chunks = [
        [merged([runs[run][start:end] for run, start, end in chunk]) for chunk in step]
        for step in found
    ]
    return [[c.select("redemption_id", "ordinal").rows() for c in step] for step in chunks]


@given(keys=KEYS | MANY_OF_FEW, size=st.integers(1, 7))
def test_every_record_is_in_one_chunk_and_keys_keep_the_order_of_the_file(
    keys: list[int], size: int
) -> None:
    records = [record for step in cut(keys, size) for chunk in step for record in chunk]
    assert sorted(records, key=lambda record: record[1]) == [
        (key, ordinal) for ordinal, key in enumerate(keys, start=1)
    ]
    for key in set(keys) - {0}:
        ordinals = [ordinal for other, ordinal in records if other == key]
        assert ordinals == sorted(ordinals)


@given(keys=KEYS | MANY_OF_FEW, size=st.integers(1, 7))
def test_the_chunks_of_a_step_speak_of_different_redemptions(keys: list[int], size: int) -> None:
    for step in cut(keys, size):
        speaking = [{key for key, _ in chunk} for chunk in step]
        assert len(set().union(*speaking)) == sum(map(len, speaking))
        assert len(step) == 1 or 0 not in set().union(*speaking)
        assert all(0 < len(chunk) <= 2 * size for chunk in step)


def test_chunks_have_all_records_of_a_range_of_keys_from_anywhere_in_the_file() -> None:
    (step,) = cut([7, 1, 5, 3, 2, 8, 4, 6], 2)
    assert step == [[(1, 2), (2, 5)], [(3, 4), (4, 7)], [(5, 3), (6, 8)], [(7, 1), (8, 6)]]


def test_many_records_of_one_redemption_follow_each_other() -> None:
    found = cut([3] * 10 + [1, 5], 2)
    assert [[[key for key, _ in chunk] for chunk in step] for step in found] == [
        [[1]],
        [[3, 3, 3, 3]],
        [[3, 3, 3, 3]],
        [[3, 3, 5]],
    ]


def test_a_file_longer_than_a_window_has_several(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handback.intake.spool.WINDOW_CHUNKS", 2 * RUN_CHUNKS)
    fill(spool, 7, *details(*range(20, 0, -1)).iter_slices(4))
    assert spool.contents(7) == keyed((4, 4, 2), 20)
    assert spool.read(7, 0)["redemption_id"].to_list() == [13, 14]
    assert spool.read(7, 9)["redemption_id"].to_list() == [3, 4]
