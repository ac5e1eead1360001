"""Exceptions follow the reason on the wire, and nothing else."""

from __future__ import annotations

import pickle

import pytest

from handback import errors as engine_errors
from handback_client import errors
from handback_client.errors import HandbackError, Refusal, Violation, error_of


def leaves_of(base: type) -> list[type]:
    return [leaf for direct in base.__subclasses__() for leaf in (direct, *leaves_of(direct))]


def test_every_reason_of_the_engine_has_a_leaf_of_the_same_name() -> None:
    for leaf in leaves_of(engine_errors.HandbackError):
        if leaf.__module__ == engine_errors.__name__:
            ours = error_of(Refusal("FAILED_PRECONDITION", reason=leaf.reason))
            assert type(ours).__name__ == leaf.__name__


def test_every_leaf_is_found_by_its_reason() -> None:
    for leaf in leaves_of(HandbackError):
        assert type(error_of(Refusal("UNKNOWN", reason=leaf.reason))) is leaf


def test_a_reason_it_does_not_know_is_the_base_and_keeps_the_reason() -> None:
    error = error_of(Refusal("NOT_FOUND", "text", reason="NEWER_THAN_THIS_CLIENT"))
    assert type(error) is HandbackError
    assert error.reason == "NEWER_THAN_THIS_CLIENT"
    assert error.status == "NOT_FOUND"


@pytest.mark.parametrize(
    ("status", "leaf"),
    [
        ("UNAVAILABLE", errors.ServerUnreachable),
        ("DEADLINE_EXCEEDED", errors.DeadlineExceeded),
        ("INTERNAL", errors.InternalError),
        ("CANCELLED", HandbackError),
    ],
)
def test_without_a_reason_the_status_decides(status: str, leaf: type[HandbackError]) -> None:
    error = error_of(Refusal(status))
    assert type(error) is leaf
    assert error.reason == status
    assert str(error) == status


def test_the_text_never_decides() -> None:
    refusal = Refusal("FAILED_PRECONDITION", "CURSOR_TOO_OLD: NOT_FOUND", reason="BREAK_CLOSED")
    assert type(error_of(refusal)) is errors.BreakClosed


def test_the_horizon_is_a_fact() -> None:
    error = error_of(Refusal("OUT_OF_RANGE", reason="CURSOR_TOO_OLD", facts={"horizon": "41.0"}))
    assert isinstance(error, errors.CursorTooOld)
    assert error.horizon == "41.0"


def test_an_error_survives_a_process_boundary() -> None:
    refusal = Refusal(
        "INVALID_ARGUMENT",
        "quantity: expected 1 or more",
        reason="INVALID_REQUEST",
        violations=(Violation("quantity", "expected 1 or more"),),
    )
    copied = pickle.loads(pickle.dumps(error_of(refusal)))
    assert type(copied) is errors.InvalidRequest
    assert str(copied) == "quantity: expected 1 or more"
    assert [str(violation) for violation in copied.violations] == ["quantity: expected 1 or more"]
