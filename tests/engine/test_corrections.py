"""Members that a partner credits under other details: noted, and blocked until acknowledged."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handback.errors import MemberCorrected, NotFound, RequestKeyReused
from handback.ids import Prefix, public_id
from handback.lifecycle.table import State
from handback.redemptions import corrections
from handback.redemptions.corrections import CorrectionFilter, CorrectionView
from handback.redemptions.requests import Submit
from handback.store.requests import Command
from world import Answer, Sent, World, counts, skyways_file

CHANGED, CONFIRMED = "0001", "0000"


def says(
    world: World, sent: Sent, code: str, member: str, sequence: int, quantity: int = 100
) -> dict[str, tuple[int, int]]:
    answer = Answer(sent.reference, member, quantity, code)
    file = world.answer(skyways_file([answer], sequence), f"{sequence}.csv")
    return dict(counts(world.report(file.file_id)))


def listed(world: World, **narrowed: object) -> list[CorrectionView]:
    wanted = CorrectionFilter("aurora", **narrowed)  # type: ignore[arg-type]
    with world.store.read() as tx:
        return corrections.page(tx, wanted, 0, 100)


def submit(world: World, member: str, key: str) -> object:
    asked = Submit("aurora", "skyways", key, member, 10, "miles", {"surname": "Example"})
    return world.run(asked)[0]


def acknowledge(world: World, correction_id: int, key: str = "a") -> corrections.Acknowledged:
    with world.store.write() as tx:
        command = Command("operator", "told the member", key)
        return corrections.acknowledge(tx, "aurora", correction_id, command, world.clock.now())


def test_a_credit_to_another_account_confirms_and_blocks_the_old_number(world: World) -> None:
    one, sent = world.sent_one()
    assert says(world, sent, CHANGED, "M-MERGED", 1)["events"] == (1, 100)
    assert world.get(one).state is State.CONFIRMED
    (found,) = listed(world)
    assert (found.member_ref, found.named_member) == (sent.member_ref, "M-MERGED")
    assert (found.redemption_id, found.reason_code) == (one, CHANGED)
    refusal = submit(world, sent.member_ref, "later")
    assert isinstance(refusal, MemberCorrected)
    assert refusal.facts == {
        "correction": public_id(Prefix.CORRECTION, found.correction_id),
        "partner": "skyways",
        "member_ref": sent.member_ref,
        "named_member": "M-MERGED",
    }
    assert not isinstance(submit(world, "M-MERGED", "new number"), MemberCorrected)
    acknowledge(world, found.correction_id)
    assert listed(world) == []
    assert not isinstance(submit(world, sent.member_ref, "later still"), MemberCorrected)
    world.assert_laws()


def test_a_notice_of_change_after_the_confirmation_is_a_correction_too(world: World) -> None:
    one, sent = world.sent_one()
    says(world, sent, CONFIRMED, sent.member_ref, 1)
    assert says(world, sent, CHANGED, "M-MERGED", 2, quantity=0)["repeats"] == (1, 100)
    (found,) = listed(world)
    assert (found.named_member, found.redemption_id) == ("M-MERGED", one)
    assert world.breaks() == []
    world.assert_laws()


def test_what_is_told_twice_is_one_correction_also_once_acknowledged(world: World) -> None:
    _, sent = world.sent_one()
    says(world, sent, CHANGED, "M-MERGED", 1)
    says(world, sent, CHANGED, "M-MERGED", 2)
    (found,) = listed(world)
    acknowledge(world, found.correction_id)
    says(world, sent, CHANGED, "M-MERGED", 3)
    assert listed(world) == []
    assert len(listed(world, include_acknowledged=True)) == 1
    says(world, sent, CHANGED, "M-AGAIN", 4)
    assert [one.named_member for one in listed(world)] == ["M-AGAIN"]


def test_a_change_of_something_else_names_no_other_member(world: World) -> None:
    _, sent = world.sent_one()
    says(world, sent, CHANGED, sent.member_ref, 1)
    assert [one.named_member for one in listed(world)] == [None]


def test_a_correction_blocks_one_member_at_one_partner(world: World) -> None:
    _, sent = world.sent_one()
    says(world, sent, CHANGED, "M-MERGED", 1)
    assert not isinstance(submit(world, "M-OTHER", "other"), MemberCorrected)
    world.apply("northbank")
    assert listed(world, partner="northbank") == []
    assert len(listed(world, partner="skyways", member_ref=sent.member_ref)) == 1


def test_acknowledging_keeps_its_key_and_who_was_first(world: World) -> None:
    _, sent = world.sent_one()
    says(world, sent, CHANGED, "M-MERGED", 1)
    (found,) = listed(world)
    first = acknowledge(world, found.correction_id)
    assert (first.view.acknowledged_by, first.replayed) == ("operator", False)
    world.clock.advance(timedelta(hours=1))
    assert acknowledge(world, found.correction_id).replayed
    again = acknowledge(world, found.correction_id, "b")
    assert again.view.acknowledged_at == first.view.acknowledged_at
    with pytest.raises(RequestKeyReused), world.store.write() as tx:
        other = Command("operator", "something else", "a")
        corrections.acknowledge(tx, "aurora", found.correction_id, other, world.clock.now())
    with pytest.raises(NotFound):
        acknowledge(world, 999)


def test_a_submit_asks_for_corrections_in_no_statement_of_its_own(world: World) -> None:
    """As long as a partner has none, that is: the terms tell whether there are any."""
    with world.store.read() as tx:
        assert not world.agreements.current(tx, "aurora", "skyways").corrected
    _, sent = world.sent_one()
    says(world, sent, CHANGED, "M-MERGED", 1)
    with world.store.read() as tx:
        assert world.agreements.current(tx, "aurora", "skyways").corrected
