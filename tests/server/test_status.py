"""Every domain error has its place in the one table, and arrives with reason and facts."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from handback import errors
from handback_server.status import CODES, code_of, status_of


def info_of(status: Status) -> ErrorInfo:
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    return info


def test_every_domain_error_is_mapped_and_nothing_else() -> None:
    assert set(CODES) == set(errors.HandbackError.__subclasses__())


def test_no_domain_error_has_leaves_of_its_own() -> None:
    assert [leaf for one in CODES for leaf in one.__subclasses__()] == []


def test_reasons_are_unique_and_in_capitals() -> None:
    reasons = [leaf.reason for leaf in CODES]
    assert len(set(reasons)) == len(reasons)
    assert all(reason == reason.upper() for reason in reasons)


def test_an_error_arrives_with_reason_and_facts() -> None:
    status = status_of(errors.NotFound(kind="redemption", id="rdm_1"))
    assert code_of(status) is grpc.StatusCode.NOT_FOUND
    assert status.message == "no redemption rdm_1"
    info = info_of(status)
    assert (info.reason, info.domain) == ("NOT_FOUND", "handback")
    assert dict(info.metadata) == {"kind": "redemption", "id": "rdm_1"}


def test_every_violation_arrives_with_its_field() -> None:
    mistakes = [errors.Violation("unit", "expected miles"), errors.Violation("quantity", "1 up")]
    status = status_of(errors.InvalidRequest(mistakes))
    found = BadRequest()
    assert status.details[1].Unpack(found)
    listed = [(one.field, one.description) for one in found.field_violations]
    assert listed == [("unit", "expected miles"), ("quantity", "1 up")]


def test_a_limit_says_when_to_come_again() -> None:
    status = status_of(errors.LimitReached("calls", retry_after_s=0.25))
    found = RetryInfo()
    assert code_of(status) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status.details[1].Unpack(found)
    assert found.retry_delay.ToMilliseconds() == 250


def test_a_limit_that_never_passes_names_no_delay() -> None:
    assert len(status_of(errors.LimitReached("message size")).details) == 1


@pytest.mark.parametrize("failure", [RuntimeError("secret"), AssertionError("secret")])
def test_the_text_of_a_mistake_of_ours_is_withheld(failure: Exception) -> None:
    status = status_of(failure)
    assert code_of(status) is grpc.StatusCode.INTERNAL
    assert info_of(status).reason == "INTERNAL"
    assert b"secret" not in status.SerializeToString()


def test_a_thousand_mistakes_still_fit_into_the_trailing_metadata() -> None:
    mistakes = [errors.Violation(f"field_{n}", "x" * 200) for n in range(1_000)]
    assert len(status_of(errors.InvalidAgreement(mistakes)).SerializeToString()) < 8_000
