"""Identifiers: public ids for people and programs, attempt keys for partners.

A public id is a prefix and 13 digits of Crockford's base 32, so that ids sort as text in the order
of their numbers and survive being read over the telephone.

An attempt key is the number that a reference printed for a partner carries: redemption id,
attempt (2 digits) and two check digits after ISO 7064 MOD 97-10, which catch every wrong digit and
every swap of neighbours. A record that quotes it is joined by primary key, not by text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from handback.errors import InvalidRequest, Violation

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE: Final = {digit: value for value, digit in enumerate(_ALPHABET)} | {"i": 1, "l": 1, "o": 0}
_DIGITS: Final = 13
# Behind the first digit two at a time, spelt out below: every answer carries ids.
_PAIRS: Final = [first + second for first in _ALPHABET for second in _ALPHABET]
MAX_ID: Final = 2**63 - 1

MAX_ATTEMPT: Final = 99
# 18 decimal digits hold 14 of the id, 2 of the attempt and 2 check digits within 64 bits.
ATTEMPT_KEY_DIGITS: Final = 18
MAX_REDEMPTION_ID: Final = 10 ** (ATTEMPT_KEY_DIGITS - 4) - 1


class Prefix(StrEnum):
    """What a public id names."""

    REDEMPTION = "rdm"
    ATTEMPT = "att"
    PAYOUT_BATCH = "bat"
    HANDBACK_FILE = "hbf"
    BREAK = "brk"
    BLOCK = "blk"
    CORRECTION = "cor"


def public_id(prefix: Prefix, number: int) -> str:
    """The public id of a number, such as `rdm_0000000000a3k`."""
    assert 0 <= number <= MAX_ID, number
    return (
        f"{prefix}_{_ALPHABET[number >> 60]}"
        f"{_PAIRS[number >> 50 & 1023]}{_PAIRS[number >> 40 & 1023]}{_PAIRS[number >> 30 & 1023]}"
        f"{_PAIRS[number >> 20 & 1023]}{_PAIRS[number >> 10 & 1023]}{_PAIRS[number & 1023]}"
    )


def number_of(prefix: Prefix, text: str, field: str) -> int:
    """The number behind a public id. Raises InvalidRequest naming `field` for anything else."""
    head, _, digits = text.strip().lower().partition("_")
    number = 0
    if head == prefix and 0 < len(digits) <= _DIGITS and all(digit in _VALUE for digit in digits):
        for digit in digits:
            number = number * 32 + _VALUE[digit]
        if number <= MAX_ID:
            return number
    example = public_id(prefix, 1)
    raise InvalidRequest([Violation(field, f"expected an id such as {example}, not {text!r}")])


def check_digits(payload: int) -> int:
    """The two ISO 7064 MOD 97-10 digits of a number, 2 to 98."""
    return 98 - payload * 100 % 97


def attempt_key(redemption_id: int, attempt: int) -> int:
    """The number a partner's reference carries for an attempt; at most 18 decimal digits."""
    assert 0 < redemption_id <= MAX_REDEMPTION_ID, redemption_id
    assert 0 < attempt <= MAX_ATTEMPT, attempt
    payload = redemption_id * 100 + attempt
    return payload * 100 + check_digits(payload)


def split_attempt_key(key: int) -> tuple[int, int] | None:
    """(redemption id, attempt) of an attempt key, None where the check digits disagree."""
    payload, digits = divmod(key, 100)
    redemption_id, attempt = divmod(payload, 100)
    if digits != check_digits(payload) or attempt == 0 or redemption_id == 0:
        return None
    return redemption_id, attempt
