"""The laws that each redemption's own events tell: its steps, and its quantities."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from handback.lifecycle.table import RESTING_STATES
from handback.verify.law import Broken, Law, breaches, first_fault
from handback.verify.walk import Page, allowed


class Steps(Law):
    """Law 1."""

    number = 1
    text = (
        "Events of a redemption are versions 1 to n without gap, each allowed by the lifecycle, "
        "and lead to where it stands."
    )
    unit = "events"

    def read(self, page: Page) -> Iterator[Broken]:
        """Events out of line, and redemptions that are not what their events add up to."""
        self.checked += len(page.events)
        legal = page.events.with_columns(legal=allowed(page.events))
        steps = legal.with_columns(
            first_fault(
                (pl.col("asked").is_null(), "the event belongs to no redemption"),
                (
                    pl.col("version") != pl.col("previous_version") + 1,
                    "the version does not follow the one before",
                ),
                (
                    pl.col("from_state") != pl.col("previous_to_state"),
                    "the event does not start where the one before ended",
                ),
                (~pl.col("legal"), "the lifecycle does not allow the event"),
                (
                    pl.col("block_id") < pl.col("previous_block_id"),
                    "the event stands in an older block than the one before",
                ),
            )
        )
        yield from breaches(self.number, steps, "redemption_id", "version")
        yield from breaches(self.number, _ends(page), "redemption_id")


def _ends(page: Page) -> pl.DataFrame:
    """The redemptions beside the last event of each."""
    last = page.events.unique("redemption_id", keep="last", maintain_order=True).select(
        "redemption_id",
        "to_state",
        "last_attempt_after",
        "held_after",
        "fulfilled_after",
        last_version="version",
    )
    return page.redemptions.join(last, on="redemption_id", how="left").with_columns(
        first_fault(
            (pl.col("last_version").is_null(), "the redemption has no event"),
            (pl.col("version") != pl.col("last_version"), "the version is not the last event's"),
            (pl.col("state") != pl.col("to_state"), "the state is not the last event's"),
            (
                pl.col("attempt") != pl.col("last_attempt_after"),
                "the attempt is not the last one dispatched",
            ),
            (
                (pl.col("held") != pl.col("held_after"))
                | (pl.col("fulfilled") != pl.col("fulfilled_after")),
                "held or fulfilled is not what the events add up to",
            ),
        )
    )


class Quantities(Law):
    """Law 3."""

    number = 3
    text = (
        "No redemption is fulfilled above its quantity, nothing is given back that was not held "
        "or fulfilled, and nothing stays held once it rests."
    )
    unit = "redemptions"

    def read(self, page: Page) -> Iterator[Broken]:
        """Redemptions, and the events of others, that leave more or less than there was."""
        self.checked += len(page.redemptions)
        resting = pl.col("state").is_in([int(state) for state in RESTING_STATES])
        ends = page.redemptions.with_columns(
            first_fault(
                *_limits(pl.col("held"), pl.col("fulfilled"), pl.col("quantity")),
                (resting & (pl.col("held") != 0), "quantity is held though nothing is open"),
            )
        )
        yield from breaches(self.number, ends, "redemption_id")
        kept, asked = pl.col("kept_after"), pl.col("asked")
        steps = page.events.with_columns(
            first_fault(
                *_limits(pl.col("held_after"), pl.col("fulfilled_after"), asked),
                (kept < 0, "the member was given more than was taken"),
                (kept > asked, "more was taken from the member than was asked for"),
            )
        )
        yield from breaches(self.number, steps, "redemption_id", "version")


def _limits(held: pl.Expr, fulfilled: pl.Expr, asked: pl.Expr) -> list[tuple[pl.Expr, str]]:
    return [
        (asked <= 0, "nothing was asked for"),
        (held < 0, "more left the held quantity than was there"),
        (fulfilled < 0, "more was given back than was fulfilled"),
        (fulfilled > asked, "more is fulfilled than was asked for"),
        (held + fulfilled > asked, "more is held and fulfilled than was asked for"),
    ]
