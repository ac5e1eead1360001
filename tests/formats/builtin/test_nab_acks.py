"""Acknowledgements of whole payment files: two kinds of root, one status each."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.builtin.laws import assert_cut_is_told, assert_sound, outcomes
from handback.formats.builtin import builtin, golden

LAYOUT = builtin("nab-acks").layout
FOLDER = golden("nab-acks")
MESSAGE = FOLDER.joinpath("message-received.ack").read_bytes()
PAYMENT = FOLDER.joinpath("payment-processed.ack").read_bytes()
BOTH = pytest.mark.parametrize("content", [MESSAGE, PAYMENT], ids=["message", "payment"])
words = st.text("ABCDEFGHIJ-_.0123456789", min_size=1, max_size=30)


@settings(deadline=None, max_examples=40)
@given(name=words, status=words)
def test_the_status_and_the_file_name_are_read(name: str, status: str) -> None:
    """No writer of ours makes these: the two kinds share a layout, and a writer has to choose."""
    for content, old in ((MESSAGE, 'type="RECEIVED">\r\n<D'), (PAYMENT, "Payment status is PRO")):
        assert old.encode() in content
    message = MESSAGE.replace(b'"RECEIVED">\r\n<D', f'"{status}">\r\n<D'.encode())
    payment = PAYMENT.replace(b"Payment status is PROCESSED", status.encode())
    for content in (message, payment):
        told = content.replace(b"EXAMPLE-PAYOUT-0007.bpb", name.encode())
        (row,) = assert_sound(LAYOUT, told).details.iter_rows(named=True)
        assert (row["reference"], row["code"], row["partner_ref"]) == (name, status, "9000017")


@BOTH
def test_a_file_cut_anywhere_is_never_complete(content: bytes) -> None:
    assert_cut_is_told(LAYOUT, content, range(len(content.rstrip())))


@BOTH
def test_line_ends_blanks_and_a_byte_order_mark_mean_nothing(content: bytes) -> None:
    plain = outcomes(assert_sound(LAYOUT, content))
    lines = content.splitlines()
    for other in (
        b"\n".join(lines),
        b"".join(lines),
        b"\xef\xbb\xbf" + content,
        b"\n\n".join(line + b"  " for line in lines),
    ):
        assert outcomes(assert_sound(LAYOUT, other)) == plain
