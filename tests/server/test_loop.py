"""Payouts, hand-back files, breaks and balances over the wire: the loop a redemption goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from fake_clock import FakeClock
from handback.ids import Prefix, number_of
from handback.reconcile.run import reconcile
from handback.settings import Settings
from handback.store.session import Store
from handback_server._stubs.v1 import (
    breaks_pb2,
    handback_files_pb2,
    ledger_pb2,
    lifecycle_pb2,
    payouts_pb2,
)
from handback_server._stubs.v1.events_pb2 import WatchRequest
from server.calls import PARTNER, PROGRAMME, Callers, reason_of, refused, serving
from world import Answer, World, skyways_file

pytestmark = pytest.mark.usefixtures("partner")

Upload = handback_files_pb2.UploadHandbackFileRequest


@pytest.fixture
def world(store: Store, clock: FakeClock, settings: Settings) -> World:
    """The engine on the server's own store and folders, driven step by step."""
    return World(store, clock, settings.home)


def parts(content: bytes, key: str = "upload", **changes: str) -> Iterator[Upload]:
    """A file as it is sent: what it is, then its bytes."""
    named = {"programme": PROGRAMME, "partner": PARTNER, "file_name": "answer.csv"}
    header = handback_files_pb2.HandbackFileHeader(request_key=key, **(named | changes))
    yield Upload(header=header)
    for start in range(0, len(content), 100):
        yield Upload(chunk=content[start : start + 100])


async def upload(
    callers: Callers, content: bytes, key: str = "upload"
) -> handback_files_pb2.HandbackFile:
    """Send a file; it as it then stands."""
    return (await callers.files.UploadHandbackFile(parts(content, key))).file


def gathering(partner: str = PARTNER) -> payouts_pb2.GatherPayoutBatchesRequest:
    """A request to gather what is due at a partner."""
    return payouts_pb2.GatherPayoutBatchesRequest(programme=PROGRAMME, partner=partner)


async def sent(callers: Callers, world: World, count: int) -> list[Answer]:
    """Submit so many redemptions and send them; a confirmation of each, as the partner sees it."""
    await callers.submit_many(count)
    await callers.payouts.GatherPayoutBatches(gathering())
    [file] = world.send()
    return [Answer(*detail, "0000") for detail in world.sent(file)]


async def test_what_is_due_is_gathered_once(callers: Callers) -> None:
    await callers.submit_many(3)
    [batch] = (await callers.payouts.GatherPayoutBatches(gathering())).batches
    assert (batch.record_count, batch.quantity, batch.sequence) == (3, 1_500, 1)
    assert batch.state == payouts_pb2.PAYOUT_BATCH_STATE_SEALED
    assert not (await callers.payouts.GatherPayoutBatches(gathering())).batches
    request = payouts_pb2.GetPayoutBatchRequest(programme=PROGRAMME, batch_id=batch.batch_id)
    assert (await callers.payouts.GetPayoutBatch(request)).batch == batch
    assert await reason_of(callers.payouts.GatherPayoutBatches(gathering("nobody"))) == "NOT_FOUND"


async def test_batches_are_listed_by_state(callers: Callers, world: World) -> None:
    await sent(callers, world, 2)
    for state, count in (
        (payouts_pb2.PAYOUT_BATCH_STATE_DISPATCHED, 1),
        (payouts_pb2.PAYOUT_BATCH_STATE_SEALED, 0),
    ):
        request = payouts_pb2.ListPayoutBatchesRequest(programme=PROGRAMME, states=[state])
        assert len((await callers.payouts.ListPayoutBatches(request)).batches) == count


async def test_an_uploaded_file_leads_to_outcomes_reports_and_balances(
    callers: Callers, world: World
) -> None:
    answers = await sent(callers, world, 4)
    answers[1] = replace(answers[1], code="0201")
    file = await upload(callers, skyways_file(answers[:3]))
    assert (file.state, file.verdict) == (
        handback_files_pb2.HANDBACK_FILE_STATE_RECEIVED,
        "ACCEPTED",
    )
    assert (file.record_count, file.source, file.actor) == (3, "upload", "local")
    assert reconcile(world.desk, number_of(Prefix.HANDBACK_FILE, file.file_id, ""), "tests")

    wanted = handback_files_pb2.GetRunReportRequest(programme=PROGRAMME, file_id=file.file_id)
    report = (await callers.files.GetRunReport(wanted)).report
    assert report.file.state == handback_files_pb2.HANDBACK_FILE_STATE_RECONCILED
    assert (report.records.count, report.events.count) == (3, 3)
    [batch] = report.batches
    asked = payouts_pb2.GetPayoutBatchReportRequest(programme=PROGRAMME, batch_id=batch.batch_id)
    assert (await callers.payouts.GetPayoutBatchReport(asked)).report == batch
    shares = (batch.sent, batch.confirmed, batch.rejected, batch.open)
    assert [(share.count, share.quantity) for share in shares] == [
        (4, 2_000),
        (2, 1_000),
        (1, 500),
        (1, 500),
    ]
    [balance] = (
        await callers.ledger.ListBalances(ledger_pb2.ListBalancesRequest(programme=PROGRAMME))
    ).balances
    assert (balance.member, balance.held, balance.fulfilled) == (-1_500, 500, 1_000)


async def test_balances_of_the_past_are_still_there(callers: Callers) -> None:
    await callers.submit("one")
    await callers.submit("two")
    request = ledger_pb2.ListBalancesRequest(programme=PROGRAMME, at_position=1)
    # A block has its position a moment after its commit, and a watch waits for that moment.
    watch = callers.events.Watch(WatchRequest(programme=PROGRAMME, only_new=True))
    assert (await anext(aiter(watch))).caught_up
    watch.cancel()
    [balance] = (await callers.ledger.ListBalances(request)).balances
    assert balance.held == 500
    request.at_position = 99
    assert await reason_of(callers.ledger.ListBalances(request)) == "CURSOR_AHEAD"


async def test_the_same_upload_gets_the_same_answer(callers: Callers, world: World) -> None:
    content = skyways_file(await sent(callers, world, 1))
    first = await callers.files.UploadHandbackFile(parts(content))
    again = await callers.files.UploadHandbackFile(parts(content))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.file.file_id == first.file.file_id
    other = await upload(callers, content, "another key")
    assert (other.verdict, other.repeats_file_id) == ("REPEAT", first.file.file_id)
    async with refused() as told:
        await callers.files.UploadHandbackFile(parts(content + b"\n"))
    assert told.reason == "REQUEST_KEY_REUSED"


async def test_bad_bytes_are_a_verdict_and_not_an_error(callers: Callers, world: World) -> None:
    good = skyways_file(await sent(callers, world, 3))
    own = (world.delivered()[-1]).read_bytes()
    for number, (content, verdicts) in enumerate(
        (
            (b"", {"EMPTY"}),
            (own, {"ECHO"}),
            (b"\x00\xff\x13" * 50, {"UNREADABLE", "TRUNCATED", "MALFORMED"}),
            (good[: len(good) // 2], {"TRUNCATED", "MALFORMED", "CONTROL_MISMATCH"}),
        )
    ):
        file = await upload(callers, content, f"bad-{number}")
        assert file.verdict in verdicts, content[:20]
    good_file = await upload(callers, good, "good")
    assert good_file.verdict == "ACCEPTED"


async def test_a_quarantined_file_shows_its_findings_and_is_released(
    callers: Callers, world: World
) -> None:
    answers = await sent(callers, world, 2)
    wrong_total = skyways_file(answers).replace(b"T,2,1000", b"T,2,1001")
    file = await upload(callers, wrong_total)
    assert file.state == handback_files_pb2.HANDBACK_FILE_STATE_QUARANTINED
    listing = handback_files_pb2.ListFindingsRequest(programme=PROGRAMME, file_id=file.file_id)
    findings = (await callers.files.ListFindings(listing)).findings
    assert [finding.severity for finding in findings] == [
        handback_files_pb2.FINDING_SEVERITY_QUARANTINE
    ]
    request = handback_files_pb2.ReleaseHandbackFileRequest(
        programme=PROGRAMME, request_key="release", file_id=file.file_id
    )
    async with refused() as told:
        await callers.files.ReleaseHandbackFile(request)
    assert (told.reason, told.fields) == ("INVALID_REQUEST", ["comment"])
    request.comment = "the partner confirmed the records by telephone"
    released = await callers.files.ReleaseHandbackFile(request)
    assert (released.file.verdict, released.replayed) == ("RELEASED", False)
    assert (await callers.files.ReleaseHandbackFile(request)).replayed
    request.request_key = "another"
    assert await reason_of(callers.files.ReleaseHandbackFile(request)) == "FILE_QUARANTINED"


async def test_a_quarantined_file_is_decoded_anew(callers: Callers, world: World) -> None:
    answers = await sent(callers, world, 2)
    file = await upload(callers, skyways_file(answers).replace(b"T,2,1000", b"T,2,1001"))
    request = handback_files_pb2.ReplayHandbackFileRequest(
        programme=PROGRAMME, request_key="replay", file_id=file.file_id, agreement_version=9
    )
    assert await reason_of(callers.files.ReplayHandbackFile(request)) == "NOT_FOUND"
    request.agreement_version = 0
    replayed = await callers.files.ReplayHandbackFile(request)
    assert (replayed.file.agreement_version, replayed.file.verdict) == (1, "CONTROL_MISMATCH")


async def test_files_are_listed_by_state(callers: Callers, world: World) -> None:
    content = skyways_file(await sent(callers, world, 1))
    await upload(callers, content)
    await upload(callers, b"", "empty")
    for states, count in (
        ([], 2),
        ([handback_files_pb2.HANDBACK_FILE_STATE_REFUSED], 1),
        ([handback_files_pb2.HANDBACK_FILE_STATE_QUARANTINED], 0),
    ):
        request = handback_files_pb2.ListHandbackFilesRequest(programme=PROGRAMME, states=states)
        assert len((await callers.files.ListHandbackFiles(request)).files) == count


@pytest.mark.parametrize(
    ("upload_of", "reason"),
    [
        ([], "INVALID_REQUEST"),
        ([Upload(chunk=b"x")], "INVALID_REQUEST"),
        ([*parts(b""), *parts(b"")], "INVALID_REQUEST"),
        ([*parts(b"x", key="")], "INVALID_REQUEST"),
        ([*parts(b"x", file_name="")], "INVALID_REQUEST"),
        ([*parts(b"x", partner="nobody")], "NOT_FOUND"),
        ([*parts(b""), Upload(chunk=bytes(1 << 19)), Upload(chunk=b"x")], "LIMIT_REACHED"),
    ],
    ids=[
        "nothing",
        "no header",
        "two headers",
        "no key",
        "no name",
        "unknown partner",
        "more than a file may have",
    ],
)
async def test_an_upload_that_cannot_be_is_refused(
    settings: Settings, clock: FakeClock, upload_of: list[Upload], reason: str
) -> None:
    small = replace(settings, max_file_bytes=1 << 19)
    async with serving(small, clock) as callers:
        assert await reason_of(callers.files.UploadHandbackFile(upload_of)) == reason


async def test_an_upload_that_breaks_off_leaves_nothing(callers: Callers, world: World) -> None:
    async def half() -> AsyncIterator[Upload]:
        for part in parts(b"x" * 500):
            yield part
        raise ConnectionError

    with pytest.raises(asyncio.CancelledError):
        await callers.files.UploadHandbackFile(half())
    request = handback_files_pb2.ListHandbackFilesRequest(programme=PROGRAMME)
    assert not (await callers.files.ListHandbackFiles(request)).files


async def test_breaks_are_listed_read_and_dismissed(callers: Callers, world: World) -> None:
    answers = await sent(callers, world, 2)
    stranger = replace(answers[0], reference="HB000000000000000001")
    file = world.answer(skyways_file([*answers, stranger]))
    listing = breaks_pb2.ListBreaksRequest(programme=PROGRAMME, kinds=["unknown_reference"])
    [found] = (await callers.breaks.ListBreaks(listing)).breaks
    assert (found.kind, found.quantity, found.ordinal) == ("unknown_reference", 500, 3)
    assert found.raw.startswith("D,HB000000000000000001,")
    assert number_of(Prefix.HANDBACK_FILE, found.file_id, "") == file.file_id
    one = breaks_pb2.GetBreakRequest(programme=PROGRAMME, break_id=found.break_id)
    assert (await callers.breaks.GetBreak(one)).found_break == found

    request = breaks_pb2.DismissBreakRequest(
        programme=PROGRAMME, request_key="dismiss", break_id=found.break_id
    )
    async with refused() as told:
        await callers.breaks.DismissBreak(request)
    assert (told.reason, told.fields) == ("INVALID_REQUEST", ["comment"])
    request.comment = "the partner's test record"
    dismissed = await callers.breaks.DismissBreak(request)
    assert (dismissed.closed_break.resolution, dismissed.closed_break.closed_by) == (
        "dismissed",
        "local",
    )
    assert (await callers.breaks.DismissBreak(request)).replayed
    request.request_key = "again"
    assert await reason_of(callers.breaks.DismissBreak(request)) == "BREAK_CLOSED"
    assert not (await callers.breaks.ListBreaks(listing)).breaks
    listing.include_closed = True
    assert len((await callers.breaks.ListBreaks(listing)).breaks) == 1


async def test_a_break_in_which_a_redemption_waits_is_not_dismissed(
    callers: Callers, world: World
) -> None:
    [answer] = await sent(callers, world, 1)
    world.answer(skyways_file([replace(answer, code="0101")]))
    [found] = (
        await callers.breaks.ListBreaks(breaks_pb2.ListBreaksRequest(programme=PROGRAMME))
    ).breaks
    assert found.reason_class == lifecycle_pb2.REASON_CLASS_FIX_MEMBER
    request = breaks_pb2.DismissBreakRequest(
        programme=PROGRAMME, request_key="dismiss", break_id=found.break_id, comment="why not"
    )
    async with refused() as told:
        await callers.breaks.DismissBreak(request)
    assert told.reason == "BREAK_HOLDS_REDEMPTION"
    assert told.facts == {"break_id": found.break_id, "redemption": found.redemption_id}


async def test_a_kind_that_does_not_exist_is_no_filter(callers: Callers) -> None:
    request = breaks_pb2.ListBreaksRequest(programme=PROGRAMME, kinds=["bad_mood"])
    async with refused() as told:
        await callers.breaks.ListBreaks(request)
    assert (told.reason, told.fields) == ("INVALID_REQUEST", ["kinds"])
