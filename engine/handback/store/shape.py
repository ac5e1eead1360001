"""Frames of exactly the columns that a schema names.

What selects them is made once, where it is always the same: making an expression costs more than
running it on a few rows, and so does making a frame.
"""

from __future__ import annotations

import polars as pl


def shape(schema: pl.Schema, **said: pl.Expr) -> list[pl.Expr]:
    """What to select for the columns of a schema: as they are called, or what is said of them."""
    return [said.get(name, pl.col(name)).cast(kind).alias(name) for name, kind in schema.items()]
