"""Agreements with skyways that differ in what the model knows of, and what they say to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agreements import source_of
from model.life import Policy, Terms

LONDON = ZoneInfo("Europe/London")

CLASSES = {
    "0000": "ok",
    "0001": "ok_changed",
    "0002": "wait",
    "0003": "partial",
    "0101": "fix_member",
    "0201": "dead",
    "0301": "temporary",
    "0302": "later",
    "0303": "ours",
    "0401": "hold",
    "0402": "ops",
    "0501": "duplicate",
    "0502": "unknown_outcome",
    "0601": "returned",
    "7777": "unmapped",
}
_ADDED = '"0003" = "partial"\n"0303" = "ours"\n"0402" = "ops"\n'
_MATCH = '[["reference_key"], ["reference", "quantity", "member"]]'
_LAST = '{ name = "answered_on", at = 7, type = "date", pattern = "YYYYMMDD" },'
_FEE = '{ name = "fee", at = 8, type = "integer" },'


@dataclass(frozen=True)
class Agreed:
    """What an agreement of skyways says that others may say otherwise."""

    style: str = "full"
    silence_class: str = "ops"
    window_days: int = 5
    return_days: int | None = None
    partial: str = "review"
    fee: str = "credited"
    normalised: bool = False
    tolerance: int = 0
    returned: str = "review"
    fix_member: str = "review"

    def source(self) -> str:
        """The document."""
        answers = f'style = "{self.style}"\n'
        if self.style == "successes_only":
            answers += f'silence_class = "{self.silence_class}"\n'
        if self.return_days is not None:
            answers += f"return_days = {self.return_days}\n"
        quantity = f'[quantity]\npartial = "{self.partial}"\nfee = "{self.fee}"\n'
        if self.tolerance:
            quantity += f"[quantity.tolerance]\nmiles = {self.tolerance}\n"
        policies = f'[policy.returned]\ndo = "{self.returned}"\n'
        policies += f'[policy.fix_member]\ndo = "{self.fix_member}"\n'
        edits = {
            'style = "full"\n': answers,
            "window_days = 5": f"window_days = {self.window_days}",
            "[payout]\n": f"{quantity}\n[payout]\n",
            '"0601" =': f'{_ADDED}"0601" =',
            '"*.csv"\n': '"*.csv*"\nenvelope = ["gzip"]\n',
            f"match = {_MATCH}\n": f"match = {self._match()}\n",
            "[codes.handback]\n": f"{self._normalise()}[codes.handback]\n",
            f"  {_LAST}\n": f"  {_LAST}\n  {_FEE}\n",
            "[policy.temporary]\n": f"{policies}\n[policy.temporary]\n",
        }
        source = source_of("skyways")
        for old, new in edits.items():
            assert old in source, old
            source = source.replace(old, new, 1)
        return source

    def _match(self) -> str:
        return '[["reference_key"], ["normalised_reference"]]' if self.normalised else _MATCH

    def _normalise(self) -> str:
        kept = '[handback.normalise]\ndrop = "symbols"\ncase = "ignore"\n\n'
        return kept if self.normalised else ""

    def terms(self) -> Terms:
        """The same, as the model understands it."""
        day = timedelta(days=1)
        policies = {
            "dead": Policy("fail"),
            "temporary": Policy("retry", 3, timedelta(seconds=2), 14 * day),
            "later": Policy("retry", 2, day, 45 * day),
            "returned": Policy(self.returned),
            # Where it says `never`, nothing is asked to change.
            "fix_member": Policy(self.fix_member, changed=self.fix_member == "review"),
        }
        return Terms(
            self.style,
            self.partial,
            self.fee,
            self.normalised,
            self.tolerance,
            self.return_days,
            self.silence_class,
            policies,
        )

    def deadline(self, delivered_at: datetime) -> datetime:
        """Midnight on London's wall at the end of the window's last business day."""
        day, left = delivered_at.astimezone(LONDON).date(), self.window_days
        while left:
            day += timedelta(days=1)
            left -= day.weekday() < 5
        end = datetime.combine(day + timedelta(days=1), time(), LONDON)
        return end.astimezone(UTC)
