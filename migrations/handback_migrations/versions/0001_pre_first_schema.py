"""The first schema: programmes and partners, redemptions, payouts, hand-back files, the journal."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from handback_migrations.columns import big, binary, instant, key, small, text, whole

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Clustered by primary key on SQLite: one B-tree instead of two.
_CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}

_TABLES: Final = (
    "id_range",
    "programme",
    "unit",
    "partner",
    "agreement_version",
    "redemption",
    "member_detail",
    "former_detail",
    "remainder",
    "correction",
    "trace_link",
    "request",
    "due",
    "payout_batch",
    "partner_hold",
    "attempt",
    "normal_form",
    "normal_reference",
    "block",
    "block_total",
    "balance_snapshot",
    "milestone",
    "period",
    "period_balance",
    "event",
    "handback_file",
    "finding",
    "search_part",
    "run_chunk",
    "break",
    "break_note",
    "break_bulk",
    "break_proposal",
)


def upgrade() -> None:
    """Create everything, in an empty database."""
    _names()
    _redemptions()
    _remainders_and_corrections()
    _payouts()
    _holds()
    _attempts()
    _journal()
    _ledger()
    _periods()
    _files()
    _runs()
    _breaks()


def downgrade() -> None:
    """Drop everything."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _names() -> None:
    op.create_table(
        "id_range",
        text("name"),
        big("next_id"),
        sa.PrimaryKeyConstraint("name", name="pk_id_range"),
    )
    op.create_table(
        "programme",
        key("programme_id"),
        text("name"),
        instant("created_at"),
        sa.PrimaryKeyConstraint("programme_id", name="pk_programme"),
        sa.UniqueConstraint("name", name="uq_programme_name"),
    )
    op.create_table(
        "unit",
        key("unit_id"),
        text("name"),
        sa.PrimaryKeyConstraint("unit_id", name="pk_unit"),
        sa.UniqueConstraint("name", name="uq_unit_name"),
    )
    op.create_table(
        "partner",
        key("partner_id"),
        big("programme_id"),
        text("name"),
        instant("created_at"),
        sa.PrimaryKeyConstraint("partner_id", name="pk_partner"),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.programme_id"], name="fk_partner_programme"
        ),
        sa.UniqueConstraint("programme_id", "name", name="uq_partner_programme_name"),
    )
    op.create_table(
        "agreement_version",
        big("partner_id"),
        whole("version"),
        binary("content_hash"),
        text("source"),
        text("builtins"),
        text("actor"),
        instant("applied_at"),
        sa.PrimaryKeyConstraint("partner_id", "version", name="pk_agreement_version"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_agreement_version_partner"
        ),
    )


def _redemptions() -> None:
    op.create_table(
        "redemption",
        key("redemption_id"),
        big("programme_id"),
        big("partner_id"),
        big("unit_id"),
        big("quantity"),
        instant("submitted_at"),
        small("state"),
        small("attempt"),
        whole("version"),
        big("held"),
        big("fulfilled"),
        text("member_ref"),
        sa.PrimaryKeyConstraint("redemption_id", name="pk_redemption"),
        # Room for another version of every row in its page, and for what points to it.
        postgresql_with={"fillfactor": 48},
    )
    op.create_index(
        "ix_redemption_member", "redemption", ["programme_id", "member_ref", "redemption_id"]
    )
    op.create_index("ix_redemption_programme", "redemption", ["programme_id", "redemption_id"])
    op.create_table(
        "member_detail",
        key("redemption_id"),
        text("fields"),
        sa.PrimaryKeyConstraint("redemption_id", name="pk_member_detail"),
    )
    op.create_table(
        "former_detail",
        big("redemption_id"),
        whole("version"),
        text("member_ref"),
        text("fields", null=True),
        text("changed"),
        sa.PrimaryKeyConstraint("redemption_id", "version", name="pk_former_detail"),
        **_CLUSTERED,
    )
    op.create_table(
        "trace_link",
        key("redemption_id"),
        text("trace_context"),
        sa.PrimaryKeyConstraint("redemption_id", name="pk_trace_link"),
    )
    op.create_table(
        "request",
        big("programme_id"),
        text("request_key"),
        binary("content_hash"),
        big("subject_id"),
        whole("version"),
        text("comment", null=True),
        instant("created_at"),
        sa.PrimaryKeyConstraint("programme_id", "request_key", name="pk_request"),
        **_CLUSTERED,
    )
    _partial_index(
        "ix_request_comment", "request", ["subject_id", "version"], "comment is not null"
    )


def _remainders_and_corrections() -> None:
    op.create_table(
        "remainder",
        key("redemption_id"),
        big("origin_id"),
        small("attempt"),
        sa.PrimaryKeyConstraint("redemption_id", name="pk_remainder"),
    )
    op.create_index("ix_remainder_origin", "remainder", ["origin_id"])
    op.create_table(
        "correction",
        key("correction_id"),
        big("programme_id"),
        big("partner_id"),
        binary("identity"),
        text("member_ref"),
        text("named_member", null=True),
        big("redemption_id"),
        big("file_id", null=True),
        big("ordinal", null=True),
        text("reason_code", null=True),
        instant("raised_at"),
        instant("acknowledged_at", null=True),
        text("acknowledged_by", null=True),
        sa.PrimaryKeyConstraint("correction_id", name="pk_correction"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_correction_partner"
        ),
        sa.UniqueConstraint("partner_id", "identity", name="uq_correction_identity"),
    )
    op.create_index("ix_correction_programme", "correction", ["programme_id", "correction_id"])
    _partial_index(
        "ix_correction_open", "correction", ["partner_id", "member_ref"], "acknowledged_at is null"
    )


def _payouts() -> None:
    op.create_table(
        "due",
        key("redemption_id"),
        big("partner_id"),
        big("unit_id"),
        instant("due_at"),
        small("same_reference"),
        small("recalled", null=True),
        sa.PrimaryKeyConstraint("redemption_id", name="pk_due"),
    )
    op.create_index("ix_due_partner", "due", ["partner_id", "unit_id", "due_at", "redemption_id"])
    op.create_table(
        "payout_batch",
        key("batch_id"),
        big("programme_id"),
        big("partner_id"),
        big("unit_id"),
        big("sequence"),
        whole("agreement_version"),
        small("state"),
        big("record_count"),
        big("quantity"),
        text("file_name"),
        binary("fingerprint"),
        big("size_bytes"),
        text("split_value", null=True),
        text("trace_context", null=True),
        instant("due_by"),
        instant("sealed_at"),
        instant("leaving_at", null=True),
        instant("delivered_at", null=True),
        instant("dispatched_at", null=True),
        instant("deadline_at", null=True),
        big("answered_to", null=True),
        instant("settled_at", null=True),
        instant("recalled_at", null=True),
        text("recalled_by", null=True),
        text("recall_reason", null=True),
        instant("resent_at", null=True),
        text("resent_by", null=True),
        text("resent_as", null=True),
        sa.PrimaryKeyConstraint("batch_id", name="pk_payout_batch"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_payout_batch_partner"
        ),
        sa.UniqueConstraint("partner_id", "sequence", name="uq_payout_batch_sequence"),
    )
    op.create_index("ix_payout_batch_fingerprint", "payout_batch", ["fingerprint"])
    op.create_index("ix_payout_batch_state", "payout_batch", ["state", "batch_id"])
    op.create_index("ix_payout_batch_day", "payout_batch", ["partner_id", "due_by"])
    _partial_index(
        "ix_payout_batch_deadline", "payout_batch", ["deadline_at"], "settled_at is null"
    )
    _partial_index(
        "ix_payout_batch_open", "payout_batch", ["programme_id", "batch_id"], "settled_at is null"
    )


def _holds() -> None:
    op.create_table(
        "partner_hold",
        key("hold_id"),
        big("partner_id"),
        big("file_id", null=True),
        text("reason"),
        instant("held_at"),
        text("held_by"),
        instant("released_at", null=True),
        text("released_by", null=True),
        text("release_comment", null=True),
        sa.PrimaryKeyConstraint("hold_id", name="pk_partner_hold"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_partner_hold_partner"
        ),
    )
    op.create_index(
        "uq_partner_hold_open",
        "partner_hold",
        ["partner_id"],
        unique=True,
        postgresql_where=sa.text("released_at is null"),
        sqlite_where=sa.text("released_at is null"),
    )


def _attempts() -> None:
    op.create_table(
        "attempt",
        big("redemption_id"),
        big("partner_id"),
        big("batch_id"),
        big("quantity"),
        whole("ordinal"),
        small("attempt"),
        text("reference", null=True),
        sa.PrimaryKeyConstraint("redemption_id", "attempt", name="pk_attempt"),
        sa.UniqueConstraint("batch_id", "ordinal", name="uq_attempt_batch_ordinal"),
        **_CLUSTERED,
    )
    _partial_index(
        "ix_attempt_reference", "attempt", ["partner_id", "reference"], "reference is not null"
    )
    op.create_table(
        "normal_form",
        big("partner_id"),
        big("form"),
        big("up_to"),
        whole("ordinal"),
        sa.PrimaryKeyConstraint("partner_id", "form", name="pk_normal_form"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_normal_form_partner"
        ),
    )
    op.create_table(
        "normal_reference",
        big("redemption_id"),
        big("partner_id"),
        big("form"),
        small("attempt"),
        text("reference"),
        sa.PrimaryKeyConstraint(
            "partner_id",
            "form",
            "reference",
            "redemption_id",
            "attempt",
            name="pk_normal_reference",
        ),
        **_CLUSTERED,
    )


def _journal() -> None:
    op.create_table(
        "block",
        key("block_id", sa.Identity()),
        big("position", null=True),
        small("cause_kind"),
        big("cause_id", null=True),
        text("actor"),
        instant("committed_at"),
        text("trace_context", null=True),
        whole("event_count"),
        binary("root", null=True),
        sa.PrimaryKeyConstraint("block_id", name="pk_block"),
    )
    op.create_index("uq_block_position", "block", ["position"], unique=True)
    _partial_index("ix_block_unsequenced", "block", ["block_id"], "position is null")
    _partial_index(
        "ix_block_cause", "block", ["cause_kind", "cause_id", "block_id"], "cause_id is not null"
    )
    op.create_index("ix_block_committed", "block", ["committed_at", "block_id"])
    op.create_table(
        "event",
        big("redemption_id"),
        big("block_id"),
        big("quantity"),
        whole("version"),
        small("trigger"),
        small("from_state"),
        small("to_state"),
        small("attempt"),
        small("reason_class"),
        big("file_id", null=True),
        big("ordinal", null=True),
        text("reason_code", null=True),
        sa.PrimaryKeyConstraint("redemption_id", "version", name="pk_event"),
        **_CLUSTERED,
    )
    op.create_index(
        "ix_event_block",
        "event",
        ["block_id"],
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 16, "autosummarize": "on"},
    )


def _ledger() -> None:
    op.create_table(
        "block_total",
        big("block_id"),
        big("programme_id"),
        big("partner_id"),
        big("unit_id"),
        small("account"),
        big("delta"),
        big("redemptions"),
        sa.PrimaryKeyConstraint(
            "block_id", "programme_id", "partner_id", "unit_id", "account", name="pk_block_total"
        ),
        sa.ForeignKeyConstraint(["block_id"], ["block.block_id"], name="fk_block_total_block"),
        **_CLUSTERED,
    )
    op.create_table(
        "balance_snapshot",
        big("position"),
        big("programme_id"),
        big("partner_id"),
        big("unit_id"),
        small("account"),
        big("quantity"),
        big("redemptions"),
        sa.PrimaryKeyConstraint(
            "position",
            "programme_id",
            "partner_id",
            "unit_id",
            "account",
            name="pk_balance_snapshot",
        ),
        **_CLUSTERED,
    )
    op.create_table(
        "milestone",
        key("position"),
        instant("latest_at"),
        sa.PrimaryKeyConstraint("position", name="pk_milestone"),
    )
    op.create_index("ix_milestone_latest", "milestone", ["latest_at", "position"])


def _periods() -> None:
    op.create_table(
        "period",
        big("programme_id"),
        whole("number"),
        text("name"),
        big("position"),
        instant("cut_at"),
        instant("closed_at"),
        text("actor"),
        sa.PrimaryKeyConstraint("programme_id", "number", name="pk_period"),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.programme_id"], name="fk_period_programme"
        ),
        sa.UniqueConstraint("programme_id", "name", name="uq_period_name"),
    )
    op.create_table(
        "period_balance",
        big("programme_id"),
        whole("number"),
        big("partner_id"),
        big("unit_id"),
        small("account"),
        big("quantity"),
        big("redemptions"),
        sa.PrimaryKeyConstraint(
            "programme_id", "number", "partner_id", "unit_id", "account", name="pk_period_balance"
        ),
        sa.ForeignKeyConstraint(
            ["programme_id", "number"],
            ["period.programme_id", "period.number"],
            name="fk_period_balance_period",
        ),
        **_CLUSTERED,
    )


def _files() -> None:
    op.create_table(
        "handback_file",
        key("file_id"),
        big("programme_id"),
        big("partner_id"),
        text("name"),
        text("source"),
        text("landing_key"),
        binary("fingerprint"),
        big("size_bytes"),
        text("envelope", null=True),
        small("state"),
        text("verdict", null=True),
        big("repeats_file_id", null=True),
        big("previous_file_id", null=True),
        whole("agreement_version", null=True),
        text("file_sequence", null=True),
        big("sequence_number", null=True),
        text("message_id", null=True),
        big("record_count", null=True),
        big("finding_count", null=True),
        text("discard_asked_by", null=True),
        text("actor"),
        text("trace_context", null=True),
        instant("received_at"),
        instant("closed_at", null=True),
        instant("removed_at", null=True),
        sa.PrimaryKeyConstraint("file_id", name="pk_handback_file"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_handback_file_partner"
        ),
    )
    op.create_index("ix_handback_file_fingerprint", "handback_file", ["partner_id", "fingerprint"])
    op.create_index("ix_handback_file_state", "handback_file", ["state", "file_id"])
    op.create_index("ix_handback_file_partner", "handback_file", ["partner_id", "file_id"])
    op.create_index("ix_handback_file_received", "handback_file", ["partner_id", "received_at"])
    for index, *columns in (
        ("name", "partner_id", "name", "file_id"),
        ("sequence", "partner_id", "file_sequence"),
        ("order", "partner_id", "sequence_number", "file_id"),
        ("message", "partner_id", "message_id"),
        ("landing", "landing_key"),
    ):
        op.create_index(f"ix_handback_file_{index}", "handback_file", columns)
    kept = sa.text("removed_at is null")
    op.create_index(
        "ix_handback_file_kept",
        "handback_file",
        ["partner_id", "received_at"],
        postgresql_where=kept,
        sqlite_where=kept,
    )


def _runs() -> None:
    op.create_table(
        "finding",
        big("file_id"),
        whole("number"),
        big("ordinal"),
        big("line", null=True),
        text("field", null=True),
        text("code"),
        small("severity"),
        text("message"),
        text("raw", null=True),
        sa.PrimaryKeyConstraint("file_id", "number", name="pk_finding"),
        sa.ForeignKeyConstraint(["file_id"], ["handback_file.file_id"], name="fk_finding_file"),
    )
    op.create_table(
        "search_part",
        big("file_id"),
        whole("stretch"),
        binary("verdicts"),
        sa.PrimaryKeyConstraint("file_id", "stretch", name="pk_search_part"),
        sa.ForeignKeyConstraint(["file_id"], ["handback_file.file_id"], name="fk_search_part_file"),
    )
    op.create_table(
        "run_chunk",
        big("file_id"),
        whole("chunk"),
        big("block_id", null=True),
        big("records"),
        big("events"),
        big("repeats"),
        big("breaks"),
        big("rejects"),
        big("records_quantity"),
        big("events_quantity"),
        big("repeats_quantity"),
        big("breaks_quantity"),
        big("rejects_quantity"),
        instant("applied_at"),
        sa.PrimaryKeyConstraint("file_id", "chunk", name="pk_run_chunk"),
        sa.ForeignKeyConstraint(["file_id"], ["handback_file.file_id"], name="fk_run_chunk_file"),
    )


def _breaks() -> None:
    op.create_table(
        "break",
        key("break_id"),
        big("programme_id"),
        big("partner_id"),
        binary("identity"),
        small("kind"),
        big("redemption_id", null=True),
        small("attempt", null=True),
        big("file_id", null=True),
        big("ordinal", null=True),
        big("quantity", null=True),
        text("reason_code", null=True),
        small("reason_class"),
        text("raw", null=True),
        text("facts"),
        text("reference", null=True),
        text("owner", null=True),
        instant("opened_at"),
        instant("due_at"),
        instant("closed_at", null=True),
        text("closed_by", null=True),
        whole("closed_version", null=True),
        small("resolution", null=True),
        text("comment", null=True),
        sa.PrimaryKeyConstraint("break_id", name="pk_break"),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.partner_id"], name="fk_break_partner"),
        sa.UniqueConstraint("partner_id", "identity", name="uq_break_identity"),
    )
    _partial_index("ix_break_open", "break", ["programme_id", "break_id"], "closed_at is null")
    _partial_index("ix_break_missing_file", "break", ["partner_id", "opened_at"], "kind = 19")
    op.create_index("ix_break_redemption", "break", ["redemption_id"])
    op.create_index("ix_break_file", "break", ["file_id", "ordinal"])
    _partial_index("ix_break_early", "break", ["redemption_id"], "kind = 14 and closed_at is null")
    _partial_index(
        "ix_break_keeping", "break", ["partner_id"], "kind in (17, 26) and closed_at is null"
    )
    _partial_index(
        "ix_break_reference", "break", ["partner_id", "reference"], "reference is not null"
    )
    _work_on_breaks()


def _partial_index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, postgresql_where=where, sqlite_where=where)


def _work_on_breaks() -> None:
    op.create_table(
        "break_note",
        big("break_id"),
        whole("number"),
        small("kind"),
        text("actor"),
        text("text", null=True),
        instant("at"),
        sa.PrimaryKeyConstraint("break_id", "number", name="pk_break_note"),
        sa.ForeignKeyConstraint(["break_id"], ["break.break_id"], name="fk_break_note_break"),
    )
    op.create_table(
        "break_bulk",
        key("bulk_id"),
        text("break_ids"),
        sa.PrimaryKeyConstraint("bulk_id", name="pk_break_bulk"),
    )
    op.create_table(
        "break_proposal",
        big("break_id"),
        whole("number"),
        small("decision"),
        big("redemption_id"),
        small("attempt"),
        whole("version"),
        big("quantity"),
        text("actor"),
        text("comment"),
        instant("proposed_at"),
        small("verdict", null=True),
        text("decided_by", null=True),
        instant("decided_at", null=True),
        sa.PrimaryKeyConstraint("break_id", "number", name="pk_break_proposal"),
        sa.ForeignKeyConstraint(["break_id"], ["break.break_id"], name="fk_break_proposal_break"),
    )
    op.create_index(
        "uq_break_proposal_open",
        "break_proposal",
        ["break_id"],
        unique=True,
        postgresql_where=sa.text("verdict is null"),
        sqlite_where=sa.text("verdict is null"),
    )
