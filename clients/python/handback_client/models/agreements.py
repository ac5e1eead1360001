"""Partners and the versions of their agreements."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """One partner of a programme, and the latest version of its agreement."""

    programme: str
    partner: str
    agreement_version: int
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One version of a partner's terms; `source` is the TOML document, empty in lists."""

    programme: str
    partner: str
    version: int
    source: str
    content_hash: str
    actor: str
    applied_at: datetime | None
    # True where the document was applied and the latest version said the same already.
    unchanged: bool = field(default=False, compare=False)
