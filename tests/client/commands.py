"""Every command with an answer of the server: what is typed, which method, which message."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from client.ledger_commands import LEDGER_CASES
from handback_client._stubs.v1 import (
    agreements_pb2,
    breaks_pb2,
    handback_files_pb2,
    ledger_pb2,
    lifecycle_pb2,
    payouts_pb2,
    redemptions_pb2,
    reports_pb2,
)

AT = Timestamp(seconds=1_772_452_800)  # noon UTC on 2 March 2026
RDM = "rdm_0000000000a3k"
HBF = "hbf_0000000000007"
BAT = "bat_0000000000003"
BRK = "brk_0000000000009"
COR = "cor_0000000000005"

REDEMPTION = lifecycle_pb2.Redemption(
    redemption_id=RDM,
    programme="aurora",
    partner="skyways",
    member_ref="member-7",
    quantity=12_000,
    unit="miles",
    state=4,
    attempt=1,
    version=3,
    held=12_000,
    submitted_at=AT,
)
EVENT = lifecycle_pb2.RedemptionEvent(
    redemption_id=RDM,
    version=3,
    trigger=5,
    from_state=2,
    to_state=4,
    attempt=1,
    reason_class=7,
    reason_code="0099",
    file_id=HBF,
    ordinal=2,
    partner="skyways",
    unit="miles",
    block_id="blk_000000000000c",
    committed_at=AT,
    cause=3,
    cause_id=HBF,
    actor="pickup",
    position=12,
    cursor="12",
)
CORRECTION = redemptions_pb2.Correction(
    correction_id=COR,
    programme="aurora",
    partner="skyways",
    member_ref="M-1",
    named_member="M-9",
    redemption_id=RDM,
    file_id=HBF,
    ordinal=2,
    reason_code="0001",
    raised_at=AT,
    acknowledged_at=AT,
    acknowledged_by="ada",
)
FILE = handback_files_pb2.HandbackFile(
    envelope="gzip",
    previous_file_id="hbf_0000000000005",
    file_id=HBF,
    programme="aurora",
    partner="skyways",
    file_name="SKY_20260302.csv",
    source="inbound/skyways",
    fingerprint="ab" * 32,
    size_bytes=2_048,
    state=2,
    verdict="TRUNCATED",
    agreement_version=1,
    record_count=20,
    finding_count=1,
    actor="pickup",
    received_at=AT,
)
BATCH = payouts_pb2.PayoutBatch(
    batch_id=BAT,
    programme="aurora",
    partner="skyways",
    unit="miles",
    sequence=3,
    agreement_version=1,
    state=3,
    record_count=20,
    quantity=240_000,
    file_name="SKY_20260301_000003.csv",
    fingerprint="cd" * 32,
    size_bytes=4_096,
    sealed_at=AT,
    delivered_at=AT,
    dispatched_at=AT,
    due_by=AT,
    deadline_at=AT,
)
RECALLED = payouts_pb2.PayoutBatch(
    batch_id=BAT,
    programme="aurora",
    partner="skyways",
    unit="miles",
    sequence=3,
    agreement_version=1,
    state=4,
    record_count=20,
    quantity=240_000,
    file_name="SKY_gold_000003.csv",
    split_value="gold",
    fingerprint="cd" * 32,
    size_bytes=4_096,
    sealed_at=AT,
    due_by=AT,
    recalled_at=AT,
    recalled_by="ada",
    recall_reason="wrong rate",
)
HOLD = payouts_pb2.PartnerHold(
    programme="aurora",
    partner="skyways",
    reason="the partner blames us, with code 0045",
    file_id=HBF,
    held_at=AT,
    held_by="reconcile",
)
RELEASED = payouts_pb2.PartnerHold(
    programme="aurora",
    partner="skyways",
    reason="their server moves",
    held_at=AT,
    held_by="ada",
    released_at=AT,
    released_by="grace",
    release_comment="it has moved",
)
RUNS = reports_pb2.Report(
    name="runs",
    sentence="What became of hand-back files.",
    parameters=[
        reports_pb2.ReportParameter(
            name="file",
            kind=reports_pb2.REPORT_PARAMETER_KIND_ID,
            sentence="Only this one.",
            required=True,
        ),
        reports_pb2.ReportParameter(
            name="by",
            kind=reports_pb2.REPORT_PARAMETER_KIND_TEXT,
            sentence="By what.",
            default_text="day",
            choices=["day", "week"],
        ),
    ],
    columns=[
        reports_pb2.ReportColumn(
            name="records",
            kind=reports_pb2.REPORT_COLUMN_KIND_INTEGER,
            sentence="What was in it.",
            total=True,
        )
    ],
    drills=[
        reports_pb2.ReportDrill(
            figures=["records"], report="records", columns={"file": "file_id"}, kept=["zone"]
        )
    ],
)
BREAK = breaks_pb2.Break(
    break_id=BRK,
    programme="aurora",
    partner="skyways",
    kind="unknown_reference",
    file_id=HBF,
    ordinal=4,
    quantity=500,
    reason_code="0000",
    reason_class=1,
    raw="HB1;0000\t500\x1b[31m",
    facts={"reference": "HB1"},
    severity="normal",
    owner="grace",
    age_s=3_600,
    opened_at=AT,
    due_at=AT,
)
PROPOSED = breaks_pb2.Break(
    break_id=BRK,
    programme="aurora",
    partner="skyways",
    kind="contradiction",
    severity="critical",
    redemption_id=RDM,
    opened_at=AT,
    due_at=AT,
    proposal=breaks_pb2.Proposal(
        number=2,
        decision="confirm",
        redemption_id=RDM,
        quantity=12_000,
        actor="ada",
        comment="the statement has it",
        proposed_at=AT,
    ),
)
NOTE = breaks_pb2.BreakNote(number=1, kind="assigned", actor="ada", text="grace", at=AT)
AGREEMENT = agreements_pb2.Agreement(
    programme="aurora",
    partner="skyways",
    version=2,
    source='programme = "aurora"\npartner = "skyways"\n',
    content_hash="ef" * 32,
    actor="ada",
    applied_at=AT,
)
PARTNER = agreements_pb2.Partner(
    programme="aurora", partner="skyways", agreement_version=2, created_at=AT
)
BALANCE = ledger_pb2.Balance(
    programme="aurora", partner="skyways", unit="miles", member=-9_000, held=4_000, fulfilled=5_000
)
FINDING = handback_files_pb2.Finding(
    number=1, ordinal=0, line=21, code="TRAILER_MISSING", severity=3, message="no trailer", raw="x"
)

SUBMIT = (
    *("--partner", "skyways", "--member", "member-7"),
    *("--quantity", "12000", "--unit", "miles"),
)

CASES: dict[str, tuple[list[str], str, Any]] = {
    "submit": (
        ["submit", *SUBMIT, "--field", "surname=Lovelace", "--key", "order-1"],
        "SubmitRedemption",
        redemptions_pb2.SubmitRedemptionResponse(redemption=REDEMPTION),
    ),
    "get": (
        ["get", RDM],
        "GetRedemption",
        redemptions_pb2.GetRedemptionResponse(redemption=REDEMPTION),
    ),
    "list": (
        ["list", "--partner", "skyways", "--member", "member-7", "--state", "rejected"],
        "ListRedemptions",
        redemptions_pb2.ListRedemptionsResponse(redemptions=[REDEMPTION, REDEMPTION]),
    ),
    "history": (
        ["history", RDM],
        "ListRedemptionEvents",
        redemptions_pb2.ListRedemptionEventsResponse(events=[EVENT]),
    ),
    "cancel": (
        ["cancel", RDM, "--comment", "too late", "--key", "k"],
        "CancelRedemption",
        redemptions_pb2.CancelRedemptionResponse(redemption=REDEMPTION),
    ),
    "retry": (
        ["retry", RDM, "--comment", "again", "--key", "k"],
        "RetryRedemption",
        redemptions_pb2.RetryRedemptionResponse(redemption=REDEMPTION, replayed=True),
    ),
    "fail": (
        ["fail", RDM, "--comment", "given up", "--key", "k"],
        "FailRedemption",
        redemptions_pb2.FailRedemptionResponse(redemption=REDEMPTION),
    ),
    "files_list": (
        ["files", "list", "--partner", "skyways", "--state", "quarantined"],
        "ListHandbackFiles",
        handback_files_pb2.ListHandbackFilesResponse(files=[FILE]),
    ),
    "files_show": (
        ["files", "show", HBF],
        "GetHandbackFile",
        handback_files_pb2.GetHandbackFileResponse(file=FILE),
    ),
    "files_findings": (
        ["files", "findings", HBF],
        "ListFindings",
        handback_files_pb2.ListFindingsResponse(findings=[FINDING]),
    ),
    "files_record": (
        ["files", "record", HBF, "5"],
        "GetRecord",
        handback_files_pb2.GetRecordResponse(
            record=handback_files_pb2.FileRecord(
                ordinal=5,
                line=6,
                reference="HB000000000000040168",
                member_ref="member-7",
                code="0301",
                quantity=12_000,
                raw="D,HB000000000000040168,member-7,12000,0301",
            ),
            lines=[
                handback_files_pb2.FileLine(line=5, content=b"D,HB1,member-6,1,0000"),
                handback_files_pb2.FileLine(
                    line=6, content=b"D,HB000000000000040168,member-7,12000,0301", cut_bytes=7
                ),
            ],
        ),
    ),
    "files_release": (
        ["files", "release", HBF, "--comment", "the partner confirmed it", "--key", "k"],
        "ReleaseHandbackFile",
        handback_files_pb2.ReleaseHandbackFileResponse(file=FILE),
    ),
    "files_discard": (
        ["files", "discard", HBF, "--comment", "a test file", "--key", "k"],
        "DiscardHandbackFile",
        handback_files_pb2.DiscardHandbackFileResponse(file=FILE),
    ),
    "files_replay": (
        ["files", "replay", HBF, "--agreement-version", "2", "--key", "k"],
        "ReplayHandbackFile",
        handback_files_pb2.ReplayHandbackFileResponse(file=FILE),
    ),
    "correction_list": (
        ["correction", "list", "--partner", "skyways", "--member", "M-1", "--all"],
        "ListCorrections",
        redemptions_pb2.ListCorrectionsResponse(corrections=[CORRECTION]),
    ),
    "correction_acknowledge": (
        ["correction", "acknowledge", COR, "--comment", "told the member", "--key", "k"],
        "AcknowledgeCorrection",
        redemptions_pb2.AcknowledgeCorrectionResponse(correction=CORRECTION),
    ),
    "breaks_list": (
        [
            *("breaks", "list", "--kind", "unknown_reference", "--file", HBF, "--all"),
            *("--severity", "normal", "--owner", "grace", "--overdue"),
        ],
        "ListBreaks",
        breaks_pb2.ListBreaksResponse(breaks=[BREAK]),
    ),
    "breaks_show": (
        ["breaks", "show", BRK],
        "GetBreak",
        breaks_pb2.GetBreakResponse(
            found_break=BREAK,
            history=[NOTE],
            evidence=breaks_pb2.BreakEvidence(
                reference="HB1",
                line=5,
                agreement_version=2,
                file=FILE,
                findings=[FINDING],
                earlier=[BREAK],
            ),
        ),
    ),
    "breaks_assign": (
        ["breaks", "assign", BRK, "grace", "--key", "k"],
        "AssignBreak",
        breaks_pb2.AssignBreakResponse(assigned_break=BREAK),
    ),
    "breaks_comment": (
        ["breaks", "comment", BRK, "asked the partner", "--key", "k"],
        "CommentBreak",
        breaks_pb2.CommentBreakResponse(commented_break=BREAK),
    ),
    "breaks_resolve": (
        [
            *("breaks", "resolve", "confirm", BRK, "--quantity", "12000"),
            *("--comment", "the statement has it", "--key", "k"),
        ],
        "ResolveBreaks",
        breaks_pb2.ResolveBreaksResponse(
            outcomes=[
                breaks_pb2.ResolveOutcome(break_id=BRK, resolved_break=PROPOSED, proposed=True)
            ]
        ),
    ),
    "breaks_approve": (
        ["breaks", "approve", BRK, "2", "--comment", "so it is", "--key", "k"],
        "ApproveResolution",
        breaks_pb2.ApproveResolutionResponse(closed_break=BREAK),
    ),
    "breaks_decline": (
        ["breaks", "decline", BRK, "2", "--comment", "not so", "--key", "k"],
        "DeclineResolution",
        breaks_pb2.DeclineResolutionResponse(open_break=PROPOSED),
    ),
    "breaks_reopen": (
        ["breaks", "reopen", BRK, "--comment", "it came again", "--key", "k"],
        "ReopenBreak",
        breaks_pb2.ReopenBreakResponse(open_break=BREAK),
    ),
    "breaks_dismiss": (
        ["breaks", "dismiss", BRK, "--comment", "a test file", "--key", "k"],
        "DismissBreak",
        breaks_pb2.DismissBreakResponse(closed_break=BREAK),
    ),
    "batches_list": (
        ["batches", "list", "--partner", "skyways", "--state", "dispatched"],
        "ListPayoutBatches",
        payouts_pb2.ListPayoutBatchesResponse(batches=[BATCH]),
    ),
    "batches_show": (
        ["batches", "show", BAT],
        "GetPayoutBatch",
        payouts_pb2.GetPayoutBatchResponse(batch=BATCH),
    ),
    "batches_gather": (
        ["batches", "gather", "skyways"],
        "GatherPayoutBatches",
        payouts_pb2.GatherPayoutBatchesResponse(batches=[BATCH]),
    ),
    "batches_recall": (
        ["batches", "recall", BAT, "--comment", "wrong rate", "--key", "k"],
        "RecallPayoutBatch",
        payouts_pb2.RecallPayoutBatchResponse(batch=RECALLED),
    ),
    "batches_resend": (
        ["batches", "resend", BAT, "--as", "SKY_again.csv", "--comment", "lost", "--key", "k"],
        "ResendPayoutBatch",
        payouts_pb2.ResendPayoutBatchResponse(batch=BATCH, replayed=True),
    ),
    "report_list": (
        ["report", "list"],
        "ListReports",
        reports_pb2.ListReportsResponse(reports=[RUNS]),
    ),
    "report_show": (
        ["report", "show", "runs"],
        "ListReports",
        reports_pb2.ListReportsResponse(reports=[RUNS]),
    ),
    "partner_list": (
        ["partner", "list"],
        "ListPartners",
        agreements_pb2.ListPartnersResponse(partners=[PARTNER]),
    ),
    "partner_show": (
        ["partner", "show", "skyways", "--version", "2"],
        "GetAgreement",
        agreements_pb2.GetAgreementResponse(agreement=AGREEMENT),
    ),
    "partner_hold": (
        ["partner", "hold", "skyways", "--comment", "their server moves", "--key", "k"],
        "HoldPartner",
        payouts_pb2.HoldPartnerResponse(hold=HOLD),
    ),
    "partner_release": (
        ["partner", "release", "skyways", "--comment", "it has moved", "--key", "k"],
        "ReleasePartner",
        payouts_pb2.ReleasePartnerResponse(hold=RELEASED),
    ),
    "partner_holds": (
        ["partner", "holds", "skyways"],
        "ListPartnerHolds",
        payouts_pb2.ListPartnerHoldsResponse(holds=[HOLD, RELEASED]),
    ),
    "partner_versions": (
        ["partner", "versions", "skyways"],
        "ListAgreementVersions",
        agreements_pb2.ListAgreementVersionsResponse(agreements=[AGREEMENT]),
    ),
    "ledger_balances": (
        ["ledger", "balances", "--partner", "skyways", "--unit", "miles", "--at-position", "12"],
        "ListBalances",
        ledger_pb2.ListBalancesResponse(balances=[BALANCE]),
    ),
    **LEDGER_CASES,
}
