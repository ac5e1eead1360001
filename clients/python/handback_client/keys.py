"""Request keys for callers who bring none of their own."""

from __future__ import annotations

from uuid import uuid4


def new_request_key() -> str:
    """A request key that nobody has used: 32 hexadecimal digits."""
    return uuid4().hex
