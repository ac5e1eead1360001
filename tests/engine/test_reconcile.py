"""From a payout file to its answer: what every kind of record does, on both stores."""

from __future__ import annotations

from datetime import timedelta

from agreements import source_of
from handback.breaks.kinds import BreakKind
from handback.intake.states import FileState, Verdict
from handback.lifecycle.table import State, Trigger
from handback.partners import registry
from handback.partners.codes import ReasonClass
from handback.redemptions.requests import Cancel, Fail, Retry
from world import Answer, Sent, World, counts, skyways_file


def answers(sent: list[Sent], *codes: str) -> list[Answer]:
    """One answer for each detail sent."""
    return [Answer(*one, code) for one, code in zip(sent, codes, strict=True)]


def test_confirmations_and_rejections_find_their_redemptions(world: World) -> None:
    ids = world.submit(100, 200, 300, 400)
    (payout,) = world.send()
    assert world.states(ids) == ["awaiting_handback"] * 4
    codes = {100: "0000", 200: "0201", 300: "0102", 400: "0301"}
    file = world.answer_all(lambda one: codes[one.quantity])
    assert (file.state, file.verdict) == (FileState.RECONCILED, Verdict.ACCEPTED)
    assert world.states(ids) == ["confirmed", "failed", "rejected", "retrying"]
    confirmed, dead, review, retrying = (world.get(one) for one in ids)
    assert (confirmed.held, confirmed.fulfilled) == (0, 100)
    assert (dead.held, dead.fulfilled) == (0, 0)
    assert (review.held, review.due_at) == (300, None)
    assert retrying.due_at == world.clock.now() + timedelta(seconds=2)
    (break_,) = world.breaks()
    assert (break_.kind, break_.redemption_id) == (BreakKind.REVIEW, ids[2])
    assert break_.reason_class is ReasonClass.FIX_MEMBER
    assert break_.raw is not None
    assert "0102" in break_.raw
    report = world.report(file.file_id)
    nothing = (0, 0)
    assert counts(report) == {
        "records": (4, 1000),
        "events": (4, 1000),
        "repeats": nothing,
        "breaks": nothing,
        "rejects": nothing,
    }
    (batch,) = report.batches
    assert (batch.sent.count, batch.confirmed.count, batch.rejected.count) == (4, 1, 3)
    assert batch.open.count == 0
    assert payout.name.startswith("SKY_20260302_")
    world.assert_laws()


def test_a_retry_goes_out_again_and_is_confirmed(world: World) -> None:
    (one,) = world.submit(700)
    world.send()
    world.answer_all(lambda _: "0301", sequence=1)
    assert world.states([one]) == ["retrying"]
    world.clock.advance(timedelta(seconds=2))
    world.send()
    file = world.answer_all(lambda _: "0000", sequence=2)
    assert counts(world.report(file.file_id))["events"] == (1, 700)
    triggers = [event.trigger for event in world.history(one)]
    assert triggers == [
        Trigger.SUBMIT,
        Trigger.DISPATCH,
        Trigger.REJECT,
        Trigger.RETRY,
        Trigger.DISPATCH,
        Trigger.CONFIRM,
    ]
    assert world.get(one).attempt == 2
    world.assert_laws()


def test_retries_end_at_the_cap_before_a_person(world: World) -> None:
    (one,) = world.submit(700)
    for attempt in (1, 2, 3):
        world.send()
        world.answer_all(lambda _: "0301", sequence=attempt)
        world.clock.advance(timedelta(seconds=2))
    assert world.states([one]) == ["rejected"]
    assert [break_.kind for break_ in world.breaks()] == [BreakKind.REVIEW]
    world.assert_laws()


def test_an_operator_retries_or_fails_what_waits_for_review(world: World) -> None:
    ids = world.submit(10, 20)
    world.send()
    world.answer_all(lambda _: "0102")
    assert len(world.breaks()) == 2
    mended = Retry("aurora", "r", ids[0], "name mended", fields={"surname": "Mended"})
    world.run(mended, Fail("aurora", "f", ids[1]))
    assert world.states(ids) == ["retrying", "failed"]
    assert world.breaks() == []
    world.assert_laws()


def test_an_unmapped_code_is_rejected_and_reviewed(world: World) -> None:
    (one,) = world.submit(10)
    world.send()
    world.answer_all(lambda _: "9999")
    assert world.states([one]) == ["rejected"]
    assert [break_.kind for break_ in world.breaks()] == [BreakKind.UNMAPPED_CODE]


def test_an_interim_answer_leaves_the_outcome_open(world: World) -> None:
    (one,) = world.submit(10)
    world.send()
    world.answer_all(lambda _: "0002", sequence=1)
    assert world.states([one]) == ["awaiting_handback"]
    world.answer_all(lambda _: "0000", sequence=2)
    late = world.answer_all(lambda _: "0002", sequence=3)
    assert world.states([one]) == ["confirmed"]
    assert counts(world.report(late.file_id))["repeats"] == (1, 10)
    world.assert_laws()


def test_each_record_that_cannot_be_applied_becomes_a_break(world: World) -> None:
    ids = world.submit(100, 200, 300, 400)
    world.send()
    first, second, third, fourth = world.sent(world.delivered()[-1])
    file = world.answer(
        skyways_file(
            [
                Answer("HB000000000000999999", "M1", 5, "0000"),
                Answer(first.reference, first.member_ref, 99, "0000"),
                Answer(*second, "0000"),
                Answer(*second, "0201"),
                Answer(third.reference, "M999999", third.quantity, "0000"),
                Answer(*fourth, "0501"),
            ]
        )
    )
    kinds = {break_.kind: break_ for break_ in world.breaks()}
    assert set(kinds) == {
        BreakKind.UNKNOWN_REFERENCE,
        BreakKind.QUANTITY_MISMATCH,
        BreakKind.CONTRADICTION,
        BreakKind.MEMBER_MISMATCH,
        BreakKind.DUPLICATE_REJECTION,
    }
    assert kinds[BreakKind.QUANTITY_MISMATCH].facts["attempt_quantity"] == "100"
    assert kinds[BreakKind.CONTRADICTION].redemption_id == ids[1]
    states = ["awaiting_handback", "confirmed", "awaiting_handback", "awaiting_handback"]
    assert world.states(ids) == states
    assert counts(world.report(file.file_id))["breaks"][0] == 5
    world.assert_laws()


def test_a_repeat_changes_nothing_however_it_comes(world: World) -> None:
    ids = world.submit(100, 200)
    world.send()
    sent = world.sent(world.delivered()[-1])
    details = answers(sent, "0000", "0102")
    stray = Answer("HB000000000000999999", "M1", 5, "0000")
    world.answer(skyways_file([*details, stray], 1), "one.csv")
    before = [world.get(one) for one in ids], world.breaks()
    same = world.answer(skyways_file([*details, stray], 1), "two.csv")
    assert (same.state, same.verdict) == (FileState.REFUSED, Verdict.REPEAT)
    resent = world.answer(skyways_file([stray, *reversed(details), *details], 2), "three.csv")
    assert counts(world.report(resent.file_id))["repeats"] == (5, 605)
    assert ([world.get(one) for one in ids], world.breaks()) == before
    world.assert_laws()


def test_a_break_is_about_an_attempt_however_that_is_quoted(world: World) -> None:
    rules = '[["reference_key"], ["reference", "quantity", "member"]]'
    source = source_of("skyways").replace(rules, '[["reference_key"], ["member"]]')
    registry.apply(world.store, world.clock, source, "tests")
    _, sent = world.sent_one(1000)
    for sequence, (reference, end) in enumerate(
        ((sent.reference, "breaks"), ("theirs", "repeats"), (sent.reference, "repeats")), start=1
    ):
        content = skyways_file([Answer(reference, sent.member_ref, 900, "0000")], sequence)
        file = world.answer(content, f"{sequence}.csv")
        assert counts(world.report(file.file_id))[end] == (1, 900)
    (found,) = world.breaks()
    assert (found.kind, found.reference) == (BreakKind.QUANTITY_MISMATCH, sent.reference)
    world.assert_laws()


def test_a_late_confirmation_settles_what_waits_for_its_retry(world: World) -> None:
    (one,) = world.submit(100)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    world.answer(skyways_file([Answer(*sent, "0301")], 1), "one.csv")
    world.answer(skyways_file([Answer(*sent, "0000")], 2), "two.csv")
    assert world.states([one]) == ["confirmed"]
    world.clock.advance(timedelta(days=1))
    assert len(world.send()) == 1, "nothing goes out again"
    world.assert_laws()


def test_a_late_confirmation_while_a_newer_attempt_is_out_is_a_break(world: World) -> None:
    (one,) = world.submit(100)
    world.send()
    (first,) = world.sent(world.delivered()[-1])
    world.answer(skyways_file([Answer(*first, "0301")], 1), "one.csv")
    world.clock.advance(timedelta(seconds=2))
    world.send()
    world.answer(skyways_file([Answer(*first, "0000")], 2), "two.csv")
    assert world.states([one]) == ["awaiting_handback"]
    assert [break_.kind for break_ in world.breaks()] == [BreakKind.POSSIBLE_DOUBLE_CREDIT]
    world.assert_laws()


def test_a_confirmation_after_failure_is_a_break(world: World) -> None:
    (one,) = world.submit(100)
    world.send()
    (sent,) = world.sent(world.delivered()[-1])
    world.answer(skyways_file([Answer(*sent, "0201")], 1), "one.csv")
    world.answer(skyways_file([Answer(*sent, "0000")], 2), "two.csv")
    assert world.states([one]) == ["failed"]
    assert [break_.kind for break_ in world.breaks()] == [BreakKind.CONFIRMED_AFTER_FAILURE]
    world.assert_laws()


def test_a_return_after_confirmation_waits_for_a_person(world: World) -> None:
    (one,) = world.submit(100)
    world.send()
    world.answer_all(lambda _: "0000", sequence=1)
    world.answer_all(lambda _: "0601", sequence=2)
    view = world.get(one)
    assert (view.state, view.held, view.fulfilled) == (State.REJECTED, 100, 0)
    assert [break_.kind for break_ in world.breaks()] == [BreakKind.RETURNED]
    world.assert_laws()


def test_a_redemption_in_a_sealed_batch_can_no_longer_be_cancelled(world: World) -> None:
    from handback.errors import CutOffPassed
    from handback.payouts.gather import gather

    (one,) = world.submit(100)
    gather(world.store, world.landing, world.agreements, world.clock, "aurora", "skyways")
    (refusal,) = world.run(Cancel("aurora", "c", one))
    assert isinstance(refusal, CutOffPassed)
    assert refusal.facts["batch"].startswith("bat_")
    world.assert_laws()
    world.send()
    assert world.states([one]) == ["awaiting_handback"]


def test_a_file_of_which_nothing_could_be_read_is_accounted_for(world: World) -> None:
    world.apply("staywell")
    columns = b"Reference|Result|Quantity|Unit|Confirmation|Date"
    world.hand_back(columns + b"\nSW-1|ACCEPTED|?|nights||\n", "r.txt", "staywell")
    (world.exchange / "inbound/staywell/r.txt.ok").touch()
    (file,) = world.take_in()
    assert (file.state, file.verdict) == (FileState.RECONCILED, Verdict.ACCEPTED_WITH_FINDINGS)
    report = world.report(file.file_id)
    assert (report.records.count, report.rejects.count) == (1, 1)
    world.assert_laws()


def test_partners_with_other_rules_do_not_get_in_each_others_way(world: World) -> None:
    """Rules are staged in tables that a connection keeps, whoever's file comes next."""
    other = (
        source_of("skyways")
        .replace("skyways", "groundways")
        .replace('[["reference_key"], ["reference", "quantity", "member"]]', '[["member"]]')
    )
    registry.apply(world.store, world.clock, other, "tests")
    for partner in ("skyways", "groundways", "skyways"):
        ids = world.submit(100, partner=partner)
        world.send(partner)
        (sent,) = world.sent(world.delivered(partner)[-1])
        content = skyways_file([Answer(*sent, "0000")], sequence=ids[0])
        world.hand_back(content, f"{partner}-{ids[0]}.csv", partner)
        (file,) = world.take_in()
        assert file.state is FileState.RECONCILED
        assert world.states(ids) == ["confirmed"]
