"""Agreements in the store: versions, names, numbers, and what concurrent callers see."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from fake_clock import FakeClock
from handback.errors import InvalidAgreement, NotFound, RequestKeyReused
from handback.partners import queries
from handback.partners.registry import Agreements, AppliedAgreement, apply
from handback.store.session import Store

EXAMPLES = Path(__file__).parents[2] / "server/handback_server/demo/agreements"
SKYWAYS = (EXAMPLES / "skyways.toml").read_text()
STAYWELL = (EXAMPLES / "staywell.toml").read_text()
LONGER = SKYWAYS.replace("window_days = 5", "window_days = 6")


def test_the_first_document_brings_its_partner_into_being(store: Store, clock: FakeClock) -> None:
    applied = apply(store, clock, SKYWAYS, "ann")
    assert (applied.version, applied.changed) == (1, True)
    with store.read() as tx:
        terms = Agreements().current(tx, "aurora", "skyways")
    assert (terms.partner_id, terms.version) == (applied.partner_id, 1)
    assert terms.agreement.partner == "skyways"
    assert list(terms.unit_ids) == ["miles"]


def test_what_is_said_already_makes_no_version(store: Store, clock: FakeClock) -> None:
    first = apply(store, clock, SKYWAYS, "ann")
    again = apply(store, clock, f"# a remark\n{SKYWAYS}", "ben")
    assert again == AppliedAgreement(first.partner_id, 1, changed=False)
    assert apply(store, clock, LONGER, "ben").version == 2
    # What an older version said is new again.
    assert apply(store, clock, SKYWAYS, "ann").version == 3


def test_old_versions_stay_as_they_were(store: Store, clock: FakeClock) -> None:
    partner_id = apply(store, clock, SKYWAYS, "ann").partner_id
    applied_at = clock.now()
    clock.advance(timedelta(days=400))
    apply(store, clock, LONGER, "ben")
    agreements = Agreements()
    with store.read() as tx:
        windows = [
            agreements.at_version(tx, partner_id, version).agreement.answers.window_days
            for version in (1, 2)
        ]
        first = queries.version(tx, "aurora", "skyways", 1)
    assert windows == [5, 6]
    assert (first.source, first.actor, first.applied_at) == (SKYWAYS, "ann", applied_at)


def test_a_new_version_is_seen_at_once_and_by_all(store: Store, clock: FakeClock) -> None:
    agreements = Agreements()
    partner_id = apply(store, clock, SKYWAYS, "ann").partner_id
    with store.read() as tx:
        before = agreements.of_partner(tx, partner_id)
        assert agreements.current(tx, "aurora", "skyways") is before
    apply(store, clock, LONGER, "ann")
    with store.read() as tx:
        assert agreements.of_partner(tx, partner_id).version == 2
        assert agreements.at_version(tx, partner_id, 1) is before


def test_units_are_shared_by_name(store: Store, clock: FakeClock) -> None:
    apply(store, clock, SKYWAYS, "ann")
    apply(store, clock, STAYWELL, "ann")
    apply(store, clock, STAYWELL.replace('"nights"', '"miles"'), "ann")
    agreements = Agreements()
    with store.read() as tx:
        miles = agreements.current(tx, "aurora", "skyways").unit_ids["miles"]
        shared = agreements.current(tx, "aurora", "staywell").unit_ids
    assert shared["miles"] == miles
    assert shared["points"] != miles


def test_partners_of_two_programmes_may_share_a_name(store: Store, clock: FakeClock) -> None:
    ours = apply(store, clock, SKYWAYS, "ann").partner_id
    other = SKYWAYS.replace('programme = "aurora"', 'programme = "borealis"')
    theirs = apply(store, clock, other, "ann").partner_id
    assert ours != theirs
    with store.read() as tx:
        assert Agreements().current(tx, "borealis", "skyways").partner_id == theirs


def test_a_refused_document_leaves_nothing_behind(store: Store, clock: FakeClock) -> None:
    with pytest.raises(InvalidAgreement):
        apply(store, clock, SKYWAYS.replace('"full"', '"fool"'), "ann")
    with pytest.raises(InvalidAgreement) as refused:
        apply(store, clock, SKYWAYS, "ann", programme="borealis")
    assert [violation.field for violation in refused.value.violations] == ["programme"]
    with store.read() as tx, pytest.raises(NotFound):
        queries.partners(tx, "aurora", after="", size=1)


def test_a_request_key_is_answered_once(store: Store, clock: FakeClock) -> None:
    first = apply(store, clock, SKYWAYS, "ann", request_key="k1")
    apply(store, clock, LONGER, "ann", request_key="k2")
    again = apply(store, clock, SKYWAYS, "ann", request_key="k1")
    assert again == AppliedAgreement(first.partner_id, 1, changed=False)
    with pytest.raises(RequestKeyReused):
        apply(store, clock, SKYWAYS, "ann", request_key="k2")
    with store.read() as tx:
        assert Agreements().of_partner(tx, first.partner_id).version == 2


def test_concurrent_documents_get_versions_without_gaps(store: Store, clock: FakeClock) -> None:
    documents = [
        SKYWAYS.replace("window_days = 5", f"window_days = {days}") for days in range(1, 9)
    ]
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda source: apply(store, clock, source, "ann"), documents))
    assert sorted(one.version for one in applied) == list(range(1, 9))
    assert len({one.partner_id for one in applied}) == 1


def test_unknown_names_are_not_found(store: Store, clock: FakeClock) -> None:
    agreements = Agreements()
    partner_id = apply(store, clock, SKYWAYS, "ann").partner_id
    with store.read() as tx:
        for lookup in (
            lambda: agreements.current(tx, "aurora", "staywell"),
            lambda: agreements.current(tx, "borealis", "skyways"),
            lambda: agreements.of_partner(tx, partner_id + 1),
            lambda: agreements.at_version(tx, partner_id, 2),
            lambda: queries.partners(tx, "borealis", after="", size=1),
            lambda: queries.versions(tx, "aurora", "staywell", before=None, size=1),
            lambda: queries.version(tx, "aurora", "skyways", 2),
            lambda: queries.version(tx, "aurora", "skyways", 0),
        ):
            with pytest.raises(NotFound):
                lookup()


def test_pages_of_partners_and_versions(store: Store, clock: FakeClock) -> None:
    for source in (STAYWELL, SKYWAYS, LONGER, SKYWAYS):
        apply(store, clock, source, "ann")
    with store.read() as tx:
        first = queries.partners(tx, "aurora", after="", size=1)
        rest = queries.partners(tx, "aurora", after=first[0].partner, size=9)
        newest = queries.versions(tx, "aurora", "skyways", before=None, size=2)
        oldest = queries.versions(tx, "aurora", "skyways", before=2, size=9)
        latest = queries.version(tx, "aurora", "skyways")
    assert [(one.partner, one.version) for one in first + rest] == [("skyways", 3), ("staywell", 1)]
    assert [one.version for one in newest + oldest] == [3, 2, 1]
    assert latest == newest[0]
    assert newest[0].content_hash == oldest[0].content_hash != newest[1].content_hash
