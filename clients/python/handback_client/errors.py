"""What a call can end with instead of an answer: one exception for each reason of the server.

An exception is chosen by the machine-readable reason the server sent (`ErrorInfo`), or by the gRPC
status where none came, as when the server cannot be reached. Its text is for people alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Violation:
    """One mistake in a request or a document: where it stands, and what was expected there."""

    field: str
    expected: str

    def __str__(self) -> str:
        return f"{self.field}: {self.expected}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What came back in place of an answer, as it stood on the wire.

    `status` is the name of the gRPC status, `reason` is empty where the server gave none, and
    `retry_after_s` is the pause it asked for, 0 where it asked for none.
    """

    status: str
    message: str = ""
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    retry_after_s: float = 0.0


class HandbackError(Exception):
    """Base of all exceptions of this package; raised itself for a reason it does not know.

    `reason` is fixed for ever and is what programs read, `facts` name the things concerned.
    """

    reason: str = ""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal
        self.reason = refusal.reason or refusal.status
        self.facts = refusal.facts

    def __str__(self) -> str:
        return self.refusal.message or self.reason

    @property
    def status(self) -> str:
        """The name of the gRPC status the call ended with."""
        return self.refusal.status

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The mistakes in the request or document, all of them; empty for most reasons."""
        return self.refusal.violations

    @property
    def retry_after_s(self) -> float:
        """The pause the server asked for before the call is repeated; 0 where it asked for none."""
        return self.refusal.retry_after_s


class InvalidRequest(HandbackError):
    """The request breaks a rule that needs no look at the store; see `violations`."""

    reason = "INVALID_REQUEST"


class InvalidAgreement(HandbackError):
    """An agreement document is refused as a whole; see `violations`."""

    reason = "INVALID_AGREEMENT"


class InvalidSettings(HandbackError):
    """The environment does not describe a server that may start."""

    reason = "INVALID_SETTINGS"


class NotFound(HandbackError):
    """Nothing of that kind has that id or name."""

    reason = "NOT_FOUND"


class AlreadyExists(HandbackError):
    """Something of that kind already has that id or name."""

    reason = "ALREADY_EXISTS"


class RequestKeyReused(HandbackError):
    """The request key was used before with other content."""

    reason = "REQUEST_KEY_REUSED"


class IllegalTransition(HandbackError):
    """The lifecycle has no such transition; the facts name the state and what it allows."""

    reason = "ILLEGAL_TRANSITION"


class AgreementNotActive(HandbackError):
    """The partner has no agreement under which this may be done."""

    reason = "AGREEMENT_NOT_ACTIVE"


class CutOffPassed(HandbackError):
    """The redemption already stands in a payout batch and can no longer be taken back."""

    reason = "CUT_OFF_PASSED"


class FieldsUnchanged(HandbackError):
    """The rejection asks for other details of the member, and the retry gives none."""

    reason = "FIELDS_UNCHANGED"


class MemberCorrected(HandbackError):
    """The partner credits this member under other details, and nobody has acknowledged that yet."""

    reason = "MEMBER_CORRECTED"


class RetryExcluded(HandbackError):
    """The agreement allows no further attempt after such a rejection."""

    reason = "RETRY_EXCLUDED"


class PartnerHeld(HandbackError):
    """Nothing is gathered for the partner, nor delivered to it, until a person releases it."""

    reason = "PARTNER_HELD"


class WrongBatchState(HandbackError):
    """The payout batch has gone too far, or not far enough, for what was asked."""

    reason = "WRONG_BATCH_STATE"


class FileQuarantined(HandbackError):
    """The hand-back file waits in quarantine, or does not and was expected to."""

    reason = "FILE_QUARANTINED"


class BreakClosed(HandbackError):
    """The break was resolved before."""

    reason = "BREAK_CLOSED"


class BreakOpen(HandbackError):
    """The break is open as it is."""

    reason = "BREAK_OPEN"


class ProposalLapsed(HandbackError):
    """What was proposed no longer fits: the redemption has moved since, or it is not proposed."""

    reason = "PROPOSAL_LAPSED"


class SecondPersonNeeded(HandbackError):
    """The partner may have credited the redemption, so one person alone may not decide on it."""

    reason = "SECOND_PERSON_NEEDED"


class BreakHoldsRedemption(HandbackError):
    """The break is where its redemption waits, so it closes by retry or fail only."""

    reason = "BREAK_HOLDS_REDEMPTION"


class PeriodClosed(HandbackError):
    """The cut lies in a period that was closed before."""

    reason = "PERIOD_CLOSED"


class NotAuthenticated(HandbackError):
    """The caller did not say who it is, or could not prove it."""

    reason = "NOT_AUTHENTICATED"


class NotAllowed(HandbackError):
    """The caller may not do this."""

    reason = "NOT_ALLOWED"


class VersionConflict(HandbackError):
    """A redemption moved between reading it and writing; read again and decide again."""

    reason = "VERSION_CONFLICT"


class CursorTooOld(HandbackError):
    """The cursor of a watch lies before the oldest position still served, its `horizon`.

    What happened in between can be read with `list`; a new watch may then begin at the horizon.
    """

    reason = "CURSOR_TOO_OLD"

    @property
    def horizon(self) -> str:
        """The oldest cursor still served."""
        return self.facts.get("horizon", "")


class CursorAhead(HandbackError):
    """The cursor of a watch lies after the newest position: it is from another database."""

    reason = "CURSOR_AHEAD"


class LimitReached(HandbackError):
    """A limit on size, count or concurrency; `retry_after_s` says when to try again, 0 is never."""

    reason = "LIMIT_REACHED"


class StoreUnavailable(HandbackError):
    """The server's database cannot be reached or refuses work for now."""

    reason = "STORE_UNAVAILABLE"


class SchemaMismatch(HandbackError):
    """The server's database has another schema version than the server."""

    reason = "SCHEMA_MISMATCH"


class ShuttingDown(HandbackError):
    """The server drains and takes nothing new."""

    reason = "SHUTTING_DOWN"


class ChainBroken(HandbackError):
    """A law of the journal does not hold on what the server has stored."""

    reason = "CHAIN_BROKEN"


class ServerUnreachable(HandbackError):
    """No server answers at the address, or the connection broke."""

    reason = "UNAVAILABLE"


class DeadlineExceeded(HandbackError):
    """The answer did not come within the deadline; what was asked may still have been done."""

    reason = "DEADLINE_EXCEEDED"


class InternalError(HandbackError):
    """The server failed at something it should not fail at; its log says more."""

    reason = "INTERNAL"


_LEAVES: tuple[type[HandbackError], ...] = (
    InvalidRequest,
    InvalidAgreement,
    InvalidSettings,
    NotFound,
    AlreadyExists,
    RequestKeyReused,
    IllegalTransition,
    AgreementNotActive,
    CutOffPassed,
    FieldsUnchanged,
    MemberCorrected,
    RetryExcluded,
    PartnerHeld,
    WrongBatchState,
    FileQuarantined,
    BreakClosed,
    BreakOpen,
    ProposalLapsed,
    SecondPersonNeeded,
    BreakHoldsRedemption,
    PeriodClosed,
    NotAuthenticated,
    NotAllowed,
    VersionConflict,
    CursorTooOld,
    CursorAhead,
    LimitReached,
    StoreUnavailable,
    SchemaMismatch,
    ShuttingDown,
    ChainBroken,
    ServerUnreachable,
    DeadlineExceeded,
    InternalError,
)
LEAF_OF_REASON: Mapping[str, type[HandbackError]] = {leaf.reason: leaf for leaf in _LEAVES}


def stream_broken(how: str) -> HandbackError:
    """What a stream ends with that ended before its time, though nobody gave a reason."""
    return ServerUnreachable(Refusal("UNAVAILABLE", how))


def error_of(refusal: Refusal) -> HandbackError:
    """The exception for a refusal: by its reason, or by its status where it has no reason."""
    leaf = LEAF_OF_REASON.get(refusal.reason or refusal.status, HandbackError)
    return leaf(refusal)
