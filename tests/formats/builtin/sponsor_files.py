"""A sponsor's file with its audit area, written without the layout that reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_PLUS, _MINUS = "{ABCDEFGHI", "}JKLMNOPQR"


@dataclass(frozen=True)
class Reward:
    """A record of the request, and what the programme wrote into it. `flags` are set errors."""

    account: str
    reference: str
    miles: int
    status: str = ""
    flags: str = ""
    merged_into: str = ""
    audited: bool = True

    @property
    def line(self) -> str:
        """The record."""
        request = (
            f"TD{'':15}{self.account:>011}{self.reference:>020}{'EXMP':4}{'OFFER001':8}{'':4}{'':9}"
        )
        request += punched(self.miles, 9)
        days = "202601052026010620260107" if self.audited else ""
        flags = "".join("Y" if number in self.flags else " " for number in "123456")
        audit = f"{days:<24}{self.merged_into:<11}{self.status:<1}{'':19}{flags}"
        return f"{request:<121}{audit}".ljust(250)

    @property
    def is_accepted(self) -> bool:
        """Does the header count it among the accepted?"""
        return self.audited and self.status != "E"


def punched(number: int, width: int) -> str:
    """A number with its sign in the last digit."""
    digits = f"{abs(number):0{width}}"
    return digits[:-1] + (_MINUS if number < 0 else _PLUS)[int(digits[-1])]


def counted(rewards: Sequence[Reward]) -> str:
    """How many records, and their miles."""
    return f"{len(rewards):08}{punched(sum(one.miles for one in rewards), 13)}"


def sponsor_lines(rewards: Sequence[Reward], *, audited: bool = True) -> list[str]:
    """The header and its records."""
    accepted = [one for one in rewards if one.is_accepted]
    rejected = [one for one in rewards if one.status == "E"]
    audit = counted(rejected) + counted(accepted) if audited else ""
    header = f"TH{'':6}EXMP00001120260105093000{counted(rewards)}{'':26}{audit}"
    return [header.ljust(250), *(one.line for one in rewards)]


def sponsor_file(rewards: Sequence[Reward]) -> bytes:
    """The bytes of a file that was worked on."""
    return ("\n".join(sponsor_lines(rewards)) + "\n").encode()
