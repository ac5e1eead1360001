"""The file of a payout batch, written page by page before anything of it is stored."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

import polars as pl

from handback.errors import InvalidRequest
from handback.exchange.landing import Landing
from handback.exchange.streams import Fingerprint
from handback.formats.encode import encode, unwritable
from handback.ids import MAX_ATTEMPT
from handback.partners.policy import Reference
from handback.partners.registry import Terms

# What is kept of a file in memory before it goes to a temporary one.
_IN_MEMORY_BYTES: Final = 16 << 20
_REFUSED: Final = ("redemption_id", "attempt", "quantity", "in_doubt", "refused")


@dataclass(slots=True)
class Outbound:
    """What one batch brings: its landed content, None where nothing can go out, and who is in it.

    `attempts` are frames with redemption_id, attempt, ordinal, quantity and reference (null where
    it need not be kept), `refused` with redemption_id, attempt, quantity, in_doubt and why it was
    `refused`.
    """

    attempts: list[pl.DataFrame] = field(default_factory=list)
    refused: list[pl.DataFrame] = field(default_factory=list)
    content: Fingerprint | None = None

    @property
    def record_count(self) -> int:
        """How many redemptions are in the file."""
        return sum(len(page) for page in self.attempts)

    @property
    def quantity(self) -> int:
        """How much they are of."""
        return sum(int(page["quantity"].sum()) for page in self.attempts)


class OutboundFile:
    """One file in the writing, for what is due under some terms at a moment."""

    def __init__(self, terms: Terms, unit: str, sequence: int, now: datetime) -> None:
        self._terms = terms
        self._payout = terms.agreement.payout
        self._unit = unit
        self._sequence = sequence
        self._on = terms.agreement.calendar.date_of(now)
        again = any(one.reference is Reference.SAME for one in terms.agreement.policies.every())
        # A reference that carries the attempt's own key need not be looked up, nor kept, unless
        # a later attempt may go out under it.
        self._kept = again or not self._payout.reference.has_key

    @property
    def wanted(self) -> frozenset[str]:
        """What it has to know of a redemption."""
        return self._payout.layout.detail_names() | set(self._payout.reference.fields)

    def write(self, pages: Callable[[], Iterator[pl.DataFrame]], landing: Landing) -> Outbound:
        """Land the file of all pages, whose rows are those of `due_rows`; what came of them.

        The pages are read once more where something in them cannot go out. Raises InvalidRequest
        where the layout cannot say what concerns the file as a whole.
        """
        clashing: dict[int, str] = {}
        careful = False
        while True:
            outbound = Outbound()
            details = self._details(pages(), outbound, clashing, careful)
            with (
                closing(details),
                SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file,
            ):
                try:
                    encode(self._payout.layout, self._facts(), details, cast(BinaryIO, file))
                except InvalidRequest:
                    # Only terms that changed since the submit can do that: leave out whom it
                    # concerns.
                    if careful:
                        raise
                    careful = True
                    continue
                found = self._clashing(outbound)
                if found:
                    clashing |= found
                    continue
                if outbound.record_count:
                    file.seek(0)
                    outbound.content = landing.land(file)
            return outbound

    def _facts(self) -> dict[str, object]:
        return {
            "sequence": self._sequence,
            "batch": self._sequence,
            "batch_reference": self._payout.reference.name_of(self._sequence, self._on),
            "programme": self._terms.agreement.programme,
            "partner": self._terms.agreement.partner,
            "created_on": self._on,
            "unit": self._unit,
        }

    def _details(
        self,
        pages: Iterator[pl.DataFrame],
        outbound: Outbound,
        clashing: dict[int, str],
        careful: bool,
    ) -> Generator[pl.DataFrame]:
        """The rows that go into the file; on the way `outbound` gets to know of them."""
        before = 0
        for page in pages:
            rows = self._with_references(page, before)
            before += len(page)
            if clashing:
                rows = _refuse(rows, clashing)
            if careful:
                rows = _refuse(rows, self._unwritable(rows))
            if rows["refused"].null_count() < len(rows):
                refused = rows.filter(pl.col("refused").is_not_null())
                outbound.refused.append(refused.select(_REFUSED))
                rows = rows.filter(pl.col("refused").is_null())
            kept = pl.col("reference") if self._kept else pl.lit(None, pl.String)
            outbound.attempts.append(
                rows.select(
                    "redemption_id", "attempt", "ordinal", "quantity", kept.alias("reference")
                )
            )
            yield rows

    def _with_references(self, page: pl.DataFrame, before: int) -> pl.DataFrame:
        """The rows with their ordinals and references, or why each is `refused`."""
        rows = page.with_columns(
            ordinal=pl.int_range(before + 1, before + 1 + pl.len(), dtype=pl.Int64),
            unit=pl.lit(self._unit),
            batch=pl.lit(self._sequence, pl.Int64),
        )
        rendered = self._payout.reference.render(rows, batch=self._sequence, on=self._on)
        again = pl.col("last_reference").is_not_null()
        named = rows.with_columns(
            reference=pl.when(again).then("last_reference").otherwise(rendered["reference"]),
            refused=pl.when(~again).then(rendered["refused"]),
        )
        return self._fit(named)

    def _fit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows, those `refused` that have no attempt left, more than a file may hold, or an
        earlier attempt that may stand credited; the last of these counts."""
        spent = rows["attempt"] > MAX_ATTEMPT  # by recalls, for no policy goes so far
        if spent.any():
            told = pl.lit("attempt: no number is left for another one")
            rows = rows.with_columns(refused=pl.when(spent).then(told).otherwise("refused"))
        most = self._payout.largest_quantity
        if most is not None:
            above = pl.col("quantity") > most
            said = "quantity: {} is more than {}, the most of one"
            told = pl.format(said, "quantity", pl.lit(most))
            rows = rows.with_columns(refused=pl.when(above).then(told).otherwise("refused"))
        doubted = rows["in_doubt"] == 1
        if doubted.any():
            told = pl.lit("an earlier attempt may stand credited")
            rows = rows.with_columns(refused=pl.when(doubted).then(told).otherwise("refused"))
        return rows

    def _unwritable(self, rows: pl.DataFrame) -> dict[int, str]:
        """What is wrong with each row that the layout cannot carry, by redemption."""
        fit = rows.filter(pl.col("refused").is_null())
        ids = fit["redemption_id"]
        mistakes = unwritable(self._payout.layout, fit)
        return {ids[row]: "; ".join(map(str, said)) for row, said in mistakes.items()}

    def _clashing(self, outbound: Outbound) -> dict[int, str]:
        """Redemptions of different pages that would go out under one reference."""
        if self._payout.reference.has_key or len(outbound.attempts) < 2:
            return {}
        attempts = pl.concat(outbound.attempts)
        twice = attempts.filter(pl.col("reference").is_duplicated())
        return dict.fromkeys(twice["redemption_id"].to_list(), "collision")


def _refuse(rows: pl.DataFrame, told: dict[int, str]) -> pl.DataFrame:
    """The rows with what is told of some redemptions as why they are refused."""
    schema = {"redemption_id": pl.Int64, "refused": pl.String}
    frame = pl.DataFrame(list(told.items()), schema=schema, orient="row")
    return rows.update(frame, on="redemption_id", how="left", maintain_order="left")
