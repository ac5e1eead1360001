"""The texts of requests, whatever the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from google.protobuf.message import Message

from handback.errors import InvalidRequest, Violation


def check_texts(request: Message, within: str = "") -> None:
    """Raises InvalidRequest for texts with a NUL, which PostgreSQL neither keeps nor looks for."""
    mistakes = [
        Violation(name, "expected a text without NUL")
        for name, text in _texts(within, request)
        if "\0" in text
    ]
    if mistakes:
        raise InvalidRequest(mistakes)


def _texts(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Every text in what a field holds, by the names that lead to it."""
    match value:
        case str():
            yield name, value
        case Message():
            for field, one in value.ListFields():
                yield from _texts(f"{name}.{field.name}".lstrip("."), one)
        case Mapping():
            for key, one in value.items():
                yield from _texts(name, key)
                yield from _texts(f"{name}.{key}", one)
        case Sequence() if not isinstance(value, bytes):
            for one in value:
                yield from _texts(name, one)
