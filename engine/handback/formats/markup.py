"""XML, streamed. Documents with a DTD, and so with entities of their own, are refused unread."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import BinaryIO, Final
from xml.parsers import expat

from handback.formats.findings import Finding, FindingCode, file_finding
from handback.formats.lines import Block
from handback.formats.tree_plan import Plan
from handback.formats.trees import MAX_DEPTH, TreeReader

_PIECE_BYTES: Final = 64 * 1024
_ROWS: Final = 20_000
_MOST_NAMES: Final = 1_000  # kept; a file may have as many as it likes
_BETWEEN: Final = " "  # of a namespace and a name; neither may have a blank
_CUT: Final = frozenset(
    {"no element found", "unclosed token", "unclosed CDATA section", "partial character"}
)


class _Refused(Exception):
    """The document is not read on; `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class MarkupReader:
    """Reads the records of one XML document."""

    def __init__(self, plan: Plan) -> None:
        self._tree = TreeReader(plan, lambda: self._parser.CurrentLineNumber)
        self._namespaces = plan.layout.namespaces
        self._begun = False
        self._names: dict[str, str] = {}  # without their namespaces
        self._parser = expat.ParserCreate(namespace_separator=_BETWEEN)
        self._parser.buffer_text = True
        self._parser.ordered_attributes = False
        takers = {
            "StartElement": self._start,
            "EndElement": self._tree.end,
            "CharacterData": self._tree.text,
            "StartDoctypeDecl": self._doctype,
        }
        for event, taker in takers.items():
            setattr(self._parser, f"{event}Handler", taker)

    def blocks(self, stream: BinaryIO, ahead: bytes) -> Iterator[Block]:
        """All records; `ahead` is the beginning of the document, read already."""
        pieces = _pieces(stream, ahead.lstrip(b" \t\r\n"))
        finding: Finding | None = None
        for piece in pieces:
            finding = self._parse(piece, last=False)
            if finding is not None:
                break
            if self._tree.height >= _ROWS:
                yield Block(self._tree.take(), last=False)
        if finding is None:
            finding = self._parse(b"", last=True)
        if finding is None:
            self._tree.finish()
        findings = (*self._tree.findings, *([finding] if finding else []))
        yield Block(self._tree.take(), last=True, findings=findings)

    def _parse(self, piece: bytes, *, last: bool) -> Finding | None:
        try:
            self._parser.Parse(piece, last)
        except _Refused as refused:
            return refused.finding
        except expat.ExpatError as wrong:
            told = expat.ErrorString(wrong.code)
            code = FindingCode.TRUNCATED if told in _CUT and last else FindingCode.BAD_MARKUP
            message = f"no well-formed XML: {told}, column {wrong.offset + 1}"
            return file_finding(code, message, line=wrong.lineno)
        except (LookupError, ValueError) as wrong:  # an encoding that nobody knows
            return file_finding(FindingCode.BAD_MARKUP, f"no readable XML: {wrong}")
        return None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = self._names.get(name)
        if local is None:
            local = self._local(name)
        if attributes:
            attributes = {key.rpartition(_BETWEEN)[2]: text for key, text in attributes.items()}
        if not self._tree.start(local, attributes):
            message = f"more than {MAX_DEPTH} elements within each other"
            raise self._refused(FindingCode.BAD_MARKUP, message)

    def _local(self, name: str) -> str:
        """A name without its namespace; that of the first has to be one of the layout's."""
        namespace, _, local = name.rpartition(_BETWEEN)
        if not self._begun:
            self._check_namespace(namespace)
            self._begun = True
        if len(self._names) < _MOST_NAMES:
            self._names[name] = local
        return local

    def _check_namespace(self, namespace: str) -> None:
        if self._namespaces and not any(fnmatchcase(namespace, one) for one in self._namespaces):
            told = f"the namespace {namespace!r} is none of the layout's"
            raise self._refused(FindingCode.NAMESPACE_UNKNOWN, told)

    def _doctype(self, *_declared: object) -> None:
        message = "the document has a DTD, and could define entities there"
        raise self._refused(FindingCode.FORBIDDEN_MARKUP, message)

    def _refused(self, code: FindingCode, message: str) -> _Refused:
        return _Refused(file_finding(code, message, line=self._parser.CurrentLineNumber))


def _pieces(stream: BinaryIO, ahead: bytes) -> Iterator[bytes]:
    for start in range(0, len(ahead), _PIECE_BYTES):
        yield ahead[start : start + _PIECE_BYTES]
    while piece := stream.read(_PIECE_BYTES):
        yield piece
