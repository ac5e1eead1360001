"""Bacs reports of credits written from the rules of the format, without the layout that reads
them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import quoteattr


@dataclass(frozen=True)
class Returned:
    """A credit that came back, with its amount in pence and the day it was paid."""

    reference: str
    reason: str
    pence: int
    paid_on: date

    @property
    def element(self) -> str:
        """The item of the report; the day of the year stands behind the reason."""
        code = f"{self.reason}{self.paid_on:%j}"
        return (
            f'<ReturnedCreditItem ref={quoteattr(self.reference)} transCode="99" '
            f'returnCode="{code}" originalProcessingDate="{self.paid_on}" '
            f'valueOf="{pounds(self.pence)}" currency="GBP"/>'
        )


@dataclass(frozen=True)
class Advised:
    """A credit that found another account, and from when on that is to be used."""

    reference: str
    reason: str
    effective: date

    @property
    def element(self) -> str:
        """The advice of the report."""
        return (
            f'<MessagingAdvice user-number="000000" record-type="A" '
            f'effective-date="{self.effective}" reference={quoteattr(self.reference)} '
            f'reason-code="{self.reason}"/>'
        )


def arucs(accounts: Iterable[Sequence[Returned]], day: date) -> bytes:
    """A report of returned credits, account by account."""
    lines = [
        "<ARUCS>",
        f'<Header reportType="EXAMPLE" adviceNumber="001" currentProcessingDate="{day}"/>',
        "<Advice>",
        "<OriginatingAccountRecords>",
    ]
    for items in accounts:
        total = pounds(sum(one.pence for one in items))
        lines += [
            "<OriginatingAccountRecord>",
            '<OriginatingAccount number="90000017" sortCode="00-00-00"/>',
            *(one.element for one in items),
            f'<Totals numberOf="{len(items)}" valueOf="{total}" currency="GBP"/>',
            "</OriginatingAccountRecord>",
        ]
    return _document([*lines, "</OriginatingAccountRecords>", "</Advice>", "</ARUCS>"])


def awacs(advices: Iterable[Advised]) -> bytes:
    """A report of credits that found another account."""
    elements = [one.element for one in advices]
    return _document(["<MessagingAdvices>", *elements, "</MessagingAdvices>"])


def pounds(pence: int) -> str:
    """An amount as reports have it."""
    return f"{pence // 100}.{pence % 100:02}"


def _document(lines: Sequence[str]) -> bytes:
    head = '<?xml version="1.0" encoding="ISO-8859-1"?>'
    whole = [head, "<BACSDocument>", "<Data>", *lines, "</Data>", "</BACSDocument>", ""]
    return "\n".join(whole).encode("latin-1")
