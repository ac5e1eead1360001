"""Every table, once. Alembic migrations must produce exactly this; a test compares them.

Conventions: instants are `Instant` columns (aware UTC in Python), quantities are integers of the
redemption's unit, enumerations are small integers whose names live with their owner (`lifecycle`,
`payouts`, `intake`, `breaks`). Constraints and indexes are named by hand.

The hot tables (redemption, attempt, event, due) have the redemption id first in their primary key,
no index on a column that changes, and no foreign keys: a key check per row would cost a tenth of
the ingest rate, and `handbackd verify` proves what the keys would. Their wide columns stand first,
because PostgreSQL pads a narrow one before a wide one: a tenth of every event.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlmodel import Field, SQLModel

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware UTC instant: timestamptz on PostgreSQL, microseconds since 1970 on SQLite."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            found: datetime = value
            return found.astimezone(UTC)
        return _EPOCH + timedelta(microseconds=value)


# SQLite gives a row id to INTEGER PRIMARY KEY only; BIGINT would make a second B-tree.
Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _key() -> Any:
    return Field(sa_type=Key, sa_column_kwargs={"autoincrement": False})


def _instant(*, null: bool = False) -> Any:
    return Field(default=None, sa_type=Instant, nullable=null)


def _big(*, null: bool = False) -> Any:
    return Field(default=None, sa_type=sa.BigInteger, nullable=null)


def _small(*, null: bool = False) -> Any:
    return Field(default=None, sa_type=sa.SmallInteger, nullable=null)


def _text(*, null: bool = False) -> Any:
    return Field(default=None, sa_type=sa.Text, nullable=null)


def _bytes(*, null: bool = False) -> Any:
    return Field(default=None, sa_type=sa.LargeBinary, nullable=null)


# Clustered by primary key on SQLite: one B-tree instead of two.
_CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False}


class IdRange(SQLModel, table=True):
    """The allocator: the next free number of each kind of id."""

    __tablename__ = "id_range"
    __table_args__ = (sa.PrimaryKeyConstraint("name", name="pk_id_range"),)
    name: str = _text()
    next_id: int = _big()


class Programme(SQLModel, table=True):
    """The owner of members, callers, balances and settings."""

    __tablename__ = "programme"
    __table_args__ = (
        sa.PrimaryKeyConstraint("programme_id", name="pk_programme"),
        sa.UniqueConstraint("name", name="uq_programme_name"),
    )
    programme_id: int = _key()
    name: str = _text()
    created_at: datetime = _instant()


class Unit(SQLModel, table=True):
    """A named unit of quantity: points, miles, cents of a currency."""

    __tablename__ = "unit"
    __table_args__ = (
        sa.PrimaryKeyConstraint("unit_id", name="pk_unit"),
        sa.UniqueConstraint("name", name="uq_unit_name"),
    )
    unit_id: int = _key()
    name: str = _text()


class Partner(SQLModel, table=True):
    """Who answers: one partner of one programme."""

    __tablename__ = "partner"
    __table_args__ = (
        sa.PrimaryKeyConstraint("partner_id", name="pk_partner"),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.programme_id"], name="fk_partner_programme"
        ),
        sa.UniqueConstraint("programme_id", "name", name="uq_partner_programme_name"),
    )
    partner_id: int = _key()
    programme_id: int = _big()
    name: str = _text()
    created_at: datetime = _instant()


class AgreementVersion(SQLModel, table=True):
    """One version of a partner's agreement, as its TOML text, and as JSON the built-in formats that
    it names, as they were; versions are never changed."""

    __tablename__ = "agreement_version"
    __table_args__ = (
        sa.PrimaryKeyConstraint("partner_id", "version", name="pk_agreement_version"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_agreement_version_partner"
        ),
    )
    partner_id: int = _big()
    version: int = Field(default=None, sa_type=sa.Integer)
    content_hash: bytes = _bytes()
    source: str = _text()
    builtins: str = _text()
    actor: str = _text()
    applied_at: datetime = _instant()


class Redemption(SQLModel, table=True):
    """One redemption as it stands. Written by `journal.commit` alone."""

    __tablename__ = "redemption"
    __table_args__ = (
        sa.PrimaryKeyConstraint("redemption_id", name="pk_redemption"),
        sa.Index("ix_redemption_member", "programme_id", "member_ref", "redemption_id"),
        sa.Index("ix_redemption_programme", "programme_id", "redemption_id"),
        {"postgresql_with": {"fillfactor": 48}},
    )
    redemption_id: int = _key()
    programme_id: int = _big()
    partner_id: int = _big()
    unit_id: int = _big()
    quantity: int = _big()
    submitted_at: datetime = _instant()
    state: int = _small()
    attempt: int = _small()
    version: int = Field(default=None, sa_type=sa.Integer)
    held: int = _big()
    fulfilled: int = _big()
    member_ref: str = _text()


class MemberDetail(SQLModel, table=True):
    """What a partner's file needs to know of a person, as JSON; erasable while the audit stands."""

    __tablename__ = "member_detail"
    __table_args__ = (sa.PrimaryKeyConstraint("redemption_id", name="pk_member_detail"),)
    redemption_id: int = _key()
    fields: str = _text()


class FormerDetail(SQLModel, table=True):
    """What a redemption's member and details were until the event with that version, and the names
    of what was given anew with it, as JSON; erasable like the details themselves."""

    __tablename__ = "former_detail"
    __table_args__ = (
        sa.PrimaryKeyConstraint("redemption_id", "version", name="pk_former_detail"),
        _CLUSTERED,
    )
    redemption_id: int = _big()
    version: int = Field(default=None, sa_type=sa.Integer)
    member_ref: str = _text()
    fields: str | None = _text(null=True)
    changed: str = _text()


class Remainder(SQLModel, table=True):
    """A redemption that was made of what a partner had not credited of another one.

    `attempt` is the attempt of the origin of which only a part was credited.
    """

    __tablename__ = "remainder"
    __table_args__ = (
        sa.PrimaryKeyConstraint("redemption_id", name="pk_remainder"),
        sa.Index("ix_remainder_origin", "origin_id"),
    )
    redemption_id: int = _key()
    origin_id: int = _big()
    attempt: int = _small()


class Correction(SQLModel, table=True):
    """A partner credited to other details than ours: the old ones are blocked until acknowledged.

    `identity` is a hash of what it says, as with a break; `named_member` is whom the partner names
    instead, null where it names nobody.
    """

    __tablename__ = "correction"
    __table_args__ = (
        sa.PrimaryKeyConstraint("correction_id", name="pk_correction"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_correction_partner"
        ),
        sa.UniqueConstraint("partner_id", "identity", name="uq_correction_identity"),
        sa.Index("ix_correction_programme", "programme_id", "correction_id"),
        sa.Index(
            "ix_correction_open",
            "partner_id",
            "member_ref",
            postgresql_where=sa.text("acknowledged_at is null"),
            sqlite_where=sa.text("acknowledged_at is null"),
        ),
    )
    correction_id: int = _key()
    programme_id: int = _big()
    partner_id: int = _big()
    identity: bytes = _bytes()
    member_ref: str = _text()
    named_member: str | None = _text(null=True)
    redemption_id: int = _big()
    file_id: int | None = _big(null=True)
    ordinal: int | None = _big(null=True)
    reason_code: str | None = _text(null=True)
    raised_at: datetime = _instant()
    acknowledged_at: datetime | None = _instant(null=True)
    acknowledged_by: str | None = _text(null=True)


class TraceLink(SQLModel, table=True):
    """The trace context of a sampled submit, so that the outcome can appear in the same trace."""

    __tablename__ = "trace_link"
    __table_args__ = (sa.PrimaryKeyConstraint("redemption_id", name="pk_trace_link"),)
    redemption_id: int = _key()
    trace_context: str = _text()


class Request(SQLModel, table=True):
    """A request key, the hash of what was asked, and the answer: its subject's id and version."""

    __tablename__ = "request"
    __table_args__ = (
        sa.PrimaryKeyConstraint("programme_id", "request_key", name="pk_request"),
        # Few requests have a comment; the history of a redemption looks for it.
        sa.Index(
            "ix_request_comment",
            "subject_id",
            "version",
            postgresql_where=sa.text("comment is not null"),
            sqlite_where=sa.text("comment is not null"),
        ),
        _CLUSTERED,
    )
    programme_id: int = _big()
    request_key: str = _text()
    content_hash: bytes = _bytes()
    subject_id: int = _big()
    version: int = Field(default=None, sa_type=sa.Integer)
    comment: str | None = _text(null=True)
    created_at: datetime = _instant()


class Due(SQLModel, table=True):
    """Queue of redemptions that wait for a payout batch; rows come and go, never change.

    `same_reference` is 1 where the next attempt must go out under the reference of the last.
    `recalled` is how many attempts since that one were recalled before they left, null for none.
    """

    __tablename__ = "due"
    __table_args__ = (
        sa.PrimaryKeyConstraint("redemption_id", name="pk_due"),
        sa.Index("ix_due_partner", "partner_id", "unit_id", "due_at", "redemption_id"),
    )
    redemption_id: int = _key()
    partner_id: int = _big()
    unit_id: int = _big()
    due_at: datetime = _instant()
    same_reference: int = _small()
    recalled: int | None = _small(null=True)


class PayoutBatch(SQLModel, table=True):
    """One outbound file: sealed with its attempts and bytes, delivered, dispatched; or recalled.

    In it is what was due by `due_by`: the cut-off, or the moment of its gathering. `split_value` is
    what all in it have in the field by which the agreement splits. From `leaving_at` on it may have
    reached the partner, so it cannot be recalled any more. `deadline_at` is when the partner's time
    to answer is over, known from the delivery on. All attempts up to the ordinal `answered_to` have
    an outcome; from `settled_at` on all of them do.
    """

    __tablename__ = "payout_batch"
    __table_args__ = (
        sa.PrimaryKeyConstraint("batch_id", name="pk_payout_batch"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_payout_batch_partner"
        ),
        sa.UniqueConstraint("partner_id", "sequence", name="uq_payout_batch_sequence"),
        sa.Index("ix_payout_batch_fingerprint", "fingerprint"),
        sa.Index("ix_payout_batch_state", "state", "batch_id"),
        sa.Index("ix_payout_batch_day", "partner_id", "due_by"),
        sa.Index(
            "ix_payout_batch_deadline",
            "deadline_at",
            postgresql_where=sa.text("settled_at is null"),
            sqlite_where=sa.text("settled_at is null"),
        ),
        sa.Index(
            "ix_payout_batch_open",
            "programme_id",
            "batch_id",
            postgresql_where=sa.text("settled_at is null"),
            sqlite_where=sa.text("settled_at is null"),
        ),
    )
    batch_id: int = _key()
    programme_id: int = _big()
    partner_id: int = _big()
    unit_id: int = _big()
    sequence: int = _big()
    agreement_version: int = Field(default=None, sa_type=sa.Integer)
    state: int = _small()
    record_count: int = _big()
    quantity: int = _big()
    file_name: str = _text()
    fingerprint: bytes = _bytes()
    size_bytes: int = _big()
    split_value: str | None = _text(null=True)
    trace_context: str | None = _text(null=True)
    due_by: datetime = _instant()
    sealed_at: datetime = _instant()
    leaving_at: datetime | None = _instant(null=True)
    delivered_at: datetime | None = _instant(null=True)
    dispatched_at: datetime | None = _instant(null=True)
    deadline_at: datetime | None = _instant(null=True)
    answered_to: int | None = _big(null=True)
    settled_at: datetime | None = _instant(null=True)
    recalled_at: datetime | None = _instant(null=True)
    recalled_by: str | None = _text(null=True)
    recall_reason: str | None = _text(null=True)
    resent_at: datetime | None = _instant(null=True)
    resent_by: str | None = _text(null=True)
    resent_as: str | None = _text(null=True)


class PartnerHold(SQLModel, table=True):
    """A time during which nothing is gathered for a partner, nor delivered to it.

    A person holds a partner, or the reconciliation of the file `file_id` did, in which the partner
    blames us. Only a person releases it.
    """

    __tablename__ = "partner_hold"
    __table_args__ = (
        sa.PrimaryKeyConstraint("hold_id", name="pk_partner_hold"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_partner_hold_partner"
        ),
        sa.Index(
            "uq_partner_hold_open",
            "partner_id",
            unique=True,
            postgresql_where=sa.text("released_at is null"),
            sqlite_where=sa.text("released_at is null"),
        ),
    )
    hold_id: int = _key()
    partner_id: int = _big()
    file_id: int | None = _big(null=True)
    reason: str = _text()
    held_at: datetime = _instant()
    held_by: str = _text()
    released_at: datetime | None = _instant(null=True)
    released_by: str | None = _text(null=True)
    release_comment: str | None = _text(null=True)


class Attempt(SQLModel, table=True):
    """One trip of a redemption to a partner. Never changes once written.

    `reference` is null where it carries the attempt key and so need not be looked up.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        sa.PrimaryKeyConstraint("redemption_id", "attempt", name="pk_attempt"),
        sa.UniqueConstraint("batch_id", "ordinal", name="uq_attempt_batch_ordinal"),
        sa.Index(
            "ix_attempt_reference",
            "partner_id",
            "reference",
            postgresql_where=sa.text("reference is not null"),
            sqlite_where=sa.text("reference is not null"),
        ),
        _CLUSTERED,
    )
    redemption_id: int = _big()
    partner_id: int = _big()
    batch_id: int = _big()
    quantity: int = _big()
    ordinal: int = Field(default=None, sa_type=sa.Integer)
    attempt: int = _small()
    reference: str | None = _text(null=True)


class NormalForm(SQLModel, table=True):
    """How far the references printed for a partner are kept in a normal form: `form` says which,
    `up_to` is the last of its batches of which all are, `ordinal` how far those of the next are."""

    __tablename__ = "normal_form"
    __table_args__ = (
        sa.PrimaryKeyConstraint("partner_id", "form", name="pk_normal_form"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_normal_form_partner"
        ),
    )
    partner_id: int = _big()
    form: int = _big()
    up_to: int = _big()
    ordinal: int = Field(default=None, sa_type=sa.Integer)


class NormalReference(SQLModel, table=True):
    """The printed reference of an attempt in a normal form; only where an agreement asks for it."""

    __tablename__ = "normal_reference"
    __table_args__ = (
        sa.PrimaryKeyConstraint(
            "partner_id",
            "form",
            "reference",
            "redemption_id",
            "attempt",
            name="pk_normal_reference",
        ),
        _CLUSTERED,
    )
    redemption_id: int = _big()
    partner_id: int = _big()
    form: int = _big()
    attempt: int = _small()
    reference: str = _text()


class Block(SQLModel, table=True):
    """One committed transaction of the journal; its position is given after the commit."""

    __tablename__ = "block"
    __table_args__ = (
        sa.PrimaryKeyConstraint("block_id", name="pk_block"),
        sa.Index("uq_block_position", "position", unique=True),
        sa.Index(
            "ix_block_unsequenced",
            "block_id",
            postgresql_where=sa.text("position is null"),
            sqlite_where=sa.text("position is null"),
        ),
        # Commands, which are most blocks, have no id of a cause.
        sa.Index(
            "ix_block_cause",
            "cause_kind",
            "cause_id",
            "block_id",
            postgresql_where=sa.text("cause_id is not null"),
            sqlite_where=sa.text("cause_id is not null"),
        ),
        sa.Index("ix_block_committed", "committed_at", "block_id"),
    )
    # The one id that the database itself hands out, and only after the row locks are held:
    # the order of versions within a redemption rests on it.
    block_id: int = Field(sa_column=sa.Column(Key, sa.Identity(), autoincrement=True))
    position: int | None = _big(null=True)
    cause_kind: int = _small()
    cause_id: int | None = _big(null=True)
    actor: str = _text()
    committed_at: datetime = _instant()
    trace_context: str | None = _text(null=True)
    event_count: int = Field(default=None, sa_type=sa.Integer)
    root: bytes | None = _bytes(null=True)


class BlockTotal(SQLModel, table=True):
    """What one block moved on one account; insert-only, so no balance row is ever contended.

    Every account that the block touched has its row, also where that came to nothing. `redemptions`
    is by how many more stand there with their state: open ones with what is held, confirmed ones
    with what is fulfilled, all others with the member.
    """

    __tablename__ = "block_total"
    __table_args__ = (
        sa.PrimaryKeyConstraint(
            "block_id", "programme_id", "partner_id", "unit_id", "account", name="pk_block_total"
        ),
        sa.ForeignKeyConstraint(["block_id"], ["block.block_id"], name="fk_block_total_block"),
        _CLUSTERED,
    )
    block_id: int = _big()
    programme_id: int = _big()
    partner_id: int = _big()
    unit_id: int = _big()
    account: int = _small()
    delta: int = _big()
    redemptions: int = _big()


class BalanceSnapshot(SQLModel, table=True):
    """What one account amounted to right after the block at a position; kept now and then.

    `redemptions` is how many stood there with their state; see `BlockTotal`.

    A snapshot has a row for every account that was ever posted to by then, and never changes.
    """

    __tablename__ = "balance_snapshot"
    __table_args__ = (
        sa.PrimaryKeyConstraint(
            "position",
            "programme_id",
            "partner_id",
            "unit_id",
            "account",
            name="pk_balance_snapshot",
        ),
        _CLUSTERED,
    )
    position: int = _big()
    programme_id: int = _big()
    partner_id: int = _big()
    unit_id: int = _big()
    account: int = _small()
    quantity: int = _big()
    redemptions: int = _big()


class Milestone(SQLModel, table=True):
    """The latest instant at which a block up to a position was committed; kept now and then."""

    __tablename__ = "milestone"
    __table_args__ = (
        sa.PrimaryKeyConstraint("position", name="pk_milestone"),
        sa.Index("ix_milestone_latest", "latest_at", "position"),
    )
    position: int = _key()
    latest_at: datetime = _instant()


class Period(SQLModel, table=True):
    """A stretch of the journal that a programme has closed: all after the period before it, up to
    and with `position`. What is committed later belongs to a later period, whatever day it names.

    `cut_at` is the instant that the cut stands for, `closed_at` when it was made.
    """

    __tablename__ = "period"
    __table_args__ = (
        sa.PrimaryKeyConstraint("programme_id", "number", name="pk_period"),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.programme_id"], name="fk_period_programme"
        ),
        sa.UniqueConstraint("programme_id", "name", name="uq_period_name"),
    )
    programme_id: int = _big()
    number: int = Field(default=None, sa_type=sa.Integer)
    name: str = _text()
    position: int = _big()
    cut_at: datetime = _instant()
    closed_at: datetime = _instant()
    actor: str = _text()


class PeriodBalance(SQLModel, table=True):
    """What one account amounted to when its programme closed a period; never changed."""

    __tablename__ = "period_balance"
    __table_args__ = (
        sa.PrimaryKeyConstraint(
            "programme_id", "number", "partner_id", "unit_id", "account", name="pk_period_balance"
        ),
        sa.ForeignKeyConstraint(
            ["programme_id", "number"],
            ["period.programme_id", "period.number"],
            name="fk_period_balance_period",
        ),
        _CLUSTERED,
    )
    programme_id: int = _big()
    number: int = Field(default=None, sa_type=sa.Integer)
    partner_id: int = _big()
    unit_id: int = _big()
    account: int = _small()
    quantity: int = _big()
    redemptions: int = _big()


class Event(SQLModel, table=True):
    """One step of one redemption: audit entry, ledger posting and message in one."""

    __tablename__ = "event"
    __table_args__ = (
        sa.PrimaryKeyConstraint("redemption_id", "version", name="pk_event"),
        sa.Index(
            "ix_event_block",
            "block_id",
            postgresql_using="brin",
            postgresql_with={"pages_per_range": 16, "autosummarize": "on"},
        ),
        _CLUSTERED,
    )
    redemption_id: int = _big()
    block_id: int = _big()
    quantity: int = _big()
    version: int = Field(default=None, sa_type=sa.Integer)
    trigger: int = _small()
    from_state: int = _small()
    to_state: int = _small()
    attempt: int = _small()
    reason_class: int = _small()
    file_id: int | None = _big(null=True)
    ordinal: int | None = _big(null=True)
    reason_code: str | None = _text(null=True)


class HandbackFile(SQLModel, table=True):
    """One arrival of a hand-back file, accepted or not.

    `fingerprint` is the sha256 of the opened content, `landing_key` that of the bytes as they came;
    those are kept until `removed_at`. `discard_asked_by` is who wants it discarded, until another
    person agrees.
    """

    __tablename__ = "handback_file"
    __table_args__ = (
        sa.PrimaryKeyConstraint("file_id", name="pk_handback_file"),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.partner_id"], name="fk_handback_file_partner"
        ),
        sa.Index("ix_handback_file_fingerprint", "partner_id", "fingerprint"),
        sa.Index("ix_handback_file_state", "state", "file_id"),
        sa.Index("ix_handback_file_partner", "partner_id", "file_id"),
        sa.Index("ix_handback_file_received", "partner_id", "received_at"),
        sa.Index("ix_handback_file_name", "partner_id", "name", "file_id"),
        sa.Index("ix_handback_file_sequence", "partner_id", "file_sequence"),
        sa.Index("ix_handback_file_order", "partner_id", "sequence_number", "file_id"),
        sa.Index("ix_handback_file_message", "partner_id", "message_id"),
        sa.Index("ix_handback_file_landing", "landing_key"),
        sa.Index(
            "ix_handback_file_kept",
            "partner_id",
            "received_at",
            postgresql_where=sa.text("removed_at is null"),
            sqlite_where=sa.text("removed_at is null"),
        ),
    )
    file_id: int = _key()
    programme_id: int = _big()
    partner_id: int = _big()
    name: str = _text()
    source: str = _text()
    landing_key: str = _text()
    fingerprint: bytes = _bytes()
    size_bytes: int = _big()
    envelope: str | None = _text(null=True)
    state: int = _small()
    verdict: str | None = _text(null=True)
    repeats_file_id: int | None = _big(null=True)
    previous_file_id: int | None = _big(null=True)
    agreement_version: int | None = Field(default=None, sa_type=sa.Integer, nullable=True)
    file_sequence: str | None = _text(null=True)
    sequence_number: int | None = _big(null=True)
    message_id: str | None = _text(null=True)
    record_count: int | None = _big(null=True)
    finding_count: int | None = _big(null=True)
    discard_asked_by: str | None = _text(null=True)
    actor: str = _text()
    trace_context: str | None = _text(null=True)
    received_at: datetime = _instant()
    closed_at: datetime | None = _instant(null=True)
    removed_at: datetime | None = _instant(null=True)


class Finding(SQLModel, table=True):
    """Something wrong or odd in a partner's bytes, with its place; ordinal 0 is the whole file."""

    __tablename__ = "finding"
    __table_args__ = (
        sa.PrimaryKeyConstraint("file_id", "number", name="pk_finding"),
        sa.ForeignKeyConstraint(["file_id"], ["handback_file.file_id"], name="fk_finding_file"),
    )
    file_id: int = _big()
    number: int = Field(default=None, sa_type=sa.Integer)
    ordinal: int = _big()
    line: int | None = _big(null=True)
    field: str | None = _text(null=True)
    code: str = _text()
    severity: int = _small()
    message: str = _text()
    raw: str | None = _text(null=True)


class SearchPart(SQLModel, table=True):
    """What a search found for a stretch of the records of a file, until the file is reconciled.

    The file is cut into chunks by it, and so must be found the same by whoever cuts it again.
    `verdicts` is a frame of them, as an Arrow stream.
    """

    __tablename__ = "search_part"
    __table_args__ = (
        sa.PrimaryKeyConstraint("file_id", "stretch", name="pk_search_part"),
        sa.ForeignKeyConstraint(["file_id"], ["handback_file.file_id"], name="fk_search_part_file"),
    )
    file_id: int = _big()
    stretch: int = Field(default=None, sa_type=sa.Integer)
    verdicts: bytes = _bytes()


class RunChunk(SQLModel, table=True):
    """What became of one chunk of a file, written in the transaction that applied it.

    These rows are the checkpoint: a chunk that has its row is done, in whatever process.
    """

    __tablename__ = "run_chunk"
    __table_args__ = (
        sa.PrimaryKeyConstraint("file_id", "chunk", name="pk_run_chunk"),
        sa.ForeignKeyConstraint(["file_id"], ["handback_file.file_id"], name="fk_run_chunk_file"),
    )
    file_id: int = _big()
    chunk: int = Field(default=None, sa_type=sa.Integer)
    block_id: int | None = _big(null=True)
    records: int = _big()
    events: int = _big()
    repeats: int = _big()
    breaks: int = _big()
    rejects: int = _big()
    records_quantity: int = _big()
    events_quantity: int = _big()
    repeats_quantity: int = _big()
    breaks_quantity: int = _big()
    rejects_quantity: int = _big()
    applied_at: datetime = _instant()


class Break(SQLModel, table=True):
    """A work item that reconciliation cannot close by itself.

    `identity` is a hash of what the break says: the same record in another file or chunk finds
    its break there and is a repeat. `reference` is the record's, `closed_version` where the
    redemption stood when the break was closed.
    """

    __tablename__ = "break"
    __table_args__ = (
        sa.PrimaryKeyConstraint("break_id", name="pk_break"),
        sa.ForeignKeyConstraint(["partner_id"], ["partner.partner_id"], name="fk_break_partner"),
        sa.Index(
            "ix_break_open",
            "programme_id",
            "break_id",
            postgresql_where=sa.text("closed_at is null"),
            sqlite_where=sa.text("closed_at is null"),
        ),
        sa.UniqueConstraint("partner_id", "identity", name="uq_break_identity"),
        # Only those about missing files: what is told of a partner's next one depends on the last.
        sa.Index(
            "ix_break_missing_file",
            "partner_id",
            "opened_at",
            postgresql_where=sa.text("kind = 19"),
            sqlite_where=sa.text("kind = 19"),
        ),
        sa.Index("ix_break_redemption", "redemption_id"),
        sa.Index("ix_break_file", "file_id", "ordinal"),
        # Answers that wait for the dispatch of their attempt.
        sa.Index(
            "ix_break_early",
            "redemption_id",
            postgresql_where=sa.text("kind = 14 and closed_at is null"),
            sqlite_where=sa.text("kind = 14 and closed_at is null"),
        ),
        # Why redemptions do not leave: closed once they do.
        sa.Index(
            "ix_break_keeping",
            "partner_id",
            postgresql_where=sa.text("kind in (17, 26) and closed_at is null"),
            sqlite_where=sa.text("kind in (17, 26) and closed_at is null"),
        ),
        # What leads to no redemption is known by its reference alone.
        sa.Index(
            "ix_break_reference",
            "partner_id",
            "reference",
            postgresql_where=sa.text("reference is not null"),
            sqlite_where=sa.text("reference is not null"),
        ),
    )
    break_id: int = _key()
    programme_id: int = _big()
    partner_id: int = _big()
    identity: bytes = _bytes()
    kind: int = _small()
    redemption_id: int | None = _big(null=True)
    attempt: int | None = _small(null=True)
    file_id: int | None = _big(null=True)
    ordinal: int | None = _big(null=True)
    quantity: int | None = _big(null=True)
    reason_code: str | None = _text(null=True)
    reason_class: int = _small()
    raw: str | None = _text(null=True)
    facts: str = _text()
    reference: str | None = _text(null=True)
    owner: str | None = _text(null=True)
    opened_at: datetime = _instant()
    due_at: datetime = _instant()
    closed_at: datetime | None = _instant(null=True)
    closed_by: str | None = _text(null=True)
    closed_version: int | None = Field(default=None, sa_type=sa.Integer, nullable=True)
    resolution: int | None = _small(null=True)
    comment: str | None = _text(null=True)


class BreakNote(SQLModel, table=True):
    """What was done with a break, by whom and when: its history after it was opened."""

    __tablename__ = "break_note"
    __table_args__ = (
        sa.PrimaryKeyConstraint("break_id", "number", name="pk_break_note"),
        sa.ForeignKeyConstraint(["break_id"], ["break.break_id"], name="fk_break_note_break"),
    )
    break_id: int = _big()
    number: int = Field(default=None, sa_type=sa.Integer)
    kind: int = _small()
    actor: str = _text()
    text: str | None = _text(null=True)
    at: datetime = _instant()


class BreakBulk(SQLModel, table=True):
    """The breaks that one request with a filter is about, as JSON: they stay the same when it is
    asked for again."""

    __tablename__ = "break_bulk"
    __table_args__ = (sa.PrimaryKeyConstraint("bulk_id", name="pk_break_bulk"),)
    bulk_id: int = _key()
    break_ids: str = _text()


class BreakProposal(SQLModel, table=True):
    """A decision on a break that one person has made and another has to approve.

    `version` is where the redemption stood then; `verdict` is null for as long as it is open.
    """

    __tablename__ = "break_proposal"
    __table_args__ = (
        sa.PrimaryKeyConstraint("break_id", "number", name="pk_break_proposal"),
        sa.ForeignKeyConstraint(["break_id"], ["break.break_id"], name="fk_break_proposal_break"),
        sa.Index(
            "uq_break_proposal_open",
            "break_id",
            unique=True,
            postgresql_where=sa.text("verdict is null"),
            sqlite_where=sa.text("verdict is null"),
        ),
    )
    break_id: int = _big()
    number: int = Field(default=None, sa_type=sa.Integer)
    decision: int = _small()
    redemption_id: int = _big()
    attempt: int = _small()
    version: int = Field(default=None, sa_type=sa.Integer)
    quantity: int = _big()
    actor: str = _text()
    comment: str = _text()
    proposed_at: datetime = _instant()
    verdict: int | None = _small(null=True)
    decided_by: str | None = _text(null=True)
    decided_at: datetime | None = _instant(null=True)
