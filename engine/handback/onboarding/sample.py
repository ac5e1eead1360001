"""Sample files: their bytes, the encoding they seem to have, and their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_LINES: Final = 5_000
"""So many lines of a sample are looked at, at both ends of it; totals need the whole."""

_LAST_LINES: Final = 100
_BLANK_PAGES: Final = re.compile(rb"[\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class Sample:
    """One file as a partner sent it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Text:
    """The lines of one sample; `whole` where none was left out."""

    name: str
    lines: tuple[str, ...]
    whole: bool


def encoding_of(samples: Sequence[Sample]) -> tuple[str, str]:
    """The encoding, and what is unsure about it; nothing where all agree with it."""
    every = b"\n".join(sample.content for sample in samples)
    if every.isascii():
        return "utf-8", ""
    try:
        every.decode("utf-8")
    except UnicodeDecodeError:
        if _BLANK_PAGES.search(every):
            return "cp1252", "bytes above 0x7F are no UTF-8; another code page would fit too"
        return "latin-1", "bytes above 0x7F are no UTF-8; windows-1252 would fit too"
    return "utf-8", ""


def read(sample: Sample, encoding: str) -> Text:
    """The lines of a sample that are not blank."""
    content = sample.content.removeprefix(b"\xef\xbb\xbf").rstrip(b"\x1a")
    text = content.decode(encoding, errors="replace")
    lines = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip()]
    whole = len(lines) <= MAX_LINES
    if not whole:
        lines = lines[: MAX_LINES - _LAST_LINES] + lines[-_LAST_LINES:]
    return Text(sample.name, tuple(lines), whole)
