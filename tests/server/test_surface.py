"""The API keeps its promises to callers built yesterday, and its own rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import pytest
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from handback.formats.findings import Severity
from handback.intake.states import FileState
from handback.journal.commit import CauseKind
from handback.ledger.liability import By
from handback.ledger.outstanding import Standing
from handback.lifecycle.table import Account, State, Trigger
from handback.partners.codes import ReasonClass
from handback.payouts.states import BatchState
from handback_server._stubs.v1 import handback_files_pb2, ledger_pb2, lifecycle_pb2, payouts_pb2
from server.surface import FILES, RELEASED, surface

PROTO = Path(__file__).parents[2] / "proto" / "handback" / "v1"


def test_nothing_that_was_released_is_gone_or_changed() -> None:
    released: dict[str, str] = json.loads(RELEASED.read_text())
    now = surface()
    assert {path: now.get(path) for path in released} == released


@pytest.mark.parametrize(
    "change",
    [
        {"handback.v1.Redemption.5": "amount: int64"},
        {"handback.v1.Redemption.5": "quantity: int32"},
        {"handback.v1.RedemptionService/GetRedemption": "handback.v1.Other -> handback.v1.Other"},
        {"handback.v1.Trigger.4": "TRIGGER_APPROVE"},
    ],
)
def test_what_was_released_covers_names_types_and_numbers(change: dict[str, str]) -> None:
    released: dict[str, str] = json.loads(RELEASED.read_text())
    for path, changed in change.items():
        assert released[path] != changed
        assert path in surface()


def enums() -> Iterator[EnumDescriptor]:
    for file in FILES:
        yield from file.enum_types_by_name.values()


def test_enums_begin_with_unspecified_and_prefix_their_values() -> None:
    for enum in enums():
        prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper()
        assert enum.values_by_number[0].name == f"{prefix}_UNSPECIFIED"
        assert all(value.name.startswith(f"{prefix}_") for value in enum.values)


def test_every_method_has_a_request_and_a_response_of_its_own() -> None:
    for file in FILES:
        for service in file.services_by_name.values():
            assert service.name.endswith("Service")
            for method in service.methods:
                assert method.input_type.name == f"{method.name}Request"
                assert method.output_type.name == f"{method.name}Response"


def test_a_file_holds_one_service_at_most() -> None:
    assert all(len(file.services_by_name) <= 1 for file in FILES)
    assert all(file.package == "handback.v1" for file in FILES)


HEADED = ("UploadHandbackFile", "CheckHandbackFile", "DraftFormat")


def test_every_list_has_pages_and_every_request_its_programme() -> None:
    for file in FILES:
        for service in file.services_by_name.values():
            for method in service.methods:
                names = set(method.input_type.fields_by_name)
                if method.name.startswith("List"):
                    assert names >= {"page_size", "page_token"}
                    assert "next_page_token" in method.output_type.fields_by_name
                if method.name not in HEADED:  # their first message says on whose behalf
                    assert "programme" in names


def test_quantities_are_integers_and_nothing_is_a_float() -> None:
    floats = {FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE}
    for file in FILES:
        for message in file.message_types_by_name.values():
            for field in message.fields:
                assert field.type not in floats
                if field.name in {"quantity", "held", "fulfilled", "member", "count"}:
                    assert field.type == FieldDescriptor.TYPE_INT64


def test_everything_is_said_in_a_sentence() -> None:
    spoken = re.compile(r"^\s*// .*[.:;]$")
    declares = re.compile(r"^\s*(message|enum|service|rpc|oneof|[A-Z_]+ = \d|[\w.<>, ]+ = \d+;)")
    silent = []
    for path in sorted(PROTO.glob("*.proto")):
        before = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if declares.match(line) and not spoken.match(before) and "syntax" not in line:
                silent.append(f"{path.name}:{number} {line.strip()}")
            before = line
    assert not silent


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (State, lifecycle_pb2.RedemptionState),
        (Trigger, lifecycle_pb2.Trigger),
        (Account, lifecycle_pb2.Account),
        (Standing, ledger_pb2.OpenStanding),
        (By, ledger_pb2.LiabilityBy),
        (ReasonClass, lifecycle_pb2.ReasonClass),
        (CauseKind, lifecycle_pb2.CauseKind),
        (BatchState, payouts_pb2.PayoutBatchState),
        (FileState, handback_files_pb2.HandbackFileState),
        (Severity, handback_files_pb2.FindingSeverity),
    ],
)
def test_names_and_numbers_are_those_of_the_engine(
    ours: type[IntEnum], theirs: EnumTypeWrapper[int]
) -> None:
    prefix = theirs.Name(0).removesuffix("UNSPECIFIED")
    on_the_wire = {
        value.number: value.name.removeprefix(prefix)
        for value in theirs.DESCRIPTOR.values
        if value.number
    }
    assert on_the_wire == {int(member): member.name for member in ours if member}
