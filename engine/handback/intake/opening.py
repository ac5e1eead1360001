"""The opened content of a landed file, under what its agreement says of envelopes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from handback.exchange import envelope
from handback.exchange.envelope import Opened, Unopenable
from handback.exchange.streams import Fingerprint, fingerprint
from handback.intake.desk import Desk
from handback.partners.agreement import Handback

NOTHING: Final = hashlib.sha256(b"").digest()
"""The fingerprint of a file without a single byte."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a landed file is inside: its opened content, and the layers around it, `gzip+zip`."""

    content: Fingerprint
    envelope: str | None


@contextmanager
def opened(desk: Desk, landing_key: str, terms: Handback) -> Iterator[Opened]:
    """The content of a landed file without its envelope. Raises NotFound, Unopenable."""
    limit_bytes, scratch = desk.max_file_bytes, desk.landing.scratch
    with (
        desk.landing.open(landing_key) as landed,
        envelope.opened(landed, terms.envelope, limit_bytes, scratch) as found,
    ):
        yield found


def look_into(desk: Desk, landed: Fingerprint, terms: Handback) -> Look:
    """What a landed file is inside; one that cannot be opened is what it is from outside."""
    if not terms.envelope:
        return Look(landed, None)
    try:
        with opened(desk, landed.key, terms) as found:
            if not found.layers:
                return Look(landed, None)
            return Look(fingerprint(found.content), "+".join(found.layers))
    except Unopenable:
        return Look(landed, None)
