"""The end depends on what the files say, not on how they are cut or how often they come."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import OpenStore
from fake_clock import FakeClock
from handback.intake import prepare
from handback.reconcile import presume
from world import Answer, World, counts, skyways_file

QUANTITIES = (10, 20, 30, 40, 50)
CODES = ("0000", "0002", "0102", "0201", "0301", "0501", "7777")

# (which redemption, its code, by how much the quantity differs)
Said = tuple[int, str, int]
SAID = st.lists(
    st.tuples(
        st.integers(0, len(QUANTITIES)), st.sampled_from(CODES), st.sampled_from([0, 0, 0, 3])
    ),
    min_size=1,
    max_size=14,
)


def end_of(
    open_store: OpenStore, said: list[Said], chunk_records: int, *, presuming: bool = True
) -> object:
    """What one file does to five redemptions, decoded in chunks of that size."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "CHUNK_RECORDS", chunk_records)
        if not presuming:
            patch.setattr(presume, "_telling", lambda _, records: records.clear())
        root = Path(stack.enter_context(TemporaryDirectory()))
        store = open_store(stack)
        stack.callback(store.close)
        world = World(store, FakeClock(), root)
        world.apply("skyways")
        ids = world.submit(*QUANTITIES)
        world.send()
        sent = world.sent(world.delivered()[-1])
        unknown = Answer("HB000000000000999999", "M1", 5, "0000")
        details = [
            Answer(sent[at].reference, sent[at].member_ref, sent[at].quantity + difference, code)
            if at < len(sent)
            else unknown
            for at, code, difference in said
        ]
        file = world.answer(skyways_file(details))
        world.assert_laws()
        steps = [[(e.trigger, e.reason_code, e.ordinal) for e in world.history(i)] for i in ids]
        breaks = sorted((b.kind, b.redemption_id, b.quantity, b.ordinal) for b in world.breaks())
        return steps, breaks, counts(world.report(file.file_id))


@settings(max_examples=8, deadline=None)
@given(said=SAID, chunk_records=st.integers(1, 5))
def test_nothing_is_decided_otherwise_for_being_presumed(
    open_store: OpenStore, said: list[Said], chunk_records: int
) -> None:
    read = end_of(open_store, said, chunk_records, presuming=False)
    assert end_of(open_store, said, chunk_records) == read


@settings(max_examples=8, deadline=None)
@given(said=SAID, chunk_records=st.integers(1, 5))
def test_where_chunks_begin_does_not_matter(
    open_store: OpenStore, said: list[Said], chunk_records: int
) -> None:
    assert end_of(open_store, said, chunk_records) == end_of(open_store, said, 50_000)
