"""Results say all that the wire says, in the words of the proto."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from handback_client import convert, models
from handback_client._stubs.v1 import (
    agreements_pb2,
    breaks_pb2,
    events_pb2,
    formats_pb2,
    handback_files_pb2,
    ledger_pb2,
    lifecycle_pb2,
    payouts_pb2,
    redemptions_pb2,
    reports_pb2,
)
from handback_client.convert import inspection, ledger, payouts, words


@pytest.mark.parametrize(
    ("message", "model", "convert_one"),
    [
        (lifecycle_pb2.Redemption, models.Redemption, convert.redemption),
        (lifecycle_pb2.RedemptionEvent, models.Event, convert.event),
        (events_pb2.WatchResponse, models.EventBatch, convert.event_batch),
        (payouts_pb2.Tally, models.Tally, payouts.tally),
        (payouts_pb2.PartnerHold, models.PartnerHold, convert.partner_hold),
        (redemptions_pb2.Correction, models.Correction, convert.correction),
        (payouts_pb2.PayoutBatch, models.PayoutBatch, convert.payout_batch),
        (payouts_pb2.PayoutBatchReport, models.BatchReport, convert.batch_report),
        (handback_files_pb2.HandbackFile, models.HandbackFile, convert.handback_file),
        (handback_files_pb2.Finding, models.Finding, convert.finding),
        (handback_files_pb2.RunReport, models.RunReport, convert.run_report),
        (breaks_pb2.Break, models.Break, convert.one_break),
        (agreements_pb2.Partner, models.Partner, convert.partner),
        (agreements_pb2.Agreement, models.Agreement, convert.agreement),
        (ledger_pb2.Balance, models.Balance, ledger.balance),
        (ledger_pb2.Posting, models.ledger.Posting, ledger.posting),
        (ledger_pb2.Period, models.ledger.Period, ledger.period),
        (ledger_pb2.OpenRedemption, models.ledger.OpenRedemption, ledger.open_redemption),
        (ledger_pb2.MemberStanding, models.ledger.MemberStanding, ledger.member_standing),
        (formats_pb2.Format, models.inspection.Format, inspection.format_of),
        (formats_pb2.FileCheck, models.inspection.FileCheck, inspection.file_check),
        (formats_pb2.GoldenResult, models.inspection.GoldenResult, inspection.golden_result),
    ],
)
def test_every_field_of_the_wire_is_a_field_of_the_result(
    message: Any, model: Any, convert_one: Any
) -> None:
    names = [one.name for one in dataclasses.fields(model)]
    assert {name for name in names if name not in ("replayed", "unchanged")} == set(
        message.DESCRIPTOR.fields_by_name
    )
    assert isinstance(convert_one(message()), model)
    wire = message()
    for field in message.DESCRIPTOR.fields:
        if field.cpp_type == field.CPPTYPE_STRING and not field.is_repeated:
            setattr(wire, field.name, f"<{field.name}>")
        elif field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64):
            setattr(wire, field.name, field.number)
    found = convert_one(wire)
    for field in message.DESCRIPTOR.fields:
        if field.cpp_type == field.CPPTYPE_STRING and not field.is_repeated:
            assert getattr(found, field.name) == f"<{field.name}>"
        elif field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64):
            assert getattr(found, field.name) == field.number


def test_a_submission_carries_every_field_of_the_wire() -> None:
    fields = {one.name for one in dataclasses.fields(models.Submission)}
    assert fields == set(redemptions_pb2.Submission.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        (lifecycle_pb2.RedemptionState, models.State),
        (lifecycle_pb2.Trigger, models.Trigger),
        (lifecycle_pb2.ReasonClass, models.ReasonClass),
        (lifecycle_pb2.CauseKind, models.CauseKind),
        (payouts_pb2.PayoutBatchState, models.BatchState),
        (handback_files_pb2.HandbackFileState, models.FileState),
        (handback_files_pb2.FindingSeverity, models.Severity),
        (lifecycle_pb2.Account, models.words.Account),
        (ledger_pb2.OpenStanding, models.words.OpenStanding),
        (ledger_pb2.LiabilityBy, models.words.LiabilityBy),
        (reports_pb2.ReportColumnKind, models.reports.ColumnKind),
        (reports_pb2.ReportParameterKind, models.reports.ParameterKind),
    ],
)
def test_every_word_of_the_wire_is_a_word_of_the_result(wire: Any, words: type[StrEnum]) -> None:
    declared: EnumDescriptor = wire.DESCRIPTOR
    first = declared.values[0].name
    prefix = first.removesuffix("UNSPECIFIED")
    assert prefix != first
    expected = [value.name.removeprefix(prefix).lower() for value in declared.values[1:]]
    assert [str(word) for word in words] == ["none", *expected, "unknown"]
    assert [value.number for value in declared.values] == list(range(len(declared.values)))


def test_a_word_of_a_newer_server_is_unknown() -> None:
    newer = lifecycle_pb2.Redemption()
    newer.MergeFromString(b"\x38\x63")  # field 7, the state, with number 99
    assert convert.redemption(newer).state is models.State.UNKNOWN


@pytest.mark.parametrize("word", ["none", "unknown", "pending"])
def test_what_is_no_state_cannot_be_asked_for(word: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        convert.states([word])


def test_words_are_asked_for_by_their_numbers() -> None:
    assert convert.states(["rejected", models.State.FAILED]) == [4, 6]
    assert convert.triggers(["return_part"]) == [11]
    assert convert.batch_states(["delivered"]) == [2]
    assert convert.file_states([models.FileState.QUARANTINED]) == [2]


def test_instants_are_aware_and_exact_to_the_microsecond() -> None:
    wanted = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)
    stamp = Timestamp()
    stamp.FromDatetime(wanted)
    assert words.instant(stamp) == wanted
    assert words.instant(Timestamp()) is None


def test_a_quantity_that_a_break_does_not_say_is_none() -> None:
    assert convert.one_break(breaks_pb2.Break()).quantity is None
    assert convert.one_break(breaks_pb2.Break(quantity=0)).quantity == 0
