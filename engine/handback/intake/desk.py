"""What every step of taking a file in works with."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from handback.clock import Clock
from handback.exchange.landing import Landing
from handback.ids import Prefix, public_id
from handback.intake.spool import Spool
from handback.partners.registry import Agreements
from handback.store.session import Store

MAX_FILE_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Desk:
    """The store, the folders and the clock. Landing and spool are shared by all processes.

    `writers` is how many chunks of a file a process applies at once; the embedded store has one
    writer whatever it says.
    """

    store: Store
    landing: Landing
    spool: Spool
    agreements: Agreements
    clock: Clock
    max_file_bytes: int = MAX_FILE_BYTES
    writers: int = 2

    def holding(self, file_id: int, *, wait: bool = False) -> AbstractContextManager[bool]:
        """Try to hold a file against all who would decode it or begin its run; whether it was had.

        With `wait` it is, as soon as nobody else holds it.
        """
        return self.store.lock(_name(file_id), wait=wait)

    def claiming(
        self, file_id: int, chunk: int, *, wait: bool = False
    ) -> AbstractContextManager[bool]:
        """The same for one of its chunks, against all who would apply it."""
        return self.store.lock(f"{_name(file_id)}, chunk {chunk}", wait=wait)

    def one_by_one(self, tx: sa.Connection, partner_id: int) -> None:
        """Let the transactions that compare a partner's files with one another wait in turn."""
        self.store.dialect.serialise(tx, f"hand-back files of partner {partner_id}")


def _name(file_id: int) -> str:
    return f"hand-back file {public_id(Prefix.HANDBACK_FILE, file_id)}"
