"""The words an agreement chooses from, and the names its payout file can print."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Need(StrEnum):
    """Whether a submit must carry a field."""

    REQUIRED = "required"
    OPTIONAL = "optional"


class AnswerStyle(StrEnum):
    """What a partner answers, and so what its silence means once the window is over."""

    FULL = "full"
    EXCEPTIONS_ONLY = "exceptions_only"
    SUCCESSES_ONLY = "successes_only"


class Days(StrEnum):
    """By the end of which days a file is expected."""

    DAILY = "daily"
    BUSINESS_DAYS = "business_days"


class Partial(StrEnum):
    """What becomes of the remainder where a partner credits a part."""

    REVIEW = "review"
    RELEASE = "release"
    RESUBMIT = "resubmit"


class Fee(StrEnum):
    """What a fee is that a partner took off what it credited."""

    CREDITED = "credited"
    SHORT = "short"


class Completeness(StrEnum):
    """What shows that a hand-back file has arrived whole."""

    RENAME = "rename"
    MARKER = "marker"
    TRAILER = "trailer"


class Compression(StrEnum):
    """What a hand-back file may be compressed in."""

    GZIP = "gzip"
    ZIP = "zip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "zstd"


class EmptyFile(StrEnum):
    """What a file of no bytes is."""

    REFUSE = "refuse"
    HEARTBEAT = "heartbeat"


class RowTrouble(StrEnum):
    """What a bad record does."""

    QUARANTINE = "quarantine"
    REJECT = "reject"


class DuplicateSequence(StrEnum):
    """What becomes of a file whose sequence an earlier file had."""

    QUARANTINE = "quarantine"
    ACCEPT = "accept"


class StepBack(StrEnum):
    """What becomes of a file whose sequence is lower than one that came before it."""

    QUARANTINE = "quarantine"
    ACCEPT = "accept"


class MatchColumn(StrEnum):
    """What a match rule may compare."""

    REFERENCE_KEY = "reference_key"
    BATCH = "batch"
    ORDINAL = "ordinal"
    REFERENCE = "reference"
    NORMALISED_REFERENCE = "normalised_reference"
    QUANTITY = "quantity"
    MEMBER = "member"
    DATE = "date"
    WINDOW = "window"


class Drop(StrEnum):
    """What is left out of a reference before it is compared."""

    NOTHING = "nothing"
    BLANKS = "blanks"
    SYMBOLS = "symbols"


class Case(StrEnum):
    """Whether capital and small letters of a reference differ."""

    KEEP = "keep"
    IGNORE = "ignore"


class Zeros(StrEnum):
    """Whether zeros at the front of a reference count."""

    KEEP = "keep"
    DROP = "drop"


class Printed(StrEnum):
    """What kind of value a payout file prints under a name."""

    TEXT = "text"
    NUMBER = "number"
    QUANTITY = "quantity"
    DAY = "day"


DETAIL_NAMES: Final = {
    "reference": Printed.TEXT,
    "member_ref": Printed.TEXT,
    "quantity": Printed.QUANTITY,
    "unit": Printed.TEXT,
    "batch": Printed.NUMBER,
    "ordinal": Printed.NUMBER,
    "submitted_on": Printed.DAY,
}
"""What every record of a payout file can print; a submit's own fields come on top."""

FACT_NAMES: Final = {
    "programme": Printed.TEXT,
    "partner": Printed.TEXT,
    "unit": Printed.TEXT,
    "batch": Printed.NUMBER,
    "batch_reference": Printed.TEXT,
    "sequence": Printed.NUMBER,
    "created_on": Printed.DAY,
}
"""What the header and control records of a payout file can print, beside their totals."""

RESERVED_NAMES: Final = frozenset(DETAIL_NAMES) | {"key", "attempt", "date", "redemption_id"}
"""What a field of a submit cannot be called: references and payout files have it already."""
