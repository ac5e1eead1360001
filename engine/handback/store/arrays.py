"""Columns out of PostgreSQL: a select answers with one array for each of its columns.

A million rows are then one row of arrays, and a column of numbers is read where the server put it.
Row by row the driver would make a Python object of every value, which costs more than the query.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
import psycopg
import sqlalchemy as sa
from psycopg.pq import Format

EPOCH_US: Final = 946_684_800_000_000  # 2000-01-01, from where PostgreSQL counts
_WIDTH: Final[dict[pl.DataType, str]] = {pl.Int16(): ">i2", pl.Int32(): ">i4", pl.Int64(): ">i8"}

# Dimensions, whether there are nulls, the type of the elements, their number, the lowest index.
_HEADER: Final = np.dtype([(name, ">i4") for name in ("depth", "nulls", "oid", "size", "lowest")])
_BINARY: Final = "handback_binary"


def fetch_arrays(tx: sa.Connection, select: sa.Select[Any], schema: pl.Schema) -> pl.DataFrame:
    """The rows of a select as a frame of that schema, in the order of the select."""
    rows = select.subquery("rows_out")
    arrays = sa.select(*(sa.func.array_agg(_plain(column)) for column in rows.columns))
    with tx.execute(arrays.execution_options(**{_BINARY: True})) as result:
        cursor: Any = result.cursor
        raw = [cursor.pgresult.get_value(0, place) for place in range(len(schema))]
        lists = None
        columns = []
        for place, (name, kind) in enumerate(schema.items()):
            content = raw[place]
            if content is None:  # the array of no rows
                return schema.to_frame()
            values: Any = _numbers(content, kind)
            if values is None:
                lists = lists or cursor.fetchone()
                assert isinstance(lists, Sequence)
                values = lists[place]
            columns.append(pl.Series(name, values).cast(kind))
    return pl.DataFrame(columns)


def answer_in_binary(
    _connection: sa.Connection,
    cursor: psycopg.Cursor,
    _statement: str,
    _parameters: object,
    context: sa.engine.ExecutionContext,
    _many: bool,
) -> None:
    """Before a cursor executes: have arrays come in binary form."""
    if context.execution_options.get(_BINARY):
        cursor.format = Format.BINARY


def _plain(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    # As wide as it is declared: sums of integers, for one, are NUMERIC.
    numeric = isinstance(column.type, sa.Integer | sa.Numeric)
    return sa.cast(column, _declared(column.type)) if numeric else column


def _declared(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    return sa.BigInteger() if isinstance(kind, sa.Numeric) else kind


def _numbers(content: bytes, kind: pl.DataType) -> np.typing.NDArray[Any] | None:
    """An array of numbers or instants; None where it has nulls, or holds neither."""
    width = ">i8" if kind.is_temporal() else _WIDTH.get(kind)
    if width is None or np.frombuffer(content, _HEADER, 1)["nulls"][0]:
        return None
    element = np.dtype([("bytes", ">i4"), ("value", width)])
    values = np.frombuffer(content, element, offset=_HEADER.itemsize)["value"]
    whole = values.astype(values.dtype.newbyteorder("="))
    return whole + EPOCH_US if kind.is_temporal() else whole
