"""What a search finds for the records of a file, and what it has no room for in memory: files.

What it came to is also kept in the store until the file is reconciled. The file is cut into chunks
by that, of which some may be applied when its spool is lost; found once more after somebody has
given a redemption another member, it could be cut otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl
import sqlalchemy as sa

from handback.intake import segments
from handback.intake.steps import SPOOLED
from handback.reconcile.match import VERDICTS, Match
from handback.store.bulk import table_of
from handback.store.session import Store
from handback.store.tables import SearchPart

PART = table_of(SearchPart)

_SUFFIX: Final = ".found"
_STRETCH_RECORDS: Final = 50_000
_STRETCH: Final = pl.col("ordinal") // _STRETCH_RECORDS
# What a record says, and what a search says instead.
_SAID: Final = (("match", "match"), ("redemption_id", "found_id"), ("attempt", "answered_attempt"))


class Found:
    """The verdicts of a search, in files of a folder: for each rule one for each stretch of the
    file, so that what is told of some records is not looked for among all.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, rule: int, verdicts: pl.DataFrame) -> None:
        """Keep what a rule came to (schema VERDICTS)."""
        placed = verdicts.with_columns(stretch=_STRETCH)
        of_stretch = placed.partition_by("stretch", as_dict=True, include_key=False)
        for (stretch,), some in of_stretch.items():
            with (self._folder / f"{rule:02}-{stretch:06}{_SUFFIX}").open("ab") as target:
                segments.append(target, some)

    def before(self, rule: int) -> pl.LazyFrame:
        """The verdicts that the rules before one, counted from 0, came to."""
        files = sorted(self._folder.glob(f"*{_SUFFIX}"))
        earlier = [
            pl.defer(partial(_read, one), schema=VERDICTS)
            for one in files
            if one.name < f"{rule:02}"
        ]
        settled = pl.col("match") != int(Match.NONE)
        return pl.concat([VERDICTS.to_frame().lazy(), *earlier]).filter(settled)

    def keep(self, store: Store, file_id: int, last: int) -> None:
        """Have the store keep what the search came to; `last` is the file's last ordinal.

        In a transaction for each stretch, as others write too. The first stretch comes last: where
        it is there, all are.
        """
        with store.write() as tx:
            forget(tx, file_id)  # what a process that was killed here had kept
        for stretch in reversed(range(last // _STRETCH_RECORDS + 1)):
            verdicts = BytesIO()
            self._of(stretch).write_ipc_stream(verdicts, compression="lz4")
            part = {"file_id": file_id, "stretch": stretch, "verdicts": verdicts.getvalue()}
            with store.write() as tx:
                tx.execute(sa.insert(PART).values(part))

    def recall(self, store: Store, file_id: int) -> bool:
        """Have what the store keeps of a search that was done; whether one was."""
        parts = sa.select(PART.c.stretch).where(PART.c.file_id == file_id)
        with store.read() as tx:
            stretches = tx.scalars(parts.order_by(PART.c.stretch)).all()
            if 0 not in stretches:
                return False
            for stretch in stretches:
                kept = parts.with_only_columns(PART.c.verdicts).where(PART.c.stretch == stretch)
                self.add(0, pl.read_ipc_stream(BytesIO(tx.execute(kept).scalar_one())))
        return True

    def told(self, records: pl.DataFrame, sought: pl.Expr) -> pl.DataFrame:
        """Records (columns of DETAIL) in the order of the file and with the columns of SPOOLED: of
        those that were `sought` what was found."""
        verdicts = self._among(records["ordinal"]).rename({"redemption_id": "found_id"})
        return (
            records.sort("ordinal")
            .join(verdicts, on="ordinal", how="left", maintain_order="left")
            .with_columns(
                pl.when(sought).then(pl.col(found).fill_null(0)).otherwise(said).alias(said)
                for said, found in _SAID
            )
            .select(SPOOLED.names())
        )

    def _among(self, ordinals: pl.Series) -> pl.DataFrame:
        """The verdicts on the records with these ordinals, at most one each."""
        wanted = ordinals.to_frame()
        stretches = wanted.select(_STRETCH.unique().sort()).to_series()
        found = pl.concat([VERDICTS.to_frame(), *map(self._of, stretches)])
        return found.join(wanted, on="ordinal", how="semi")

    def _of(self, stretch: int) -> pl.DataFrame:
        """The verdicts on the records of a stretch, at most one each."""
        files = sorted(self._folder.glob(f"*-{stretch:06}{_SUFFIX}"))
        found = pl.concat([VERDICTS.to_frame(), *map(_read, files)])
        # Before its verdict a record may have been told whose claims kept it from one.
        settled_first = found.sort("match", descending=True, maintain_order=True)
        return settled_first.unique("ordinal", keep="first", maintain_order=True)

    def parted(
        self, records: Iterable[pl.DataFrame], alike: Sequence[str], parts: int
    ) -> Iterator[pl.DataFrame]:
        """Records in so many parts, those that are alike in some columns in one of them.

        What has no room in memory is put into a file for each part, and so gone through once.
        """
        part_of = pl.struct(alike).hash() % parts
        with TemporaryDirectory(dir=self._folder) as folder:
            for some in records:
                of_part = some.with_columns(part=part_of).partition_by(
                    "part", as_dict=True, include_key=False
                )
                for (part,), rows in of_part.items():
                    with (Path(folder) / f"{part:06}").open("ab") as target:
                        segments.append(target, rows)
            for path in sorted(Path(folder).iterdir()):
                with path.open("rb") as source:
                    yield pl.concat(segments.read(source))


def forget(tx: sa.Connection, file_id: int) -> None:
    """Keep no longer what was found for a file."""
    tx.execute(sa.delete(PART).where(PART.c.file_id == file_id))


def _read(path: Path) -> pl.DataFrame:
    with path.open("rb") as source:
        return pl.concat(segments.read(source))
