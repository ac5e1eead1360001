"""Frames in PostgreSQL's binary COPY form.

Rows are made as one array of equal records, into which each column of fixed width goes at once.
Only columns whose values differ in length (text of several lengths, nulls here and there) are woven
in behind that. Some thousand rows at a time, so that the server works on them while the next ones
are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from handback.store.arrays import EPOCH_US
from handback.store.bulk import INSTANT

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_ROWS_AT_ONCE: Final = 4_096
_WIDTH: Final[dict[pl.DataType, str]] = {pl.Int16(): ">i2", pl.Int32(): ">i4", pl.Int64(): ">i8"}

Bytes = npt.NDArray[np.uint8]


class _Fixed(NamedTuple):
    """A column that takes as many bytes in every row; a null takes none."""

    name: str
    kind: np.dtype[np.generic]
    values: npt.NDArray[np.generic] | None

    def rows(self, start: int, end: int) -> _Fixed:
        """The rows from `start` to before `end`."""
        return self._replace(values=None if self.values is None else self.values[start:end])


class _Varying(NamedTuple):
    """A column that does not: all content in a row, and the length of each; -1 is a null."""

    name: str
    content: Bytes
    lengths: npt.NDArray[np.int64]

    def rows(self, start: int, end: int) -> _Varying:
        """The rows from `start` to before `end`."""
        sizes = np.maximum(self.lengths[:end], 0)
        first = sizes[:start].sum()
        content = self.content[first : first + sizes[start:].sum()]
        return _Varying(self.name, content, self.lengths[start:end])


def encode_copy(frame: pl.DataFrame) -> tuple[list[str], Iterator[bytes]]:
    """The order of the frame's columns in its binary COPY form, and that form piece by piece."""
    columns: list[_Fixed | _Varying] = [_column(series) for series in frame.get_columns()]
    fixed = [column for column in columns if isinstance(column, _Fixed)]
    varying = [column for column in columns if isinstance(column, _Varying)]
    order = [*(column.name for column in fixed), *(column.name for column in varying)]
    return order, _pieces(fixed, varying, len(frame))


def _pieces(fixed: list[_Fixed], varying: list[_Varying], count: int) -> Iterator[bytes]:
    yield _HEADER
    record = _record(fixed, len(fixed) + len(varying))
    for start in range(0, count, _ROWS_AT_ONCE):
        end = min(start + _ROWS_AT_ONCE, count)
        rows = _records(record, [column.rows(start, end) for column in fixed], end - start)
        if varying:
            rows = _weave(rows, [column.rows(start, end) for column in varying])
        yield rows.tobytes()
    yield _TRAILER


def _column(series: pl.Series) -> _Fixed | _Varying:
    if series.dtype == INSTANT:
        series = series.to_physical() - EPOCH_US
    nulls = series.null_count()
    if nulls == len(series):
        return _Fixed(series.name, np.dtype("V0"), None)
    if series.dtype in (pl.String, pl.Binary):
        return _text(series)
    kind = np.dtype(_WIDTH[series.dtype])
    if not nulls:
        return _Fixed(series.name, kind, series.to_numpy())
    values = series.drop_nulls().to_numpy().astype(kind)
    lengths = np.where(series.is_null().to_numpy(), -1, kind.itemsize)
    return _Varying(series.name, values.view(np.uint8), lengths)


def _text(series: pl.Series) -> _Fixed | _Varying:
    content: bytes
    if series.dtype == pl.String:
        content, sizes = series.str.join().item().encode(), series.str.len_bytes()
    else:
        content, sizes = b"".join(series.drop_nulls().to_list()), series.bin.size()
    lengths = sizes.cast(pl.Int64).fill_null(-1).to_numpy()
    longest = int(lengths.max())
    if longest and (lengths == longest).all():
        whole = np.dtype((np.void, longest))
        return _Fixed(series.name, whole, np.frombuffer(content, whole))
    return _Varying(series.name, np.frombuffer(content, np.uint8), lengths)


def _record(columns: list[_Fixed], width: int) -> npt.NDArray[np.void]:
    """One row of so many columns with the lengths of the fixed ones, and nothing in them."""
    fields = [("fields", ">i2")]
    for number, column in enumerate(columns):
        fields += [(f"bytes_{number}", ">i4"), (f"value_{number}", column.kind.str)]
    one = np.zeros(1, np.dtype(fields))
    one["fields"] = width
    for number, column in enumerate(columns):
        one[f"bytes_{number}"] = -1 if column.values is None else column.kind.itemsize
    return one


def _records(one: npt.NDArray[np.void], columns: list[_Fixed], count: int) -> Bytes:
    """So many rows with all of their fixed columns, one below the other."""
    records = np.frombuffer(bytearray(one.tobytes() * count), one.dtype)
    for number, column in enumerate(columns):
        if column.values is not None:
            records[f"value_{number}"] = column.values
    return records.view(np.uint8).reshape(count, -1)


def _weave(block: Bytes, varying: list[_Varying]) -> Bytes:
    """The rows with their varying columns behind the fixed ones of each."""
    count, width = block.shape
    sizes = [np.maximum(column.lengths, 0) for column in varying]
    row_bytes = width + 4 * len(varying) + sum(sizes)
    ends = np.cumsum(row_bytes)
    place = ends - row_bytes
    woven = np.empty(int(ends[-1]), dtype=np.uint8)
    woven[place[:, None] + np.arange(width)] = block
    place = place + width
    for column, size in zip(varying, sizes, strict=True):
        header = column.lengths.astype(">i4").view(np.uint8).reshape(count, 4)
        woven[place[:, None] + np.arange(4)] = header
        place = place + 4
        starts = np.cumsum(size) - size
        woven[np.arange(len(column.content)) + np.repeat(place - starts, size)] = column.content
        place = place + size
    return woven
