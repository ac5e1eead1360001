"""JSON: one document, streamed, or one on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO, Final

import ijson

from handback.formats.findings import Finding, FindingCode, file_finding
from handback.formats.layout import ROOT
from handback.formats.lines import Block, LineReader
from handback.formats.tree_plan import Plan
from handback.formats.trees import MAX_DEPTH, TreeReader

_BOM: Final = b"\xef\xbb\xbf"
_PIECE_BYTES: Final = 64 * 1024
_ROWS: Final = 20_000
_CUT: Final = ("premature EOF", "incomplete")


class JsonReader:
    """Reads the records of one JSON document. The members of an array stand where it stands."""

    def __init__(self, plan: Plan) -> None:
        self._tree = TreeReader(plan)
        self._names: list[str] = []  # of the values to come, one for each map and array within

    def blocks(self, stream: BinaryIO, ahead: bytes) -> Iterator[Block]:
        """All records; `ahead` is the beginning of the document, read already."""
        events = ijson.sendable_list()
        parser = ijson.basic_parse_coro(events)
        finding: Finding | None = None
        self._tree.line = 1
        for piece in _by_lines(stream, ahead.removeprefix(_BOM)):
            finding = self._take(parser, events, piece)
            if finding is not None:
                break
            self._tree.line += piece.count(b"\n")
            if self._tree.height >= _ROWS:
                yield Block(self._tree.take(), last=False)
        if finding is None:
            finding = self._take(parser, events, b"")
        if finding is None:
            self._tree.finish()
        findings = (*self._tree.findings, *([finding] if finding else []))
        yield Block(self._tree.take(), last=True, findings=findings)

    def _take(
        self, parser: object, events: list[tuple[str, object]], piece: bytes
    ) -> Finding | None:
        line = self._tree.line
        try:
            if piece:
                parser.send(piece)  # type: ignore[attr-defined]
            else:
                parser.close()  # type: ignore[attr-defined]
        except (ijson.JSONError, ValueError) as wrong:
            return _no_json(wrong, line, _unreadable(piece))
        for event, value in events:
            if not self._on(event, value):
                message = f"more than {MAX_DEPTH} values within each other"
                return file_finding(FindingCode.BAD_MARKUP, message, line=line)
        del events[:]
        return None

    def _on(self, event: str, value: object) -> bool:
        if event == "map_key":  # and scalars are what comes most often
            self._names[-1] = str(value)
            return True
        name = self._names[-1] if self._names else ROOT
        match event:
            case "string" | "number" | "boolean":
                _scalar(self._tree, name, value)
            case "start_map":
                self._names.append("")
                return self._tree.start(name)
            case "end_map":
                self._names.pop()
                self._tree.end()
            case "start_array":
                self._names.append(name)
                return len(self._names) <= MAX_DEPTH
            case "end_array":
                self._names.pop()
        return True


class JsonLineReader:
    """Reads a JSON document from each line; a line that is none is a record that cannot be read."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tree = TreeReader(plan)

    def blocks(self, stream: BinaryIO, ahead: bytes) -> Iterator[Block]:
        """All records; `ahead` is the first block of bytes, read already."""
        for block in LineReader(self._plan.layout).blocks(stream, ahead):
            for line, raw, flaw in block.lines.iter_rows():
                self._line(line, raw, flaw)
            if block.last:
                self._tree.finish()
            findings = tuple(self._tree.findings) if block.last else ()
            yield Block(self._tree.take(), block.last, block.terminated, findings)

    def _line(self, line: int, raw: str, flaw: str | None) -> None:
        if not raw.strip():
            return
        self._tree.line = line
        try:
            value = json.loads(raw, parse_float=str, parse_int=str, parse_constant=str)
        except (ValueError, RecursionError):
            value = None
        if flaw is not None or not isinstance(value, dict):
            self._tree.broken(line, raw, FindingCode(flaw or FindingCode.BAD_MARKUP))
        elif raw.count("{") + raw.count("[") > MAX_DEPTH and _is_deep(value):
            self._tree.broken(line, raw, FindingCode.BAD_MARKUP)
        else:
            self._walk(ROOT, value)

    def _walk(self, name: str, value: object) -> None:
        match value:
            case dict():
                self._tree.start(name)
                for key, inner in value.items():
                    self._walk(key, inner)
                self._tree.end()
            case list():
                for inner in value:
                    self._walk(name, inner)
            case None:
                pass
            case _:
                _scalar(self._tree, name, value)


def _no_json(wrong: Exception, line: int, column: int) -> Finding:
    """The finding about what the parser says; `column` is 0 where every byte is a character."""
    said = wrong.args[0] if wrong.args else ""
    told = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
    if any(mark in told for mark in _CUT):
        return file_finding(FindingCode.TRUNCATED, "the JSON ends too early", line=line)
    reason = told.splitlines()[0] if told else "it cannot be read"
    place = f", column {column}" if column else ""
    return file_finding(FindingCode.BAD_MARKUP, f"no JSON: {reason}{place}", line=line)


def _unreadable(piece: bytes) -> int:
    """The column of the first byte that is no UTF-8; pieces are lines. 0 where there is none."""
    try:
        piece.decode()
    except UnicodeDecodeError as wrong:
        return len(piece[: wrong.start].decode()) + 1
    return 0


def _is_deep(value: object) -> bool:
    """Do values stand too deep within each other?"""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        inner = [one.values() if isinstance(one, dict) else one for one in level]
        level = [one for values in inner for one in values if isinstance(one, dict | list)]  # type: ignore[attr-defined]
        if not level:
            return False
    return True


def _scalar(tree: TreeReader, name: str, value: object) -> None:
    if isinstance(value, str):
        tree.leaf(name, value)
    else:
        tree.leaf(name, str(value).lower() if isinstance(value, bool) else str(value))


def _by_lines(stream: BinaryIO, ahead: bytes) -> Iterator[bytes]:
    """The bytes in pieces that end with a line where lines are short, so that findings have one."""
    while ahead:
        yield from ahead.splitlines(keepends=True) if ahead.count(b"\n") else [ahead]
        ahead = stream.read(_PIECE_BYTES)
