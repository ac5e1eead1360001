"""A name that does not fit its number: an agent mends it, and what goes out then is credited."""

from __future__ import annotations

import pytest

from handback_client import errors
from handback_client.models import Break, Redemption
from handback_server.demo.layouts import Request
from story.stage import Stage

NAME_DOES_NOT_FIT, CREDITED = "0102", "0000"
# Only another name helps where number and name do not belong together.
RULES = {"[formats.outbound]": '[policy.codes."0102"]\nchanged = ["surname"]\n\n[formats.outbound]'}


def mismatched(stage: Stage) -> tuple[Redemption, Break, Request]:
    """A redemption that the airline rejected: `Hoper` is not the name of that number."""
    stage.agree("skyways", RULES)
    (redemption,) = stage.submit("skyways", 4_000, surname="Hoper")
    stage.work()
    (request,) = stage.skyways.letters()
    stage.skyways.answer((request, NAME_DOES_NOT_FIT))
    assert stage.states([redemption]) == ["rejected"]
    (found,) = stage.ada.breaks.list()
    assert (found.kind, found.reason_class, found.reason_code) == ("review", "fix_member", "0102")
    return redemption, found, request


def test_what_was_rejected_never_goes_out_as_it_was(stage: Stage) -> None:
    redemption, found, _ = mismatched(stage)
    # The value stays held, and nobody sends it out as it was: by the call or from the break.
    (balance,) = stage.ada.ledger.balances()
    assert (balance.member, balance.held, balance.fulfilled) == (-4_000, 4_000, 0)
    for unchanged in ({}, {"surname": "Hoper"}, {"surname": " Hoper  "}):
        with pytest.raises(errors.FieldsUnchanged) as refused:
            stage.ada.retry(redemption.redemption_id, fields=unchanged)
        assert refused.value.facts["fields"] == "surname"
    (outcome,) = stage.ada.breaks.resolve("retry", [found.break_id], comment="again").outcomes
    assert isinstance(outcome.error, errors.FieldsUnchanged)
    assert stage.states([redemption]) == ["rejected"]
    stage.work()
    assert stage.skyways.letters() == []
    stage.assert_laws()


def test_a_name_mismatch_is_corrected_by_an_agent(stage: Stage) -> None:
    redemption, found, request = mismatched(stage)

    # The agent asks the member, and types the name as it stands on the card.
    stage.ada.breaks.assign(found.break_id, "ada")
    stage.ada.breaks.comment(found.break_id, "the member reads: Hopper")
    retried = stage.ada.retry(
        redemption.redemption_id, fields={"surname": "Hopper"}, comment="as on the card"
    )
    assert (retried.state, retried.attempt) == ("retrying", 1)
    assert stage.open_breaks() == []
    stage.work()
    (outbound,) = [path for path in stage.outbound("skyways") if "Hopper" in path.read_text()]
    assert "Hoper" not in outbound.read_text()

    # It goes out under a reference of its own, and is credited.
    (corrected,) = stage.skyways.letters()
    assert corrected.reference != request.reference
    stage.skyways.answer((corrected, CREDITED))
    assert stage.states([redemption]) == ["confirmed"]
    steps = list(stage.ada.history(redemption.redemption_id))
    assert [str(one.trigger) for one in steps] == [
        "submit",
        "dispatch",
        "reject",
        "retry",
        "dispatch",
        "confirm",
    ]
    agent = steps[3]
    assert (agent.actor, agent.comment, agent.changed) == ("ada", "as on the card", ("surname",))
    history = stage.ada.breaks.dossier(found.break_id).history
    assert [(one.kind, one.actor) for one in history] == [
        ("assigned", "ada"),
        ("commented", "ada"),
        ("closed", "ada"),
    ]

    # What it took shows in the figures: one answer in two was a rejection, the retry was worth it.
    (retries,) = [row for row in stage.report("retries") if row["attempt"] == 2]
    assert (retries["after_code"], retries["saved_quantity"]) == (NAME_DOES_NOT_FIT, 4_000)
    stage.assert_laws()
