"""Whatever a caller writes into a request, it is told so, and never that the server failed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from handback_server._stubs.v1 import (
    agreements_pb2,
    breaks_pb2,
    events_pb2,
    formats_pb2,
    handback_files_pb2,
    ledger_pb2,
    redemptions_pb2,
)
from handback_server.paging import page_of
from server.calls import PARTNER, PROGRAMME, Callers, reason_of, refused, submission
from server.surface import FILES

pytestmark = pytest.mark.usefixtures("partner")

GOOD = {
    "programme": PROGRAMME,
    "partner": PARTNER,
    "request_key": "k",
    "comment": "c",
    "redemption_id": "rdm_0000000000001",
    "file_id": "hbf_0000000000001",
    "batch_id": "bat_0000000000001",
    "break_id": "brk_0000000000001",
    "correction_id": "cor_0000000000001",
}
EXTREMES = (-(2**31), 2**31 - 1, -(2**63), 2**63 - 1)
METHODS = [
    method
    for file in FILES
    for service in file.services_by_name.values()
    for method in service.methods
    if not (method.client_streaming or method.server_streaming)
]


def requests(method: MethodDescriptor) -> Iterator[tuple[str, Message]]:
    """Requests of a method, in each of which one text or number is rubbish."""
    for field in method.input_type.fields:
        values: tuple[object, ...] = ()
        if field.type == FieldDescriptor.TYPE_STRING:
            values = ("a\0b", "\ufffd" * 10, " ")
        elif field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64):
            values = EXTREMES
        for value in values:
            request = GetMessageClass(method.input_type)()
            for name in GOOD.keys() & method.input_type.fields_by_name.keys():
                setattr(request, name, GOOD[name])
            try:
                if field.is_repeated:
                    getattr(request, field.name).append(value)
                else:
                    setattr(request, field.name, value)
            except ValueError:
                continue  # the wire has no place for it
            yield f"{field.name}={value!r}", request


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
async def test_no_rubbish_is_a_mistake_of_ours(method: MethodDescriptor, callers: Callers) -> None:
    call = callers.channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    ours = []
    for said, request in requests(method):
        try:
            await call(request)
        except grpc.aio.AioRpcError as failure:
            if failure.code() is grpc.StatusCode.INTERNAL:
                ours.append(said)
    assert not ours


async def test_a_nul_is_named_wherever_it_stands(callers: Callers) -> None:
    nul = "a\0b"
    many = ledger_pb2.ListPostingsRequest(
        programme=PROGRAMME, member_ref=nul, stretch=ledger_pb2.Stretch(period=nul)
    )
    async with refused() as told:
        await callers.ledger.ListPostings(many)
    assert (told.reason, sorted(told.fields)) == (
        "INVALID_REQUEST",
        ["member_ref", "stretch.period"],
    )
    kinds = breaks_pb2.ListBreaksRequest(programme=PROGRAMME, kinds=["review", nul])
    async with refused() as told:
        await callers.breaks.ListBreaks(kinds)
    assert told.fields == ["kinds"]
    submit = redemptions_pb2.SubmitRedemptionRequest(
        programme=PROGRAMME, submission=submission("k", fields={"surname": nul})
    )
    async with refused() as told:
        await callers.redemptions.SubmitRedemption(submit)
    assert told.fields == ["submission.fields.surname"]


async def test_a_nul_begins_no_stream(callers: Callers) -> None:
    header = handback_files_pb2.HandbackFileHeader(
        programme=PROGRAMME, request_key="k", partner="a\0b", file_name="x"
    )
    upload = [handback_files_pb2.UploadHandbackFileRequest(header=header)]
    assert await reason_of(callers.files.UploadHandbackFile(upload)) == "INVALID_REQUEST"
    check = formats_pb2.FileCheckHeader(programme=PROGRAMME, partner="a\0b", file_name="x")
    tried = [formats_pb2.CheckHandbackFileRequest(header=check)]
    assert await reason_of(callers.formats.CheckHandbackFile(tried)) == "INVALID_REQUEST"
    watch = events_pb2.WatchRequest(programme=PROGRAMME, partners=["a\0b"])
    assert await reason_of(callers.events.Watch(watch).read()) == "INVALID_REQUEST"


async def test_a_nul_in_one_of_many_refuses_that_one(callers: Callers) -> None:
    one, other = submission("one", member_ref="a\0b"), submission("other")
    asked = redemptions_pb2.SubmitRedemptionsRequest(programme=PROGRAMME, submissions=[one, other])
    answer = await callers.redemptions.SubmitRedemptions([asked]).read()
    assert isinstance(answer, redemptions_pb2.SubmitRedemptionsResponse)
    assert [outcome.HasField("error") for outcome in answer.outcomes] == [True, False]


@pytest.mark.parametrize("place", ["true", "-1", "9" * 20, "[" * 90_000, '"x"', "null", "1.5"])
async def test_a_number_made_up_is_no_page(callers: Callers, place: str) -> None:
    request = redemptions_pb2.ListRedemptionsRequest(programme=PROGRAMME)
    token = page_of(request, 0).asked + place.encode()
    request.page_token = base64.urlsafe_b64encode(token).decode()
    assert await reason_of(callers.redemptions.ListRedemptions(request)) == "INVALID_REQUEST"


@pytest.mark.parametrize("place", [["a\0b"], [1], ["a", "b"], []])
async def test_a_name_made_up_is_no_page(callers: Callers, place: list[object]) -> None:
    request = agreements_pb2.ListPartnersRequest(programme=PROGRAMME)
    token = page_of(request, [""]).asked + json.dumps(place).encode()
    request.page_token = base64.urlsafe_b64encode(token).decode()
    assert await reason_of(callers.agreements.ListPartners(request)) == "INVALID_REQUEST"
