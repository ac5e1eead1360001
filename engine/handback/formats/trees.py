"""Trees, such as XML and JSON, as records: what opens and closes becomes rows of texts.

A record stands at a path from the root, a field at a path below its record. Details, addenda and
controls are told when they close; a header is told when the first record within it opens, so that
it comes before what it heads. So the fields of a header have to stand before its first record.
Nothing of the tree is kept but the texts of the records that are open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from handback.formats.findings import Finding, FindingCode, file_finding
from handback.formats.layout import (
    CONTROL_KINDS,
    ROOT,
    Cell,
    Cells,
    Kind,
    Place,
    Record,
)
from handback.formats.lines import LINES, MAX_LINE_CHARS
from handback.formats.texts import SEVERAL
from handback.formats.tree_plan import Plan, Slot, Step

MAX_DEPTH: Final = 128
MAX_ADDENDA: Final = 10_000
"""Within one detail; one with more cannot be read."""
_BLANKS: Final = " \t\r\n"
_MAX_PIECES: Final = 256  # of some 8 KiB each: more than a text may have


@dataclass(slots=True)
class _Open:
    """A record that has begun: its node, its row, whether it was told, whether a detail was told
    since it began, and the addenda within it, which are told behind it."""

    node: int
    row: list[object]
    told: bool = False
    answered: bool = False
    addenda: list[_Open] = field(default_factory=list)


class TreeReader:
    """Takes what a parser meets, name by name, and gives rows of the records in it.

    `line_now` says which line is being read; where there is none, `line` does.
    """

    def __init__(self, plan: Plan, line_now: Callable[[], int] | None = None) -> None:
        self._plan = plan
        self._line_now = line_now
        self._steps: list[Step | None] = [plan.root]
        self._open: list[_Open] = []
        self._of_node: dict[int, _Open] = {}
        self._above: dict[Slot, str | None] = {}  # None: a record began without it
        self._texts: list[list[str] | None] = []
        self._rows: list[list[tuple[object, ...]]] = [[] for _ in plan.nodes]
        self._unanswered: list[tuple[int, list[object]]] = []
        self._details = 0
        self._told = 0
        self.line = 0
        self.height = 0
        self.findings: list[Finding] = []

    def start(self, name: str, attributes: Mapping[str, str] | None = None) -> bool:
        """Something of this name opens. False where it stands too deep to go on."""
        steps = self._steps
        above = steps[-1]
        step = above.below.get(name) if above is not None else None
        if step is None and len(steps) == 1:
            step = self._plan.root.below.get(ROOT)
        steps.append(step)
        if step is None:
            self._texts.append(None)
            return len(steps) <= MAX_DEPTH
        if step.forgets:
            for slot in step.forgets:
                self._above.pop(slot, None)
        if step.nodes:
            self._begin(step.nodes)
        self._texts.append([] if step.slots else None)
        if attributes and step.attributes:
            for attribute, slots in step.attributes.items():
                if attribute in attributes:
                    self._store(slots, attributes[attribute])
        return len(steps) <= MAX_DEPTH

    def leaf(self, name: str, text: str) -> None:
        """Something of this name opens, holds this text, and closes."""
        above = self._steps[-1]
        step = above.below.get(name) if above is not None else None
        if step is not None and not step.nodes and not step.forgets:
            if step.slots:
                self._store(step.slots, text.strip(_BLANKS))
        elif step is not None or len(self._steps) == 1:
            self.start(name)
            self.text(text)
            self.end()

    def text(self, piece: str) -> None:
        """Text within what opened last."""
        texts = self._texts[-1] if self._texts else None
        if texts is not None and len(texts) < _MAX_PIECES:
            texts.append(piece)

    def end(self, _name: str = "") -> None:
        """What opened last closes."""
        step, texts = self._steps.pop(), self._texts.pop()
        if step is None:
            return
        if texts is not None:
            self._store(step.slots, "".join(texts).strip(_BLANKS))
        if not step.nodes:
            return
        first = len(self._open) - len(step.nodes)
        closing, self._open = self._open[first:], self._open[:first]
        self._look()
        for record in closing:
            self._close(record)

    def broken(self, line: int, raw: str, flaw: FindingCode) -> None:
        """A record that cannot be read at all stands here."""
        self._told += 1
        self.height += 1
        self._rows[0].append((self._told, line, flaw.value, raw, *[None] * self._width(0)))

    def finish(self) -> None:
        """The tree ends: the headers of the file that nothing answers stand for themselves."""
        if not self._details:
            for alone, row in self._unanswered[:1]:
                self._tell(alone, row)

    def take(self) -> pl.DataFrame:
        """The rows told so far, in their order: LINES, `node`, and a column per cell."""
        frames = [self._frame(number, rows) for number, rows in enumerate(self._rows) if rows]
        self._rows = [[] for _ in self._plan.nodes]
        self.height = 0
        if not frames:
            return LINES.to_frame().with_columns(
                pl.lit(0, dtype=pl.Int32).alias("node"),
                *(pl.lit(None, dtype=pl.String).alias(name) for name in self._cell_names()),
            )
        rows = pl.concat(frames, how="diagonal").sort("told").drop("told")
        missing = [name for name in self._cell_names() if name not in rows.columns]
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)

    def _look(self) -> None:
        """Note the line; it is asked for at records alone, as asking takes its time."""
        if self._line_now is not None:
            self.line = self._line_now()

    def _begin(self, nodes: Sequence[int]) -> None:
        self._look()
        for above in self._open:
            if not above.told and self._plan.nodes[above.node].header:
                self._tell(above.node, above.row)
                above.told = True
        for number in nodes:
            row: list[object] = [self.line, None, None, *[None] * self._width(number)]
            for slot in self._plan.nodes[number].from_above:
                row[slot.cell + 3] = self._above.setdefault(slot, None)
            self._of_node[number] = _Open(number, row)
            self._open.append(self._of_node[number])

    def _close(self, record: _Open) -> None:
        node = self._plan.nodes[record.node]
        if node.kind is Kind.ADDENDA and (detail := self._detail_around()) is not None:
            if len(detail.addenda) < MAX_ADDENDA:
                detail.addenda.append(record)
            else:
                detail.row[1] = FindingCode.LINE_TOO_LONG.value
            return
        if node.kind in CONTROL_KINDS:
            record.row[0] = self.line  # where it closes
        if not record.told:
            self._tell(record.node, record.row)
        for one in record.addenda:
            self._tell(one.node, one.row)
        if node.kind is Kind.DETAIL:
            self._details += 1
            for above in self._open:
                above.answered = True
        if node.alone is not None and not record.answered:
            if node.kind is Kind.HEADER:
                self._unanswered.append((node.alone, record.row))
            else:
                self._tell(node.alone, record.row)
                self._details += 1

    def _detail_around(self) -> _Open | None:
        """The detail that is open."""
        open_details = (one for one in self._open if self._plan.nodes[one.node].kind is Kind.DETAIL)
        return next(open_details, None)

    def _store(self, slots: Sequence[Slot], text: str) -> None:
        for slot in slots:
            if slot.above:
                self._keep(slot, text)
                continue
            record = self._of_node[slot.node]
            if record.told and text:
                self._misplaced(slot)
                continue
            at = slot.cell + 3
            before = record.row[at]
            if len(text) > MAX_LINE_CHARS:
                record.row[1], text = FindingCode.LINE_TOO_LONG.value, text[:MAX_LINE_CHARS]
            if before is None:
                record.row[at] = text
            elif slot.every:
                record.row[at] = self._joined(str(before), text)
            else:
                record.row[1] = FindingCode.FIELD_REPEATED.value

    def _keep(self, slot: Slot, text: str) -> None:
        """Remember a text for the records below; the first counts."""
        if slot not in self._above:
            self._above[slot] = text[:MAX_LINE_CHARS]
        elif text and self._above[slot] is None:
            self._misplaced(slot)

    def _joined(self, before: str, text: str) -> str:
        if not text:
            return before
        return f"{before}{SEVERAL}{text}"[:MAX_LINE_CHARS]

    def _misplaced(self, slot: Slot) -> None:
        if not self.findings:
            self._look()
            path = self._plan.nodes[slot.node].path
            what = (
                f"what {path} needs from above" if slot.above else f"a field of the header {path}"
            )
            message = f"{what} stands behind the first record within it"
            self.findings.append(
                file_finding(FindingCode.HEADER_MISPLACED, message, line=self.line)
            )

    def _tell(self, node: int, row: list[object]) -> None:
        self._told += 1
        self.height += 1
        self._rows[node].append((self._told, *row))

    def _width(self, node: int) -> int:
        return len(self._plan.nodes[node].cells)

    def _cell_names(self) -> Iterator[str]:
        widest = max((self._width(node) for node in range(len(self._rows))), default=0)
        return (f"cell_{number}" for number in range(1, widest + 1))

    def _frame(self, number: int, rows: list[tuple[object, ...]]) -> pl.DataFrame:
        cells = [f"cell_{cell}" for cell in self._plan.nodes[number].cells.values()]
        schema = {
            "told": pl.Int64(),
            "line": pl.Int64(),
            "flaw": pl.String(),
            "quoted": pl.String(),
        }
        schema |= dict.fromkeys(cells, pl.String())
        columns = dict(zip(schema, zip(*rows, strict=True), strict=True))
        frame = pl.DataFrame(columns, schema=schema)
        quoted = [
            pl.format(f"{path.replace('{', '').replace('}', '')}={{}}", pl.col(f"cell_{cell}"))
            for (path, _), cell in self._plan.nodes[number].cells.items()
        ]
        raw = pl.coalesce(
            "quoted", pl.concat_str(quoted or [pl.lit("")], separator=" ", ignore_nulls=True)
        )
        return frame.select(
            "told", "line", raw.alias("raw"), "flaw",
            pl.lit(number, dtype=pl.Int32).alias("node"), *cells,
        )  # fmt: skip


class TreeCut:
    """Finds fields in the rows of a tree."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def rows(self, lines: pl.DataFrame, *, last: bool) -> pl.DataFrame:
        """The rows are records already."""
        return lines

    def node(self, record: Record) -> int | None:
        """Which records a row may be."""
        return self._plan.node_of(record)

    def has_blanks(self, rows: pl.DataFrame) -> bool:
        """Any may."""
        return True

    def text(self, place: Place) -> pl.Expr:
        """The text at a path."""
        if isinstance(place, Cell):
            return pl.col(f"cell_{place.number}")
        assert isinstance(place, Cells), place
        cells = [pl.col(f"cell_{number}") for number in place.numbers]
        texts = [pl.when(cell.str.strip_chars() != "").then(cell) for cell in cells]
        if place.every:
            return pl.concat_str(texts, separator=SEVERAL, ignore_nulls=True)
        return pl.coalesce(texts)

    def octets(self, place: Place) -> pl.Expr:
        """Nothing: texts are made of characters."""
        raise AssertionError(place)

    def rest(self, place: Place) -> pl.Expr:
        """The text at a path; there is no rest."""
        return self.text(place)

    def size_flaws(self, record: Record) -> list[tuple[FindingCode, str, pl.Expr]]:
        """Nothing: a record may lack whatever is not required."""
        return []

    def is_cut(self, raw: str, record: Record) -> bool:
        """Never: a tree that was cut is not one."""
        return False
