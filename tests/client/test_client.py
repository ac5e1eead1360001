"""Every call, of both clients: what goes out, and what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from client.scripted_server import Refuse, ScriptedServer
from handback_client import errors, models
from handback_client._stubs.v1 import (
    agreements_pb2,
    breaks_pb2,
    handback_files_pb2,
    ledger_pb2,
    lifecycle_pb2,
    payouts_pb2,
    redemptions_pb2,
)

REDEMPTION = lifecycle_pb2.Redemption(redemption_id="rdm_1", state=1, quantity=5)
AWAY = Refuse(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")


async def collected(many: Any) -> list[Any]:
    return [one async for one in many]


async def test_submit_sends_all_of_it_and_gives_the_redemption(
    client: Any, server: ScriptedServer
) -> None:
    server.on(
        "SubmitRedemption",
        redemptions_pb2.SubmitRedemptionResponse(redemption=REDEMPTION, replayed=True),
    )
    redemption = await client.submit(
        request_key="order-1",
        partner="skyways",
        member_ref="member-7",
        quantity=5,
        unit="miles",
        fields={"surname": "Lovelace"},
    )
    assert redemption.redemption_id == "rdm_1"
    assert redemption.state == "submitted"
    assert redemption.replayed
    assert server.calls["SubmitRedemption"][0].requests == [
        redemptions_pb2.SubmitRedemptionRequest(
            programme="aurora",
            submission=redemptions_pb2.Submission(
                request_key="order-1",
                partner="skyways",
                member_ref="member-7",
                quantity=5,
                unit="miles",
                fields={"surname": "Lovelace"},
            ),
        )
    ]


@pytest.mark.parametrize(
    ("method", "call", "request_message", "answer"),
    [
        (
            "CancelRedemption",
            lambda client: client.cancel("rdm_1", comment="late", request_key="k"),
            redemptions_pb2.CancelRedemptionRequest(redemption_id="rdm_1", comment="late"),
            redemptions_pb2.CancelRedemptionResponse(redemption=REDEMPTION, replayed=True),
        ),
        (
            "RetryRedemption",
            lambda client: client.retry("rdm_1", comment="again", request_key="k"),
            redemptions_pb2.RetryRedemptionRequest(redemption_id="rdm_1", comment="again"),
            redemptions_pb2.RetryRedemptionResponse(redemption=REDEMPTION, replayed=True),
        ),
        (
            "FailRedemption",
            lambda client: client.fail("rdm_1", comment="no", request_key="k"),
            redemptions_pb2.FailRedemptionRequest(redemption_id="rdm_1", comment="no"),
            redemptions_pb2.FailRedemptionResponse(redemption=REDEMPTION, replayed=True),
        ),
        (
            "ReleaseHandbackFile",
            lambda client: client.files.release("hbf_1", comment="fine", request_key="k"),
            handback_files_pb2.ReleaseHandbackFileRequest(file_id="hbf_1", comment="fine"),
            handback_files_pb2.ReleaseHandbackFileResponse(replayed=True),
        ),
        (
            "ReplayHandbackFile",
            lambda client: client.files.replay("hbf_1", agreement_version=3, request_key="k"),
            handback_files_pb2.ReplayHandbackFileRequest(file_id="hbf_1", agreement_version=3),
            handback_files_pb2.ReplayHandbackFileResponse(replayed=True),
        ),
        (
            "DismissBreak",
            lambda client: client.breaks.dismiss("brk_1", comment="known", request_key="k"),
            breaks_pb2.DismissBreakRequest(break_id="brk_1", comment="known"),
            breaks_pb2.DismissBreakResponse(replayed=True),
        ),
    ],
)
async def test_commands(
    method: str, call: Any, request_message: Any, answer: Any, client: Any, server: ScriptedServer
) -> None:
    server.on(method, answer)
    assert (await call(client)).replayed
    request_message.programme, request_message.request_key = "aurora", "k"
    assert server.calls[method][0].requests == [request_message]


async def test_a_command_without_a_key_gets_one_that_is_kept_when_it_is_repeated(
    client: Any, server: ScriptedServer
) -> None:
    answer = redemptions_pb2.CancelRedemptionResponse(redemption=REDEMPTION)
    server.on("CancelRedemption", AWAY, AWAY, answer, answer)
    await client.cancel("rdm_1")
    await client.cancel("rdm_1")
    keys = [call.requests[0].request_key for call in server.calls["CancelRedemption"]]
    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert len(keys[0]) == 32
    assert keys[3] != keys[0]


async def test_single_reads(client: Any, server: ScriptedServer) -> None:
    tally = payouts_pb2.Tally(count=2, quantity=10)
    report = payouts_pb2.PayoutBatchReport(
        batch_id="bat_1", sent=tally, open=tally, remainder=payouts_pb2.Tally(count=1, quantity=3)
    )
    file = handback_files_pb2.HandbackFile(file_id="hbf_1", state=2)
    server.on("GetRedemption", redemptions_pb2.GetRedemptionResponse(redemption=REDEMPTION))
    server.on(
        "GetPayoutBatch",
        payouts_pb2.GetPayoutBatchResponse(batch=payouts_pb2.PayoutBatch(batch_id="bat_1")),
    )
    server.on("GetPayoutBatchReport", payouts_pb2.GetPayoutBatchReportResponse(report=report))
    server.on("GetHandbackFile", handback_files_pb2.GetHandbackFileResponse(file=file))
    server.on(
        "GetRunReport",
        handback_files_pb2.GetRunReportResponse(
            report=handback_files_pb2.RunReport(file=file, records=tally, batches=[report])
        ),
    )
    server.on(
        "GetBreak", breaks_pb2.GetBreakResponse(found_break=breaks_pb2.Break(break_id="brk_1"))
    )
    server.on(
        "GetAgreement",
        agreements_pb2.GetAgreementResponse(
            agreement=agreements_pb2.Agreement(partner="skyways", version=3)
        ),
    )

    assert (await client.get("rdm_1")).quantity == 5
    assert (await client.batches.get("bat_1")).batch_id == "bat_1"
    batch = await client.batches.report("bat_1")
    assert batch.sent == models.Tally(count=2, quantity=10)
    assert batch.remainder == models.Tally(count=1, quantity=3)
    assert (await client.files.get("hbf_1")).state == "quarantined"
    assert (await client.files.report("hbf_1")).batches[0].open.count == 2
    assert (await client.breaks.get("brk_1")).break_id == "brk_1"
    assert (await client.partners.agreement("skyways", 3)).version == 3
    assert server.calls["GetAgreement"][0].requests == [
        agreements_pb2.GetAgreementRequest(programme="aurora", partner="skyways", version=3)
    ]


async def test_lists_go_through_their_pages_with_the_same_filters(
    client: Any, server: ScriptedServer
) -> None:
    def page(number: int, token: str) -> redemptions_pb2.ListRedemptionsResponse:
        one = lifecycle_pb2.Redemption(redemption_id=f"rdm_{number}")
        return redemptions_pb2.ListRedemptionsResponse(redemptions=[one], next_page_token=token)

    server.on("ListRedemptions", page(1, "second"), AWAY, page(2, "third"), page(3, ""))
    found = await collected(
        client.list(partner="skyways", member_ref="m", states=["rejected"], page_size=1)
    )
    assert [one.redemption_id for one in found] == ["rdm_1", "rdm_2", "rdm_3"]
    asked = [call.requests[0] for call in server.calls["ListRedemptions"]]
    assert [request.page_token for request in asked] == ["", "second", "second", "third"]
    for request in asked:
        request.page_token = ""
        assert request == redemptions_pb2.ListRedemptionsRequest(
            programme="aurora", partner="skyways", member_ref="m", states=[4], page_size=1
        )


@pytest.mark.parametrize(
    ("method", "call", "request_message", "answer"),
    [
        (
            "ListRedemptionEvents",
            lambda client: client.history("rdm_1", page_size=7),
            redemptions_pb2.ListRedemptionEventsRequest(redemption_id="rdm_1"),
            redemptions_pb2.ListRedemptionEventsResponse(
                events=[lifecycle_pb2.RedemptionEvent(trigger=1)]
            ),
        ),
        (
            "ListPayoutBatches",
            lambda client: client.batches.list(partner="p", states=["sealed"], page_size=7),
            payouts_pb2.ListPayoutBatchesRequest(partner="p", states=[1]),
            payouts_pb2.ListPayoutBatchesResponse(batches=[payouts_pb2.PayoutBatch()]),
        ),
        (
            "ListHandbackFiles",
            lambda client: client.files.list(partner="p", states=["refused"], page_size=7),
            handback_files_pb2.ListHandbackFilesRequest(partner="p", states=[5]),
            handback_files_pb2.ListHandbackFilesResponse(files=[handback_files_pb2.HandbackFile()]),
        ),
        (
            "ListFindings",
            lambda client: client.files.findings("hbf_1", page_size=7),
            handback_files_pb2.ListFindingsRequest(file_id="hbf_1"),
            handback_files_pb2.ListFindingsResponse(findings=[handback_files_pb2.Finding()]),
        ),
        (
            "ListBreaks",
            lambda client: client.breaks.list(
                partner="p",
                kinds=["contradiction"],
                redemption_id="rdm_1",
                file_id="hbf_1",
                include_closed=True,
                page_size=7,
            ),
            breaks_pb2.ListBreaksRequest(
                partner="p",
                kinds=["contradiction"],
                redemption_id="rdm_1",
                file_id="hbf_1",
                include_closed=True,
            ),
            breaks_pb2.ListBreaksResponse(breaks=[breaks_pb2.Break()]),
        ),
        (
            "ListPartners",
            lambda client: client.partners.list(page_size=7),
            agreements_pb2.ListPartnersRequest(),
            agreements_pb2.ListPartnersResponse(partners=[agreements_pb2.Partner()]),
        ),
        (
            "ListAgreementVersions",
            lambda client: client.partners.agreements("p", page_size=7),
            agreements_pb2.ListAgreementVersionsRequest(partner="p"),
            agreements_pb2.ListAgreementVersionsResponse(agreements=[agreements_pb2.Agreement()]),
        ),
        (
            "ListBalances",
            lambda client: client.ledger.balances(partner="p", unit="u", as_of=0, page_size=7),
            ledger_pb2.ListBalancesRequest(partner="p", unit="u", at_position=0),
            ledger_pb2.ListBalancesResponse(balances=[ledger_pb2.Balance()]),
        ),
    ],
)
async def test_other_lists(
    method: str, call: Any, request_message: Any, answer: Any, client: Any, server: ScriptedServer
) -> None:
    server.on(method, answer)
    assert len(await collected(call(client))) == 1
    request_message.programme, request_message.page_size = "aurora", 7
    assert server.calls[method][0].requests == [request_message]


async def test_gather_gives_the_batches(client: Any, server: ScriptedServer) -> None:
    batch = payouts_pb2.PayoutBatch(batch_id="bat_1", state=1)
    server.on("GatherPayoutBatches", payouts_pb2.GatherPayoutBatchesResponse(batches=[batch]))
    (found,) = await client.batches.gather("skyways")
    assert (found.batch_id, found.state) == ("bat_1", "sealed")


async def test_agreements_are_applied_and_checked(client: Any, server: ScriptedServer) -> None:
    server.on(
        "ApplyAgreement",
        agreements_pb2.ApplyAgreementResponse(
            agreement=agreements_pb2.Agreement(partner="skyways", version=2), unchanged=True
        ),
    )
    server.on(
        "CheckAgreement",
        agreements_pb2.CheckAgreementResponse(
            violations=[agreements_pb2.AgreementViolation(field="payout.folder", expected="it")]
        ),
    )
    agreement = await client.partners.apply('partner = "skyways"')
    assert (agreement.version, agreement.unchanged) == (2, True)
    assert await client.partners.check("") == (errors.Violation("payout.folder", "it"),)


@pytest.mark.parametrize("source", ["path", "text", "bytes"])
async def test_a_file_is_sent_in_parts_and_sent_anew_when_the_stream_breaks(
    source: str, client: Any, server: ScriptedServer, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 5_000  # 1.28 MB: three parts
    path = tmp_path / "answers.csv"
    path.write_bytes(content)
    file = handback_files_pb2.HandbackFile(file_id="hbf_1", state=1)
    answer = handback_files_pb2.UploadHandbackFileResponse(file=file)
    server.on("UploadHandbackFile", AWAY, answer)
    given: Any = {"path": path, "text": str(path), "bytes": content}[source]
    name = {"file_name": "answers.csv"} if source == "bytes" else {}
    uploaded = await client.files.upload("skyways", given, request_key="k", **name)
    assert uploaded.file_id == "hbf_1"
    header, *parts = server.calls["UploadHandbackFile"][1].requests
    assert header.header == handback_files_pb2.HandbackFileHeader(
        programme="aurora", request_key="k", partner="skyways", file_name="answers.csv"
    )
    assert b"".join(part.chunk for part in parts) == content
    assert max(len(part.chunk) for part in parts) <= 1 << 20


async def test_what_cannot_be_read_is_not_sent(client: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await client.files.upload("skyways", tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match="file_name"):
        await client.files.upload("skyways", b"1;2")
