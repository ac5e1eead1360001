"""ACH return files written from the rules of the format, without the layout that reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DEBITS = frozenset({"26", "36"})


@dataclass(frozen=True)
class Addenda:
    """Why an entry came back, or what is to be changed."""

    code: str
    trace: str
    kind: str = "799"
    text: str = ""

    @property
    def line(self) -> str:
        """The record."""
        return f"{self.kind}{self.code}{self.trace}{'':6}12345678{self.text:<44}{'':15}"


@dataclass(frozen=True)
class Entry:
    """An entry with its addenda; `parties` are those of an international one, not read."""

    transaction_code: str
    routing: str
    amount: int
    own_trace: str
    addenda: Sequence[Addenda]
    parties: int = 0

    @property
    def lines(self) -> list[str]:
        """The records."""
        account, name = "00EXAMPLE00", "Example Member"
        first = f"6{self.transaction_code}{self.routing}{account:<17}{self.amount:010}"
        first += f"{'ID-EXAMPLE':<15}{name:<22}  1{self.own_trace}"
        parties = [f"71{number}{'EXAMPLE PARTY':<91}" for number in range(self.parties)]
        return [first, *parties, *(one.line for one in self.addenda)]


def totals(entries: Sequence[Entry]) -> str:
    """Count, hash, debits and credits, as controls have them; the count six digits wide."""
    count = sum(len(one.lines) for one in entries)
    routings = sum(int(one.routing[:8]) for one in entries) % 10**10
    debits = sum(one.amount for one in entries if one.transaction_code in DEBITS)
    credits = sum(one.amount for one in entries) - debits
    return f"{count:06}{routings:010}{debits:012}{credits:012}"


def batch(entries: Sequence[Entry], number: int = 1) -> list[str]:
    """A batch with its header and control."""
    header = (
        f"5200{'Example Airline':<36}1234567890PPDPAYOUT    {'':6}260105   112345678{number:07}"
    )
    control = f"8200{totals(entries)}1234567890{'':25}12345678{number:07}"
    return [header, *(line for one in entries for line in one.lines), control]


def file_lines(batches: Sequence[Sequence[Entry]]) -> list[str]:
    """A whole file, filled up to a multiple of ten lines."""
    header = (
        f"101 123456780 9876543202601050930A094101{'Example Bank':<23}{'Example Airline':<23}{'':8}"
    )
    body = [line for number, one in enumerate(batches, 1) for line in batch(one, number)]
    entries = [one for some in batches for one in some]
    blocks = -(-(len(body) + 2) // 10)
    sums = totals(entries)
    control = f"9{len(batches):06}{blocks:06}00{sums}{'':39}"
    lines = [header, *body, control]
    return [*lines, *["9" * 94] * (-len(lines) % 10)]


def file_content(batches: Sequence[Sequence[Entry]]) -> bytes:
    """The bytes of a whole file."""
    return ("\n".join(file_lines(batches)) + "\n").encode()
