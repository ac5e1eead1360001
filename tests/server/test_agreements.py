"""AgreementService over the wire, on both stores."""

from __future__ import annotations

import pytest

from handback_server._stubs.v1 import agreements_pb2 as pb
from server.calls import PARTNER, PROGRAMME, Callers, reason_of, refused


def applying(source: str, key: str = "one", programme: str = PROGRAMME) -> pb.ApplyAgreementRequest:
    """A request to apply a document."""
    return pb.ApplyAgreementRequest(programme=programme, request_key=key, source=source)


async def test_a_document_becomes_the_first_version(callers: Callers, skyways: str) -> None:
    metadata = (("handback-actor", "ada"),)
    applied = await callers.agreements.ApplyAgreement(applying(skyways), metadata=metadata)
    assert (applied.unchanged, applied.agreement.version) == (False, 1)
    assert (applied.agreement.partner, applied.agreement.actor) == (PARTNER, "ada")
    request = pb.GetAgreementRequest(programme=PROGRAMME, partner=PARTNER)
    found = (await callers.agreements.GetAgreement(request)).agreement
    assert found.source == skyways
    assert found.content_hash == applied.agreement.content_hash


async def test_the_same_terms_again_change_nothing(callers: Callers, skyways: str) -> None:
    await callers.agreements.ApplyAgreement(applying(skyways))
    again = await callers.agreements.ApplyAgreement(applying(f"# a remark\n{skyways}", "two"))
    assert (again.unchanged, again.agreement.version) == (True, 1)


async def test_versions_are_listed_newest_first_and_each_can_be_read(
    callers: Callers, skyways: str
) -> None:
    for days in range(5, 8):
        changed = skyways.replace("window_days = 5", f"window_days = {days}")
        await callers.agreements.ApplyAgreement(applying(changed, f"key-{days}"))
    request = pb.ListAgreementVersionsRequest(programme=PROGRAMME, partner=PARTNER, page_size=2)
    first = await callers.agreements.ListAgreementVersions(request)
    request.page_token = first.next_page_token
    second = await callers.agreements.ListAgreementVersions(request)
    listed = [*first.agreements, *second.agreements]
    assert [(one.version, one.source) for one in listed] == [(3, ""), (2, ""), (1, "")]
    assert second.next_page_token == ""
    old = pb.GetAgreementRequest(programme=PROGRAMME, partner=PARTNER, version=1)
    assert (await callers.agreements.GetAgreement(old)).agreement.source == skyways


async def test_every_mistake_of_a_document_is_told(callers: Callers, skyways: str) -> None:
    wrong = skyways.replace("window_days = 5", "window_days = 0").replace('"full"', '"some"')
    request = pb.CheckAgreementRequest(programme=PROGRAMME, source=wrong)
    violations = (await callers.agreements.CheckAgreement(request)).violations
    assert {"answers.style", "answers.window_days"} <= {
        violation.field.partition(" ")[0] for violation in violations
    }
    async with refused() as told:
        await callers.agreements.ApplyAgreement(applying(wrong))
    assert told.reason == "INVALID_AGREEMENT"
    assert told.fields == [violation.field for violation in violations]
    missing = pb.GetAgreementRequest(programme=PROGRAMME, partner=PARTNER)
    assert await reason_of(callers.agreements.GetAgreement(missing)) == "NOT_FOUND"


async def test_a_document_that_may_be_applied_has_no_mistake(
    callers: Callers, skyways: str
) -> None:
    request = pb.CheckAgreementRequest(programme=PROGRAMME, source=skyways)
    assert not (await callers.agreements.CheckAgreement(request)).violations


async def test_a_document_of_another_programme_is_refused(callers: Callers, skyways: str) -> None:
    request = pb.CheckAgreementRequest(programme="borealis", source=skyways)
    [violation] = (await callers.agreements.CheckAgreement(request)).violations
    assert violation.field == "programme"
    async with refused() as told:
        await callers.agreements.ApplyAgreement(applying(skyways, programme="borealis"))
    assert (told.reason, told.fields) == ("INVALID_AGREEMENT", ["programme"])


async def test_a_request_key_is_for_one_document(callers: Callers, skyways: str) -> None:
    await callers.agreements.ApplyAgreement(applying(skyways))
    changed = skyways.replace("window_days = 5", "window_days = 6")
    assert await reason_of(callers.agreements.ApplyAgreement(applying(changed))) == (
        "REQUEST_KEY_REUSED"
    )


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\nb"])
async def test_a_request_key_has_to_be_there(callers: Callers, skyways: str, key: str) -> None:
    async with refused() as told:
        await callers.agreements.ApplyAgreement(applying(skyways, key))
    assert (told.reason, told.fields) == ("INVALID_REQUEST", ["request_key"])


async def test_partners_are_listed_by_name(callers: Callers, skyways: str) -> None:
    for name in ("skyways", "alpine", "maple"):
        source = skyways.replace('partner = "skyways"', f'partner = "{name}"')
        await callers.agreements.ApplyAgreement(applying(source, name))
    request = pb.ListPartnersRequest(programme=PROGRAMME, page_size=2)
    first = await callers.agreements.ListPartners(request)
    request.page_token = first.next_page_token
    second = await callers.agreements.ListPartners(request)
    listed = [*first.partners, *second.partners]
    assert [one.partner for one in listed] == ["alpine", "maple", "skyways"]
    nowhere = pb.ListPartnersRequest(programme="nowhere")
    assert await reason_of(callers.agreements.ListPartners(nowhere)) == "NOT_FOUND"
