"""Domain errors on the wire: one table, and the standard details of `google.rpc.Status`.

A client reads `ErrorInfo.reason` and never the text. What is not a domain error is a mistake of
ours: its text stays in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from handback import errors

DOMAIN: Final = "handback"
# Where gRPC puts the serialised `google.rpc.Status` of a call that failed.
DETAILS_KEY: Final = "grpc-status-details-bin"
# A gRPC peer takes 8 KiB of trailing metadata by default; a longer list of mistakes is cut off.
_MAX_BYTES: Final = 5_000
_MAX_TEXT: Final = 500

CODES: Final[Mapping[type[errors.HandbackError], grpc.StatusCode]] = MappingProxyType(
    {
        errors.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
        errors.InvalidAgreement: grpc.StatusCode.INVALID_ARGUMENT,
        errors.InvalidSettings: grpc.StatusCode.FAILED_PRECONDITION,
        errors.NotFound: grpc.StatusCode.NOT_FOUND,
        errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
        errors.RequestKeyReused: grpc.StatusCode.FAILED_PRECONDITION,
        errors.IllegalTransition: grpc.StatusCode.FAILED_PRECONDITION,
        errors.AgreementNotActive: grpc.StatusCode.FAILED_PRECONDITION,
        errors.CutOffPassed: grpc.StatusCode.FAILED_PRECONDITION,
        errors.FieldsUnchanged: grpc.StatusCode.FAILED_PRECONDITION,
        errors.MemberCorrected: grpc.StatusCode.FAILED_PRECONDITION,
        errors.RetryExcluded: grpc.StatusCode.FAILED_PRECONDITION,
        errors.PartnerHeld: grpc.StatusCode.FAILED_PRECONDITION,
        errors.WrongBatchState: grpc.StatusCode.FAILED_PRECONDITION,
        errors.FileQuarantined: grpc.StatusCode.FAILED_PRECONDITION,
        errors.BreakClosed: grpc.StatusCode.FAILED_PRECONDITION,
        errors.BreakOpen: grpc.StatusCode.FAILED_PRECONDITION,
        errors.ProposalLapsed: grpc.StatusCode.FAILED_PRECONDITION,
        errors.SecondPersonNeeded: grpc.StatusCode.FAILED_PRECONDITION,
        errors.BreakHoldsRedemption: grpc.StatusCode.FAILED_PRECONDITION,
        errors.PeriodClosed: grpc.StatusCode.FAILED_PRECONDITION,
        errors.SchemaMismatch: grpc.StatusCode.FAILED_PRECONDITION,
        errors.NotAuthenticated: grpc.StatusCode.UNAUTHENTICATED,
        errors.NotAllowed: grpc.StatusCode.PERMISSION_DENIED,
        errors.VersionConflict: grpc.StatusCode.ABORTED,
        errors.CursorTooOld: grpc.StatusCode.OUT_OF_RANGE,
        errors.CursorAhead: grpc.StatusCode.OUT_OF_RANGE,
        errors.LimitReached: grpc.StatusCode.RESOURCE_EXHAUSTED,
        errors.StoreUnavailable: grpc.StatusCode.UNAVAILABLE,
        errors.ShuttingDown: grpc.StatusCode.UNAVAILABLE,
        errors.ChainBroken: grpc.StatusCode.DATA_LOSS,
    }
)
_NUMBER: Final = {code: code.value[0] for code in grpc.StatusCode}
_CODE: Final = {number: code for code, number in _NUMBER.items()}


def status_of(failure: BaseException) -> Status:
    """What a call that ended with this exception tells its caller."""
    if isinstance(failure, errors.HandbackError):
        return _domain_status(failure)
    if isinstance(failure, TimeoutError):
        return _status(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline has passed")
    return _status(grpc.StatusCode.INTERNAL, "the server failed; its log says why")


def code_of(status: Status) -> grpc.StatusCode:
    """The gRPC code of a status."""
    return _CODE[status.code]


def _domain_status(failure: errors.HandbackError) -> Status:
    status = Status(code=_NUMBER[CODES[type(failure)]], message=_cut(str(failure)))
    facts = {name: _cut(text) for name, text in failure.facts.items()}
    match failure:
        case errors.InvalidRequest() | errors.InvalidAgreement() | errors.InvalidSettings():
            facts.pop("mistakes", None)  # they follow one by one
            found = BadRequest()
            for violation in failure.violations:
                field, expected = _cut(violation.field), _cut(violation.expected)
                if found.ByteSize() + len(field.encode()) + len(expected.encode()) > _MAX_BYTES:
                    break
                found.field_violations.add(field=field, description=expected)
            _add(status, ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=facts), found)
        case errors.LimitReached(retry_after_s=pause) if pause > 0:
            delay = Duration()
            delay.FromMilliseconds(round(pause * 1_000))
            known = ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=facts)
            _add(status, known, RetryInfo(retry_delay=delay))
        case _:
            _add(status, ErrorInfo(reason=failure.reason, domain=DOMAIN, metadata=facts))
    return status


def _status(code: grpc.StatusCode, message: str) -> Status:
    status = Status(code=_NUMBER[code], message=message)
    _add(status, ErrorInfo(reason=code.name, domain=DOMAIN))
    return status


def _add(status: Status, *details: ErrorInfo | BadRequest | RetryInfo) -> None:
    for detail in details:
        status.details.add().Pack(detail)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
