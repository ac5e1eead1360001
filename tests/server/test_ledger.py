"""LedgerService over the wire, on both stores: what nobody sane asks is refused, or answered."""

from __future__ import annotations

import base64
import json

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from handback_server._stubs.v1 import ledger_pb2
from handback_server.paging import ListRequest, page_of
from server.calls import PROGRAMME, Callers, reason_of, refused

pytestmark = pytest.mark.usefixtures("partner")

FIRST_INSTANT = Timestamp(seconds=-62_135_596_800)
BEYOND = "9" * 19


def forged(request: ListRequest, place: list[str]) -> str:
    """A token of a request's list for a place of one's own."""
    asked = page_of(request, [""]).asked
    return base64.urlsafe_b64encode(asked + json.dumps(place).encode()).decode()


@pytest.mark.parametrize(
    ("by", "place"),
    [
        (ledger_pb2.LIABILITY_BY_MEMBER, ["many", "M", "miles"]),
        (ledger_pb2.LIABILITY_BY_MEMBER, [BEYOND, "M", "miles"]),
        (ledger_pb2.LIABILITY_BY_MEMBER, ["", "M", "miles"]),
        (ledger_pb2.LIABILITY_BY_STANDING, ["skyways", "miles", "due"]),
    ],
)
async def test_a_place_of_ones_own_is_no_page_of_the_liability(
    callers: Callers, by: ledger_pb2.LiabilityBy.ValueType, place: list[str]
) -> None:
    request = ledger_pb2.ListLiabilityRequest(programme=PROGRAMME, by=by)
    request.page_token = forged(request, place)
    assert await reason_of(callers.ledger.ListLiability(request)) == "INVALID_REQUEST"


async def test_a_place_beyond_all_numbers_is_no_page_of_what_is_open(callers: Callers) -> None:
    request = ledger_pb2.ListOpenRedemptionsRequest(programme=PROGRAMME)
    request.page_token = forged(request, ["0", BEYOND])
    assert await reason_of(callers.ledger.ListOpenRedemptions(request)) == "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("ages", "fields"),
    [
        ({"min_days": -1}, ["min_days"]),
        ({"min_days": 0, "max_days": 36_501}, ["max_days"]),
        ({"min_days": -1, "max_days": -1}, ["min_days", "max_days"]),
    ],
)
async def test_ages_that_nothing_has_are_told_by_name(
    callers: Callers, ages: dict[str, int], fields: list[str]
) -> None:
    request = ledger_pb2.ListOpenRedemptionsRequest(programme=PROGRAMME, **ages)
    async with refused() as told:
        await callers.ledger.ListOpenRedemptions(request)
    assert (told.reason, told.fields) == ("INVALID_REQUEST", fields)


async def test_nothing_was_owed_at_the_first_instant(callers: Callers) -> None:
    await callers.submit_many(2)
    lines = ledger_pb2.ListLiabilityRequest(
        programme=PROGRAMME, at=FIRST_INSTANT, bucket_days=[36_500]
    )
    assert not (await callers.ledger.ListLiability(lines)).lines
    those = ledger_pb2.ListOpenRedemptionsRequest(
        programme=PROGRAMME, at=FIRST_INSTANT, min_days=1, max_days=36_500
    )
    assert not (await callers.ledger.ListOpenRedemptions(those)).redemptions
