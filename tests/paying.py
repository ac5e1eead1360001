"""A world whose partner has payout terms of its own, and what a test asks of its batches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from agreements import source_of
from handback.partners import registry
from handback.payouts import queries, rounds
from handback.payouts.deliver import sealed_batches
from handback.payouts.gather import gather
from handback.payouts.queries import BatchFilter, BatchView
from handback.store.requests import Command
from world import PROGRAMME, World

INTERVAL = "interval_s = 2 "
NAME = '"SKY_{date:%Y%m%d}_{sequence:06}.csv"'


def asked(comment: str, key: str | None = None) -> Command:
    """A command of an operator."""
    return Command("olga", comment, key)


class Paying(World):
    """Skyways under payout terms that a test chooses."""

    def agree(self, *lines: str, edits: Mapping[str, str] | None = None) -> None:
        """Make lines part of `[payout]`, and replace texts."""
        source = source_of("skyways")
        every = {INTERVAL: "\n".join((*lines, INTERVAL))} if lines else {}
        if any(line.startswith("cut_offs") for line in lines):
            every = {INTERVAL: "\n".join(lines) + "\n#"}
        for old, new in {**every, **(edits or {})}.items():
            assert old in source, old
            source = source.replace(old, new, 1)
        registry.apply(self.store, self.clock, source, "tests")

    def seal(self, cut_off: datetime | None = None) -> list[int]:
        """Gather what is due; the batches that are not dispatched then."""
        parts = (self.store, self.landing, self.agreements, self.clock)
        gather(*parts, PROGRAMME, "skyways", cut_off=cut_off)
        with self.store.read() as tx:
            return sealed_batches(tx)

    def rounds(self) -> int:
        """A round of gathering and one of deliveries; how many batches were sealed."""
        sealed = rounds.gather_round(self.store, self.landing, self.agreements, self.clock)
        self.deliver_all()
        return sealed

    def deliver_all(self) -> int:
        """A round of deliveries; how many batches left."""
        parts = (self.store, self.landing, self.transport, self.agreements, self.clock)
        return rounds.deliver_round(*parts)

    def batches(self) -> list[BatchView]:
        """Every batch, oldest first."""
        with self.store.read() as tx:
            return queries.page(tx, BatchFilter(PROGRAMME), 0, 1000)

    def batch(self, batch_id: int) -> BatchView:
        """One batch."""
        with self.store.read() as tx:
            return queries.get(tx, PROGRAMME, batch_id)

    def quantities(self) -> list[list[int]]:
        """What each delivered file asks for, oldest file first."""
        return [[one.quantity for one in self.sent(file)] for file in self.delivered()]
