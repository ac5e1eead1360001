"""Who calls, by certificate or by its own word, and under which request key."""

from __future__ import annotations

from typing import Any, Final

import grpc

from handback.errors import InvalidRequest, NotAuthenticated, Violation
from handback.redemptions.requests import MAX_TEXT, comment_mistakes
from handback.store.requests import Command

Context = grpc.aio.ServicerContext[Any, Any]

ACTOR_KEY: Final = "handback-actor"
LOCAL: Final = "local"


def actor_of(context: Context) -> str:
    """Who gives a command.

    Under TLS it is the common name in the caller's certificate. On loopback it is whom the caller
    names in its metadata, or `local`. Raises NotAuthenticated, InvalidRequest.
    """
    proof = context.auth_context()
    if b"ssl" in proof.get("transport_security_type", ()):
        for name in proof.get("x509_common_name", ()):
            if _is_name(text := name.decode("utf-8", "replace")):
                return text
        raise NotAuthenticated(expected="expected a client certificate with a common name")
    named = metadata_of(context).get(ACTOR_KEY, LOCAL)
    if not _is_name(named):
        expected = f"expected a name of at most {MAX_TEXT} characters"
        raise InvalidRequest([Violation(ACTOR_KEY, expected)])
    return named


def sees_restricted(context: Context, readers: frozenset[str]) -> bool:
    """Whether a caller is one of those who may see restricted reasons."""
    if not readers:
        return False
    try:
        return actor_of(context) in readers
    except NotAuthenticated:
        return False


def _is_name(text: str) -> bool:
    return bool(text.strip()) and len(text) <= MAX_TEXT and text.isprintable()


def command_of(context: Context, request_key: str, comment: str = "") -> Command:
    """What is asked by whom, under a key that has to be there. Raises InvalidRequest."""
    mistakes = []
    if not _is_name(request_key):
        expected = f"expected one line of 1 to {MAX_TEXT} characters"
        mistakes.append(Violation("request_key", expected))
    mistakes += comment_mistakes(comment)
    if mistakes:
        raise InvalidRequest(mistakes)
    return Command(actor_of(context), comment, request_key)


def metadata_of(context: Context) -> dict[str, str]:
    """The call's metadata that is text; of a repeated key the last."""
    pairs = context.invocation_metadata() or ()
    return {key: value for key, value in pairs if isinstance(value, str)}
