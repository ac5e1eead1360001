"""A layout prepared for the reading of trees: what is wanted at each step from the root down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from handback.formats.layout import (
    ALONE,
    HEADER_KINDS,
    ROOT,
    UP,
    Cell,
    Cells,
    Field,
    Kind,
    Layout,
    Path,
    Place,
    Record,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """A text wanted: of which record (by its node), in which cell; `every` takes all of them.
    One from `above` the record is there before it begins, for all records to come below."""

    node: int
    cell: int
    every: bool
    above: bool = False


@dataclass(slots=True)
class Step:
    """One name on the way from the root: what stands there, and what may come below."""

    below: dict[str, Step] = field(default_factory=dict)
    attributes: dict[str, list[Slot]] = field(default_factory=dict)
    nodes: list[int] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    forgets: list[Slot] = field(default_factory=list)
    """What is wanted from here for records below, anew each time that this opens."""

    def at(self, names: Iterable[str]) -> Step:
        """The step some names further down, made where it is not there yet."""
        step = self
        for name in names:
            step = step.below.setdefault(name, Step())
        return step


@dataclass(slots=True)
class Node:
    """Records of one path that are told at one time; layout records are parted by their tags."""

    path: str
    header: bool
    kind: Kind
    cells: dict[tuple[str, bool], int] = field(default_factory=dict)
    from_above: list[Slot] = field(default_factory=list)
    alone: int | None = None


class Plan:
    """A layout prepared for a tree: its records by node, their fields by cell, and the steps."""

    def __init__(self, layout: Layout) -> None:
        self.nodes: list[Node] = []
        self._numbers: dict[tuple[str, bool], int] = {}
        self.layout = replace(layout, records=tuple(self._placed(one) for one in layout.records))
        self.root = Step()
        for number, node in enumerate(self.nodes):
            if not node.path.endswith(ALONE):
                self._grow(number, node)
            if node.header:
                node.alone = self._numbers.get((node.path + ALONE, False))

    def node_of(self, record: Record) -> int:
        """The number of a record's node."""
        return self._numbers[record.path, record.kind in HEADER_KINDS]

    def _placed(self, record: Record) -> Record:
        header = record.kind in HEADER_KINDS
        number = self._numbers.setdefault((record.path, header), len(self.nodes))
        if number == len(self.nodes):
            self.nodes.append(Node(record.path, header, record.kind))
        node = self.nodes[number]
        # What a header says of itself when it stands alone lies in the cells of the header.
        twin = self._numbers.get((record.path.removesuffix(ALONE), True))
        cells = self.nodes[twin].cells if record.path.endswith(ALONE) and twin is not None else None
        cells = node.cells if cells is None else cells
        node.cells = cells
        tag = tuple(replace(one, place=_cells(one.place, cells)) for one in record.tag)
        fields = tuple(self._field(one, cells) for one in record.fields)
        return replace(record, tag=tag, fields=fields)

    def _field(self, one: Field, cells: dict[tuple[str, bool], int]) -> Field:
        return one if one.place is None else replace(one, place=_cells(one.place, cells))

    def _grow(self, number: int, node: Node) -> None:
        names = self.layout.steps(node.path)
        top = self.root.at(names)
        top.nodes.append(number)
        for (path, every), cell in node.cells.items():
            rise = path.count(UP)
            slot = Slot(number, cell - 1, every, above=rise > 0)
            start = self.root.at(names[:-rise]) if rise else top
            if rise:
                start.forgets.append(slot)
                node.from_above.append(slot)
            steps, _, attribute = path.removeprefix(UP * rise).partition("@")
            step = start.at(name for name in steps.split("/") if name and name != ROOT)
            if attribute:
                step.attributes.setdefault(attribute, []).append(slot)
            else:
                step.slots.append(slot)


def _cells(place: Place, cells: dict[tuple[str, bool], int]) -> Cell | Cells:
    assert isinstance(place, Path), place
    found = [cells.setdefault((path, place.every), len(cells) + 1) for path in place.paths]
    return Cell(found[0]) if len(found) == 1 else Cells(tuple(found), place.every)
