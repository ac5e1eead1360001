"""The end depends on what the files say, not on how they are cut or how often they come."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agreements import source_of
from conftest import OpenStore
from fake_clock import FakeClock
from handback.intake import prepare
from handback.partners import registry
from handback.reconcile import presume
from world import Answer, World, counts, skyways_file

BY_KEY = 'match = [["reference_key"], ["reference", "quantity", "member"]]'
BY_NORMAL_FORM = '''match = [["normalised_reference"], ["reference_key"]]
[handback.normalise]
prefixes = ["HB"]
zeros = "drop"'''
QUANTITIES = (10, 20, 30, 40, 50)
CODES = ("0000", "0002", "0102", "0201", "0301", "0501", "7777")

# (which of the details sent so far, its code, by how much the quantity differs)
Said = tuple[int, str, int]
SAID = st.lists(
    st.tuples(
        st.integers(0, len(QUANTITIES)), st.sampled_from(CODES), st.sampled_from([0, 0, 0, 3])
    ),
    min_size=1,
    max_size=14,
)
# Retries are sent again between one file and the next, or have come too late.
FILES = st.lists(SAID, min_size=1, max_size=3)
PAUSES = st.sampled_from([timedelta(seconds=2), timedelta(days=20)])


def end_of(
    open_store: OpenStore,
    files: list[list[Said]],
    pause: timedelta,
    chunk_records: int,
    *,
    keyed: bool = True,
    presuming: bool = True,
) -> object:
    """What files do to five redemptions, decoded in chunks of that size."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "CHUNK_RECORDS", chunk_records)
        if not presuming:
            patch.setattr(presume, "_telling", lambda _, records: records.clear())
        root = Path(stack.enter_context(TemporaryDirectory()))
        store = open_store(stack)
        stack.callback(store.close)
        world = World(store, FakeClock(), root)
        source = source_of("skyways")
        assert BY_KEY in source
        source = source if keyed else source.replace(BY_KEY, BY_NORMAL_FORM)
        registry.apply(store, world.clock, source, "tests")
        ids = world.submit(*QUANTITIES)
        reports = []
        for sequence, said in enumerate(files, start=1):
            world.send()
            world.clock.advance(pause)
            file = world.answer(
                answers(world, said, sequence, keyed=keyed), f"answer-{sequence}.csv"
            )
            reports.append(counts(world.report(file.file_id)))
        world.assert_laws()
        steps = [[(e.trigger, e.reason_code, e.ordinal) for e in world.history(i)] for i in ids]
        breaks = sorted((b.kind, b.redemption_id, b.quantity, b.ordinal) for b in world.breaks())
        return steps, breaks, reports


def answers(world: World, said: list[Said], sequence: int, *, keyed: bool) -> bytes:
    """A file that says that of what was sent, newest first; `keyed`, with whole references."""
    sent = [one for payout in reversed(world.delivered()) for one in world.sent(payout)]
    unknown = Answer("HB000000000000999999", "M1", 5, "0000")
    details = [
        Answer(
            sent[at].reference[0 if keyed else len("HB0") :],
            sent[at].member_ref,
            sent[at].quantity + difference,
            code,
        )
        if at < len(sent)
        else unknown
        for at, code, difference in said
    ]
    return skyways_file(details, sequence)


@settings(max_examples=15, deadline=None)
@given(files=FILES, pause=PAUSES, chunk_records=st.integers(1, 5), keyed=st.booleans())
def test_nothing_is_decided_otherwise_for_being_presumed(
    open_store: OpenStore,
    files: list[list[Said]],
    pause: timedelta,
    chunk_records: int,
    keyed: bool,
) -> None:
    given_so = open_store, files, pause, chunk_records
    read = end_of(*given_so, keyed=keyed, presuming=False)
    assert end_of(*given_so, keyed=keyed) == read


@settings(max_examples=8, deadline=None)
@given(said=SAID, chunk_records=st.integers(1, 5))
def test_where_chunks_begin_does_not_matter(
    open_store: OpenStore, said: list[Said], chunk_records: int
) -> None:
    at_once = end_of(open_store, [said], timedelta(seconds=2), 50_000)
    assert end_of(open_store, [said], timedelta(seconds=2), chunk_records) == at_once
