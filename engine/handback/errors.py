"""Domain errors: what a caller did or met, as a fixed reason and named facts.

Problems of a partner's bytes are never raised: they are *findings*, rows beside the file (see
`handback.formats.findings`). A programming mistake is an assertion and stays internal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One mistake in a request or a document: where it stands, and what was expected there."""

    field: str
    expected: str

    def __str__(self) -> str:
        return f"{self.field}: {self.expected}"


class HandbackError(Exception):
    """Base of all domain errors.

    `reason` is fixed for ever and is what programs read; `facts` name the things concerned; the
    text is for people and may change.
    """

    reason: ClassVar[str]
    text: ClassVar[str]

    def __init__(self, **facts: object) -> None:
        self.facts: Mapping[str, str] = {name: str(value) for name, value in facts.items()}
        super().__init__(self.text.format_map(self.facts))


class InvalidRequest(HandbackError):
    """The request breaks a rule that needs no look at the store; every mistake is listed."""

    reason = "INVALID_REQUEST"
    text = "{mistakes}"

    def __init__(self, violations: Sequence[Violation]) -> None:
        assert violations, "an invalid request names at least one mistake"
        self.violations = tuple(violations)
        super().__init__(mistakes="; ".join(str(violation) for violation in violations))


class InvalidAgreement(HandbackError):
    """An agreement document is refused as a whole; every mistake is listed."""

    reason = "INVALID_AGREEMENT"
    text = "the agreement has {count} mistakes: {mistakes}"

    def __init__(self, violations: Sequence[Violation]) -> None:
        assert violations, "an invalid agreement names at least one mistake"
        self.violations = tuple(violations)
        listed = "; ".join(str(violation) for violation in violations)
        super().__init__(count=len(violations), mistakes=listed)


class InvalidSettings(HandbackError):
    """The environment does not describe a server that may start."""

    reason = "INVALID_SETTINGS"
    text = "{mistakes}"

    def __init__(self, violations: Sequence[Violation]) -> None:
        assert violations, "invalid settings name at least one mistake"
        self.violations = tuple(violations)
        super().__init__(mistakes="; ".join(str(violation) for violation in violations))


class NotFound(HandbackError):
    """Nothing of that kind has that id or name."""

    reason = "NOT_FOUND"
    text = "no {kind} {id}"


class AlreadyExists(HandbackError):
    """Something of that kind already has that id or name."""

    reason = "ALREADY_EXISTS"
    text = "{kind} {id} exists already"


class RequestKeyReused(HandbackError):
    """The request key was used before with other content."""

    reason = "REQUEST_KEY_REUSED"
    text = "request key {request_key} was used before with other content"


class IllegalTransition(HandbackError):
    """The lifecycle has no such transition; the facts name the state and what it allows."""

    reason = "ILLEGAL_TRANSITION"
    text = "{redemption} is {state}: {trigger} is not allowed, only {allowed}"


class AgreementNotActive(HandbackError):
    """The partner has no agreement under which this may be done."""

    reason = "AGREEMENT_NOT_ACTIVE"
    text = "partner {partner} has no active agreement"


class CutOffPassed(HandbackError):
    """The redemption already stands in a payout batch and can no longer be taken back."""

    reason = "CUT_OFF_PASSED"
    text = "{redemption} already stands in payout batch {batch}"


class FieldsUnchanged(HandbackError):
    """The rejection asks for other details of the member, and the retry gives none."""

    reason = "FIELDS_UNCHANGED"
    text = "{redemption} may go out again once one of these has changed: {fields}"


class MemberCorrected(HandbackError):
    """The partner credits this member under other details, and nobody has acknowledged that yet."""

    reason = "MEMBER_CORRECTED"
    text = "{partner} corrected {member_ref} by {correction}: acknowledge that, then submit anew"


class RetryExcluded(HandbackError):
    """The agreement allows no further attempt after such a rejection."""

    reason = "RETRY_EXCLUDED"
    text = "the agreement excludes another attempt of {redemption}"


class PartnerHeld(HandbackError):
    """Nothing is gathered for the partner, nor delivered to it, until a person releases it."""

    reason = "PARTNER_HELD"
    text = "{partner} is held since {held_at}: {why}"


class WrongBatchState(HandbackError):
    """The payout batch has gone too far, or not far enough, for what was asked."""

    reason = "WRONG_BATCH_STATE"
    text = "{batch} {state}"


class FileQuarantined(HandbackError):
    """The hand-back file waits in quarantine, or does not and was expected to."""

    reason = "FILE_QUARANTINED"
    text = "hand-back file {file} is {state}"


class BreakClosed(HandbackError):
    """The break was resolved before."""

    reason = "BREAK_CLOSED"
    text = "break {break_id} is closed"


class BreakOpen(HandbackError):
    """The break is open as it is."""

    reason = "BREAK_OPEN"
    text = "break {break_id} is open"


class ProposalLapsed(HandbackError):
    """What was proposed no longer fits: the redemption has moved since, or it is not proposed."""

    reason = "PROPOSAL_LAPSED"
    text = "what was proposed for {break_id} has lapsed: {why}"


class SecondPersonNeeded(HandbackError):
    """The partner may have credited the redemption, so one person alone may not decide on it."""

    reason = "SECOND_PERSON_NEEDED"
    text = "{redemption} may stand credited, see {break_id}: resolve that, with a second person"


class BreakHoldsRedemption(HandbackError):
    """The break is the queue in which its redemption waits, so it closes by retry or fail only."""

    reason = "BREAK_HOLDS_REDEMPTION"
    text = "{redemption} waits for a decision in {break_id}: retry or fail it"


class PeriodClosed(HandbackError):
    """The cut lies in a period that was closed before, and nothing changes what that says."""

    reason = "PERIOD_CLOSED"
    text = "the ledger is closed up to position {position} by {period}: {cut} lies before it"


class NotAuthenticated(HandbackError):
    """The caller did not say who it is, or could not prove it."""

    reason = "NOT_AUTHENTICATED"
    text = "{expected}"


class NotAllowed(HandbackError):
    """The caller may not do this."""

    reason = "NOT_ALLOWED"
    text = "{actor} may not {action}"


class VersionConflict(HandbackError):
    """A redemption moved between reading it and writing; read again and decide again."""

    reason = "VERSION_CONFLICT"
    text = "{moved} of {expected} redemptions were as they had been read"


class CursorTooOld(HandbackError):
    """The cursor lies before the oldest position still served."""

    reason = "CURSOR_TOO_OLD"
    text = "cursor {cursor} is older than the horizon {horizon}"


class CursorAhead(HandbackError):
    """The cursor lies after the newest position."""

    reason = "CURSOR_AHEAD"
    text = "cursor {cursor} is ahead of the newest position {position}"


class LimitReached(HandbackError):
    """A limit on size, count or concurrency; `retry_after_s` says when to try again, 0 is never."""

    reason = "LIMIT_REACHED"
    text = "{limit} reached"

    def __init__(self, limit: str, *, retry_after_s: float = 0.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(limit=limit)


class StoreUnavailable(HandbackError):
    """The database cannot be reached or refuses work for now."""

    reason = "STORE_UNAVAILABLE"
    text = "the store is not available: {cause}"


class SchemaMismatch(HandbackError):
    """The database has another schema version than this program."""

    reason = "SCHEMA_MISMATCH"
    text = "the database is at schema {found}, this program needs {needed}: run `handbackd migrate`"


class ShuttingDown(HandbackError):
    """The server drains and takes nothing new."""

    reason = "SHUTTING_DOWN"
    text = "the server is shutting down"


class ChainBroken(HandbackError):
    """A law of the journal does not hold on what is stored."""

    reason = "CHAIN_BROKEN"
    text = "{law} does not hold: {found}"
