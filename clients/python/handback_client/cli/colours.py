"""The colours of words on a terminal."""

from __future__ import annotations

from collections.abc import Mapping

COLOUR_OF_WORD: Mapping[str, str] = {
    "confirmed": "green",
    "reconciled": "green",
    "ACCEPTED": "green",
    "ACCEPTED_WITH_FINDINGS": "green",
    "HEARTBEAT": "green",
    "dispatched": "green",
    "awaiting_handback": "cyan",
    "retrying": "yellow",
    "recalled": "yellow",
    "rejected": "yellow",
    "quarantined": "red",
    "refused": "red",
    "failed": "red",
}
