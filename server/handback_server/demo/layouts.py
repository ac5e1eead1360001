"""How the three partners read payout files and write hand-back files: plain text, nothing more.

What stands here is what each partner would have been told on paper. Nothing of Handback is
imported, so these files are read and written by other code than the one they test.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

from handback_server.demo.plan import NORTHBANK, PROGRAMME, SKYWAYS, STAYWELL


class Request(NamedTuple):
    """One detail of a payout file; `number` is which redemption of the plan it is."""

    reference: str
    number: int
    quantity: int
    unit: str


class Payout(NamedTuple):
    """A payout file as the partner reads it; `day` as YYYYMMDD."""

    day: str
    requests: Sequence[Request]


class Answer(NamedTuple):
    """One record of a hand-back file; `quantity` is text, and may be illegible."""

    request: Request
    code: str
    quantity: str


class Layout(Protocol):
    """A partner's way with files."""

    partner: str
    encoding: str
    complete: str
    """What shows that a hand-back file is whole: rename, marker or trailer."""

    def read(self, name: str, text: str) -> Payout:
        """What a payout file of this name asks for."""
        ...

    def name(self, sequence: int) -> str:
        """What the partner calls its hand-back file of this number."""
        ...

    def write(self, answers: Sequence[Answer], sequence: int, day: str) -> str:
        """A whole hand-back file."""
        ...

    def stranger(self) -> Request:
        """A request that nobody made, under a reference that looks right."""
        ...


class Skyways:
    """Comma-separated values with a header, and a trailer that has count and sum."""

    partner, encoding, complete = SKYWAYS, "utf-8", "rename"

    def read(self, name: str, text: str) -> Payout:
        """H,programme,sequence,day and D,reference,member,surname,given name,quantity."""
        rows = list(csv.reader(io.StringIO(text)))
        details = [row for row in rows if row[0] == "D"]
        requests = [Request(row[1], _number(row[2]), int(row[5]), "miles") for row in details]
        return Payout(rows[0][3], requests)

    def name(self, sequence: int) -> str:
        """Such as HB_000001.csv."""
        return f"HB_{sequence:06}.csv"

    def write(self, answers: Sequence[Answer], sequence: int, day: str) -> str:
        """D,reference,member,quantity,code,own reference,day."""
        total = sum(int(answer.quantity) for answer in answers)
        return _lines(
            f"H,{PROGRAMME},{sequence},{day}",
            *(
                f"D,{request.reference},M{request.number:08},{quantity},{code},"
                f"SKY{request.number},{day}"
                for request, code, quantity in answers
            ),
            f"T,{len(answers)},{total}",
        )

    def stranger(self) -> Request:
        """Quotes a number that was never given out."""
        return Request("HB999999999999999999", 0, 1_000, "miles")


class Northbank:
    """Fixed-width records in batches, each batch and the file with a control record."""

    partner, encoding, complete = NORTHBANK, "latin-1", "trailer"

    def read(self, name: str, text: str) -> Payout:
        """F has the day in 14-21, D reference in 2-13, account in 14-33, cents in 64-75."""
        lines = text.split("\r\n")
        requests = [
            Request(line[1:13], int(line[13:33]), int(line[63:75]), "cad_cents")
            for line in lines
            if line.startswith("D")
        ]
        return Payout(lines[0][13:21], requests)

    def name(self, sequence: int) -> str:
        """Such as NBR0001."""
        return f"NBR{sequence:04}"

    def write(self, answers: Sequence[Answer], sequence: int, day: str) -> str:
        """The answers to each payout batch in a batch of their own."""
        ordered = sorted(answers, key=lambda answer: answer.request.reference)
        batches = {
            number: list(those)
            for number, those in groupby(ordered, lambda answer: answer.request.reference[:6])
        }
        lines = [f"F{PROGRAMME:<12}{day}{sequence:06}"]
        for number, those in batches.items():
            lines += [f"B{number}", *self._details(those, day), f"C{number}{_totals(those)}"]
        lines.append(f"Z{len(batches):06}{_totals(answers)}")
        return "".join(f"{line:<60}\r\n" for line in lines)

    def _details(self, answers: Sequence[Answer], day: str) -> Iterator[str]:
        for request, code, quantity in answers:
            status, _, reason = code.partition("/")
            own = f"NB{request.number}"
            yield f"D{request.reference}{status}{reason:<2}{int(quantity):012}{own:<12}{day}"

    def stranger(self) -> Request:
        """Quotes a batch that was never sent."""
        return Request("999999000001", 0, 2_500, "cad_cents")


class Staywell:
    """Values between bars under a line that names the columns; a marker file says it is whole."""

    partner, encoding, complete = STAYWELL, "utf-8", "marker"

    def read(self, name: str, text: str) -> Payout:
        """The name is unit-YYYY-MM-DD-sequence.txt."""
        rows = csv.DictReader(io.StringIO(text), delimiter="|")
        requests = [
            Request(row["Reference"], _number(row["Member"]), int(row["Quantity"]), row["Unit"])
            for row in rows
        ]
        return Payout("".join(name.split("-")[1:4]), requests)

    def name(self, sequence: int) -> str:
        """Such as RESULTS-00001.txt."""
        return f"RESULTS-{sequence:05}.txt"

    def write(self, answers: Sequence[Answer], sequence: int, day: str) -> str:
        """Reference|Result|Quantity|Unit|Confirmation|Date."""
        date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        return _lines(
            "Reference|Result|Quantity|Unit|Confirmation|Date",
            *(
                f"{request.reference}|{code}|{quantity}|{request.unit}|SW{request.number}|{date}"
                for request, code, quantity in answers
            ),
        )

    def stranger(self) -> Request:
        """Quotes a number that was never given out."""
        return Request("SW-999999999999999999", 0, 1, "nights")


def _number(member: str) -> int:
    return int(member.removeprefix("M"))


def _totals(answers: Sequence[Answer]) -> str:
    return f"{len(answers):08}{sum(int(answer.quantity) for answer in answers):015}"


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)
