"""Envelopes are opened whole or not at all, and never further than allowed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable, Collection
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handback.exchange.envelope import EnvelopeFlaw, Unopenable, opened
from handback.partners.vocabulary import Compression

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES = b"".join(b"D,HB%018d,0000\n" % number for number in range(2_000))
MIB = 1 << 20


def zipped(content: bytes, *names: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name in names or ("answer.csv",):
            archive.writestr(name, content)
    return target.getvalue()


def checked_zstd(content: bytes) -> bytes:
    """As the command writes it; the library leaves the checksum out unless told."""
    return zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1})


WRAP: dict[Compression, Callable[[bytes], bytes]] = {
    Compression.GZIP: lambda content: gzip.compress(content, mtime=0),
    Compression.ZIP: zipped,
    Compression.BZIP2: bz2.compress,
    Compression.XZ: lzma.compress,
    Compression.ZSTD: checked_zstd,
}
STREAMS = [one for one in Compression if one is not Compression.ZIP]


def unwrapped(
    content: bytes, allowed: Collection[Compression] = tuple(Compression), limit_bytes: int = MIB
) -> tuple[bytes, tuple[Compression, ...]]:
    with opened(io.BytesIO(content), allowed, limit_bytes, _scratch) as found:
        return found.content.read(), found.layers


def _scratch() -> BinaryIO:
    return cast(BinaryIO, tempfile.TemporaryFile())


def flaw_of(content: bytes, limit_bytes: int = MIB) -> EnvelopeFlaw:
    with pytest.raises(Unopenable) as refusal:
        unwrapped(content, limit_bytes=limit_bytes)
    return refusal.value.flaw


class TestOpening:
    @pytest.mark.parametrize("layer", Compression)
    @pytest.mark.parametrize("content", [b"", b"H\n", LINES], ids=["empty", "short", "long"])
    def test_each_layer_comes_off(self, layer: Compression, content: bytes) -> None:
        assert unwrapped(WRAP[layer](content)) == (content, (layer,))

    @pytest.mark.parametrize("outer", Compression)
    @pytest.mark.parametrize("inner", Compression)
    def test_two_layers_come_off(self, outer: Compression, inner: Compression) -> None:
        assert unwrapped(WRAP[outer](WRAP[inner](LINES))) == (LINES, (outer, inner))

    def test_a_plain_file_is_given_as_it_is(self) -> None:
        received = io.BytesIO(LINES)
        with opened(received, tuple(Compression), MIB, _scratch) as found:
            assert found.content is received
            assert (found.content.read(), found.layers) == (LINES, ())

    @pytest.mark.parametrize("layer", Compression)
    def test_a_layer_that_is_not_allowed_stays(self, layer: Compression) -> None:
        wrapped = WRAP[layer](LINES)
        others = [one for one in Compression if one is not layer]
        assert unwrapped(wrapped, others) == (wrapped, ())

    @pytest.mark.parametrize("layer", STREAMS)
    def test_streams_in_a_row_are_one_file(self, layer: Compression) -> None:
        assert unwrapped(WRAP[layer](LINES) + WRAP[layer](b"T\n")) == (LINES + b"T\n", (layer,))

    def test_zeros_behind_the_end_are_filling(self) -> None:
        assert unwrapped(gzip.compress(LINES) + bytes(512)) == (LINES, (Compression.GZIP,))

    def test_names_in_archives_are_not_looked_at(self) -> None:
        for name in ("../../etc/passwd", "/root/x", "C:\\x", "a/b/c"):
            assert unwrapped(zipped(LINES, name)) == (LINES, (Compression.ZIP,))

    @settings(max_examples=30, deadline=None)
    @given(st.binary(max_size=5_000), st.lists(st.sampled_from(Compression), max_size=2))
    def test_wrapping_changes_nothing(self, content: bytes, layers: list[Compression]) -> None:
        wrapped = b"H" + content
        for layer in reversed(layers):
            wrapped = WRAP[layer](wrapped)
        assert unwrapped(wrapped) == (b"H" + content, tuple(layers))


class TestRefusing:
    @pytest.mark.parametrize("layer", Compression)
    def test_a_file_cut_anywhere_is_damaged(self, layer: Compression) -> None:
        whole = WRAP[layer](LINES[:400])
        for end in range(10, len(whole) - (1 if layer is Compression.BZIP2 else 0)):
            assert flaw_of(whole[:end]) is EnvelopeFlaw.DAMAGED, end

    @pytest.mark.parametrize("layer", Compression)
    def test_flipped_bytes_never_pass_for_other_content(self, layer: Compression) -> None:
        whole = WRAP[layer](LINES[:2_000])
        dice = random.Random(7)
        for _ in range(60):
            broken = bytearray(whole)
            broken[dice.randrange(10, len(whole))] ^= 1 << dice.randrange(8)
            try:
                content, _ = unwrapped(bytes(broken))
            except Unopenable:
                continue
            assert content == LINES[:2_000]

    def test_what_follows_the_end_is_damage(self) -> None:
        assert flaw_of(gzip.compress(LINES) + b"and more") is EnvelopeFlaw.DAMAGED

    def test_an_archive_holds_one_file(self) -> None:
        assert flaw_of(zipped(LINES, "a.csv", "b.csv")) is EnvelopeFlaw.MEMBERS
        assert flaw_of(zipped(b"", "folder/")) is EnvelopeFlaw.MEMBERS
        assert flaw_of(zipped(b"", *map(str, range(3_000)))) is EnvelopeFlaw.MEMBERS

    def test_folders_in_an_archive_do_not_count(self) -> None:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            archive.mkdir("out")
            archive.writestr("out/answer.csv", LINES)
        assert unwrapped(target.getvalue()) == (LINES, (Compression.ZIP,))

    def test_the_file_in_an_archive_may_lack_its_name(self) -> None:
        nameless = bytearray(zipped(LINES, "a"))
        for name in (30, nameless.rindex(b"PK\x01\x02") + 46):
            nameless[name] = 0
        assert unwrapped(bytes(nameless)) == (LINES, (Compression.ZIP,))

    def test_archives_of_later_versions_are_not_opened(self) -> None:
        later = bytearray(zipped(LINES))
        struct.pack_into("<H", later, later.rindex(b"PK\x01\x02") + 6, 99)
        assert flaw_of(bytes(later)) is EnvelopeFlaw.UNSUPPORTED

    def test_an_archive_with_a_password_is_not_opened(self) -> None:
        locked = bytearray(zipped(LINES))
        for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            place = bytes(locked).rindex(signature) + at
            struct.pack_into("<H", locked, place, 1)
        assert flaw_of(bytes(locked)) is EnvelopeFlaw.UNSUPPORTED

    def test_rare_methods_of_archives_are_not_opened(self) -> None:
        assert flaw_of(zipped(LINES, method=zipfile.ZIP_LZMA)) is EnvelopeFlaw.UNSUPPORTED

    def test_a_third_layer_is_one_too_many(self) -> None:
        thrice = gzip.compress(zipped(bz2.compress(LINES)))
        assert flaw_of(thrice) is EnvelopeFlaw.NESTED

    @pytest.mark.parametrize("layer", Compression)
    def test_it_unfolds_no_further_than_allowed(self, layer: Compression) -> None:
        assert flaw_of(WRAP[layer](LINES), limit_bytes=1_000) is EnvelopeFlaw.TOO_LARGE
        assert unwrapped(WRAP[layer](LINES), limit_bytes=len(LINES))[0] == LINES

    @pytest.mark.parametrize("layer", Compression)
    def test_a_bomb_is_seen_by_what_it_unfolds_to(self, layer: Compression) -> None:
        bomb = WRAP[layer](bytes(20 * MIB))
        assert flaw_of(bomb, limit_bytes=1 << 30) is EnvelopeFlaw.RATIO

    def test_no_more_memory_is_given_than_fits(self) -> None:
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 28}]
        greedy = lzma.compress(LINES, lzma.FORMAT_XZ, filters=filters)
        assert flaw_of(greedy) is EnvelopeFlaw.DAMAGED
