"""The commands about the ledger: their arguments, the method each calls, and what it answers."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from handback_client._stubs.v1 import ledger_pb2, lifecycle_pb2, payouts_pb2

RDM, BAT, HBF = "rdm_000000000000j", "bat_0000000000003", "hbf_0000000000005"
AT = Timestamp(seconds=1_774_958_400)  # 2026-03-31 12:00 UTC


def tally(count: int, quantity: int) -> payouts_pb2.Tally:
    return payouts_pb2.Tally(count=count, quantity=quantity)


LINE = ledger_pb2.Liability(
    partner="skyways",
    unit="miles",
    standing=2,
    total=tally(3, 9_500),
    buckets=[tally(1, 4_000), tally(1, 3_500), tally(0, 0), tally(0, 0), tally(1, 2_000)],
)
LIABILITY = ledger_pb2.ListLiabilityResponse(
    lines=[LINE], bucket_days=[7, 30, 60, 90], as_of=AT, position=12
)
OPEN = ledger_pb2.OpenRedemption(
    redemption_id=RDM,
    partner="skyways",
    unit="miles",
    member_ref="member-7",
    standing=2,
    batch_id=BAT,
    held=4_000,
    submitted_at=AT,
)
POSTING = ledger_pb2.Posting(
    redemption_id=RDM,
    version=3,
    partner="skyways",
    unit="miles",
    member_ref="member-7",
    trigger=lifecycle_pb2.TRIGGER_CONFIRM,
    debit=lifecycle_pb2.ACCOUNT_HELD,
    credit=lifecycle_pb2.ACCOUNT_FULFILLED,
    quantity=4_000,
    position=12,
    committed_at=AT,
    file_id=HBF,
    ordinal=17,
)
STATEMENT = ledger_pb2.ListMemberStatementResponse(
    opening=[ledger_pb2.MemberStanding(unit="miles", member=-4_000, held=4_000)],
    lines=[
        ledger_pb2.StatementLine(
            posting=POSTING,
            after=ledger_pb2.MemberStanding(unit="miles", member=-4_000, fulfilled=4_000),
        )
    ],
    closing=[ledger_pb2.MemberStanding(unit="miles", member=-4_000, fulfilled=4_000)],
)
INVOICE = ledger_pb2.GetPartnerStatementResponse(
    days=[
        ledger_pb2.StatementDay(
            on=f"2026-03-{day}",
            unit="miles",
            confirmed=tally(day, 1_000 * day),
            returned=tally(1, 500),
            adjusted=tally(1, 1),
            written_off=tally(0, 0),
            net=tally(day - 1, 1_000 * day - 500),
            after_position=day - 20,
            until_position=day - 10,
        )
        for day in (30, 31)
    ],
    time_zone="Europe/London",
    after_position=8,
    until_position=21,
)
PERIOD = ledger_pb2.Period(
    programme="aurora",
    number=3,
    name="2026-03",
    after_position=8,
    position=21,
    cut_at=AT,
    closed_at=AT,
    actor="ada",
)

LEDGER_CASES: dict[str, tuple[list[str], str, Any]] = {
    "ledger_liability": (
        ["ledger", "liability", "--partner", "skyways", "--period", "2026-03"],
        "ListLiability",
        LIABILITY,
    ),
    "ledger_cut-off": (
        ["ledger", "cut-off", "--at", "2026-03-31"],
        "ListLiability",
        LIABILITY,
    ),
    "ledger_open": (
        ["ledger", "open", "--batch", BAT, "--standing", "sent", "--max-days", "7"],
        "ListOpenRedemptions",
        ledger_pb2.ListOpenRedemptionsResponse(redemptions=[OPEN]),
    ),
    "ledger_postings": (
        ["ledger", "postings", "--account", "fulfilled", "--after-position", "8"],
        "ListPostings",
        ledger_pb2.ListPostingsResponse(postings=[POSTING]),
    ),
    "ledger_statement": (
        ["ledger", "statement", "member-7", "--from", "2026-03-01", "--to", "2026-03-31T12:00Z"],
        "ListMemberStatement",
        STATEMENT,
    ),
    "ledger_invoice": (
        ["ledger", "invoice", "skyways", "--period", "2026-03", "--zone", "Europe/London"],
        "GetPartnerStatement",
        INVOICE,
    ),
    "ledger_close": (
        ["ledger", "close", "2026-03", "--at", "2026-03-31"],
        "ClosePeriod",
        ledger_pb2.ClosePeriodResponse(period=PERIOD),
    ),
    "ledger_periods": (
        ["ledger", "periods"],
        "ListPeriods",
        ledger_pb2.ListPeriodsResponse(periods=[PERIOD]),
    ),
}
