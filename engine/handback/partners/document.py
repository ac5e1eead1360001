"""A TOML document under examination: what is wrong with it, by key, and on which line."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from handback.errors import InvalidAgreement, Violation

MAX_BYTES: Final = 1 << 18
"""Longest document, 256 KiB: some four thousand codes with their layouts."""

# The parser's time grows with the square of the parts of one dotted key, which is one line.
MAX_LINE_CHARS: Final = 1_000
MAX_DEPTH: Final = 20
_TOO_DEEP: Final = f"tables and lists at most {MAX_DEPTH} deep"

Path = tuple[str | int, ...]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
    r"|#[^\n]*"
    r"|[][{},=\n]"
    r"|[^][{},=\s\"'#]+",
    re.DOTALL,
)
_LAST_PART: Final = re.compile(r'(?:\[\d+\]|\.?"(?:\\.|[^"\\])*"|(?:^|\.)[A-Za-z0-9_-]+)$')


def dotted(path: Path) -> str:
    """The path of a key as people write it: `codes.handback."R 1"`, `payout.match[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f".{shown}" if text else shown
    return text


def load(source: str) -> dict[str, Any]:
    """The document as plain values. Raises InvalidAgreement where it is not TOML at all."""
    if len(source.encode(errors="replace")) > MAX_BYTES:
        raise _unreadable(f"at most {MAX_BYTES} bytes")
    if max(map(len, source.split("\n"))) > MAX_LINE_CHARS:
        raise _unreadable(f"lines of at most {MAX_LINE_CHARS} characters")
    try:
        content = tomllib.loads(source)
    except tomllib.TOMLDecodeError as mistake:
        raise _unreadable(f"TOML; {mistake}") from None
    except RecursionError:
        raise _unreadable(_TOO_DEEP) from None
    level: list[Any] = [content]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    if level:
        raise _unreadable(_TOO_DEEP)
    return content


def _unreadable(expected: str) -> InvalidAgreement:
    return InvalidAgreement([Violation("document", expected)])


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def key_lines(source: str) -> dict[str, int]:
    """The line, from 1, of every key, table and array element of a sound TOML document."""
    return _Lines(source).lines


def placed(mistakes: Sequence[Violation], source: str) -> list[Violation]:
    """Mistakes in the order of the document, each with the line of its key."""
    lines = key_lines(source)
    found = [(_line_of(mistake.field, lines), mistake) for mistake in mistakes]
    found.sort(key=lambda place: place[0])
    return [
        Violation(mistake.field, f"{mistake.expected} (line {line})" if line else mistake.expected)
        for line, mistake in found
    ]


def _line_of(where: str, lines: Mapping[str, int]) -> int:
    """The line of a key, or of the nearest thing around it that the document has; 0 for none."""
    while where and where not in lines:
        where = _LAST_PART.sub("", where, count=1) if _LAST_PART.search(where) else ""
    return lines.get(where, 0)


class _Lines:
    """Walks a document that `tomllib` has accepted, minding only where things begin."""

    def __init__(self, source: str) -> None:
        self.lines: dict[str, int] = {}
        self._tokens = _tokens(source)
        self._newest: dict[Path, int] = {}
        self._token = ""
        self._line = 0
        self._document()

    def _next(self) -> str:
        self._token, self._line = next(self._tokens, ("", self._line))
        return self._token

    def _note(self, path: Path, line: int) -> None:
        for length in range(1, len(path) + 1):
            self.lines.setdefault(dotted(path[:length]), line)

    def _document(self) -> None:
        table: Path = ()
        self._next()
        while self._token:
            if self._token == "\n":
                self._next()
            elif self._token == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        line, text = self._line, ""
        while self._token not in ("\n", ""):
            text += self._token
            self._next()
        path: Path = ()
        keys, is_array = _keys(text)
        for key in keys:
            path = (*path, key)
            if is_array and len(path) - sum(isinstance(p, int) for p in path) == len(keys):
                self._newest[path] = self._newest.get(path, -1) + 1
            if path in self._newest:
                path = (*path, self._newest[path])
        self._note(path, line)
        return path

    def _pair(self, table: Path) -> None:
        line, text = self._line, ""
        while self._token not in ("=", ""):
            text += self._token
            self._next()
        path = table + _keys(f"[{text}]")[0]
        self._note(path, line)
        self._next()
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._token == "[":
            self._list(path)
        elif self._token == "{":
            self._inline_table(path)
        else:
            while self._token not in (",", "]", "}", "\n", ""):
                self._next()

    def _list(self, path: Path) -> None:
        index = 0
        self._next()
        while self._token not in ("]", ""):
            if self._token == ",":
                index += 1
            elif self._token != "\n":
                self._note((*path, index), self._line)
                self._value((*path, index))
                continue
            self._next()
        self._next()

    def _inline_table(self, path: Path) -> None:
        self._next()
        while self._token not in ("}", ""):
            if self._token in (",", "\n"):
                self._next()
            else:
                self._pair(path)
        self._next()


def _keys(header: str) -> tuple[Path, bool]:
    """The keys of a table header, and whether it is that of an array of tables."""
    keys: list[str] = []
    inner: Any = tomllib.loads(header)
    while inner:
        if isinstance(inner, list):
            return tuple(keys), True
        ((key, inner),) = inner.items()
        keys.append(key)
    return tuple(keys), False


def _tokens(source: str) -> Iterator[tuple[str, int]]:
    """Tokens with their lines; comments and blanks are left out."""
    line, seen = 1, 0
    for found in _TOKEN.finditer(source):
        line += source.count("\n", seen, found.start())
        seen = found.start()
        if not found[0].startswith("#"):
            yield found[0], line
