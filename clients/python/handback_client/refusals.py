"""Reads why a call failed from what came over the wire: status, reason, facts, never the text."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from handback_client.errors import HandbackError, Refusal, Violation, error_of

_DETAILS_KEY = "grpc-status-details-bin"
_DOMAIN = "handback"
_NAME_OF_CODE = {code.value[0]: code.name for code in grpc.StatusCode}


def error_of_call(call: grpc.RpcError) -> HandbackError:
    """The exception for a failed call, sync or async."""
    metadata = cast("Iterable[tuple[str, str | bytes]]", call.trailing_metadata() or ())
    details = dict(metadata).get(_DETAILS_KEY)
    if isinstance(details, bytes):
        with suppress(DecodeError):
            return error_of_status(status_pb2.Status.FromString(details))
    return error_of(Refusal(status=call.code().name, message=call.details() or ""))


def error_of_status(status: status_pb2.Status) -> HandbackError:
    """The exception for a status with its details, as one outcome among many carries it."""
    reason, facts = "", {}
    violations: list[Violation] = []
    retry_after_s = 0.0
    for packed in status.details:
        named = error_details_pb2.ErrorInfo()
        mistakes = error_details_pb2.BadRequest()
        pause = error_details_pb2.RetryInfo()
        if packed.Unpack(named) and named.domain == _DOMAIN:
            reason, facts = named.reason, dict(named.metadata)
        elif packed.Unpack(mistakes):
            violations += [Violation(m.field, m.description) for m in mistakes.field_violations]
        elif packed.Unpack(pause):
            retry_after_s = pause.retry_delay.seconds + pause.retry_delay.nanos / 1e9
    refusal = Refusal(
        status=_NAME_OF_CODE.get(status.code, "UNKNOWN"),
        message=status.message,
        reason=reason,
        facts=facts,
        violations=tuple(violations),
        retry_after_s=retry_after_s,
    )
    return error_of(refusal)
