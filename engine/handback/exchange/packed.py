"""What is inside a compressed file, piece by piece, however the file was meant to hurt.

No piece is larger than `PIECE_BYTES`, and no decompressor is given the memory that a file asks for:
what needs more than `_MEMORY_BYTES` of it is not read.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final

from handback.exchange.streams import PIECE_BYTES, pieces_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_MEMORY_BYTES: Final = 128 << 20
_WINDOW_LOG: Final = 27  # the same, as zstd says it


class Damaged(Exception):
    """The bytes are not what they begin as."""


class Unsupported(Exception):
    """Sound, but packed in a way that is not read here."""


class NotOneMember(Exception):
    """An archive of no files or several."""


class _Stream:
    """One compressed stream, under a decompressor of the standard library's usual kind."""

    def __init__(
        self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor | zstd.ZstdDecompressor
    ) -> None:
        self._inner = inner

    @property
    def ended(self) -> bool:
        return self._inner.eof

    @property
    def wants_more(self) -> bool:
        return self._inner.needs_input and not self.ended

    @property
    def rest(self) -> bytes:
        """What was given to it beyond its end."""
        return self._inner.unused_data

    def unpacked(self, piece: bytes) -> bytes:
        return self._inner.decompress(piece, PIECE_BYTES)


class _GzipStream:
    """The same under zlib's decompressor, which is of another kind."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def ended(self) -> bool:
        return self._inner.eof

    @property
    def wants_more(self) -> bool:
        return not self._inner.unconsumed_tail and not self.ended

    @property
    def rest(self) -> bytes:
        return self._inner.unused_data

    def unpacked(self, piece: bytes) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + piece, PIECE_BYTES)


def _xz() -> _Stream:
    return _Stream(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_BYTES))


def _zstd() -> _Stream:
    limits: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}
    return _Stream(zstd.ZstdDecompressor(options=limits))


_STREAMS: Final[Mapping[str, Callable[[], _Stream | _GzipStream]]] = {
    "gzip": _GzipStream,
    "bzip2": lambda: _Stream(bz2.BZ2Decompressor()),
    "xz": _xz,
    "zstd": _zstd,
}

# A directory of so many bytes has room for one file and the folders it lies in.
_DIRECTORY_BYTES: Final = 64 << 10
_END_OF_DIRECTORY: Final = struct.Struct("<4s4xHHLLH")
_LONGEST_COMMENT: Final = 0xFFFF
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError)


def members_of(layer: str, content: BinaryIO) -> Iterator[bytes]:
    """What one or several streams of `gzip`, `bzip2`, `xz` or `zstd` in a row hold.

    Raises Damaged, also where the end is missing.
    """
    rest = content.read(PIECE_BYTES)
    while rest:
        stream = _STREAMS[layer]()
        while not stream.ended:
            piece = _unpacked(stream, rest)
            yield piece
            rest = content.read(PIECE_BYTES) if stream.wants_more else b""
            if stream.wants_more and not rest and not piece:
                raise Damaged("cut short")
        rest = stream.rest.lstrip(b"\0")  # tapes and some programs fill up with zeros
        while not rest and (more := content.read(PIECE_BYTES)):
            rest = more.lstrip(b"\0")


def zip_member(content: BinaryIO) -> Iterator[bytes]:
    """The only file of a zip archive. Raises Damaged, Unsupported, NotOneMember."""
    _check_directory(content)
    try:
        with zipfile.ZipFile(content) as archive:
            # Not `is_dir`: in Python 3.11 it fails on a member without a name.
            files = [one for one in archive.infolist() if not one.filename.endswith("/")]
            if len(files) != 1:
                raise NotOneMember(f"the archive holds {len(files)} files")
            if files[0].flag_bits & _ENCRYPTED:
                raise Unsupported("the archive is locked with a password")
            if files[0].compress_type not in _METHODS:
                raise Unsupported("the archive is packed with another method than deflate")
            with archive.open(files[0]) as member:
                yield from pieces_of(member)
    except NotImplementedError as reason:
        raise Unsupported(str(reason)) from reason
    except _BROKEN as damage:
        raise Damaged("damaged") from damage


def _unpacked(stream: _Stream | _GzipStream, piece: bytes) -> bytes:
    """The next piece. Decompressors call bad bytes by very different names."""
    try:
        return stream.unpacked(piece)
    except (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, ValueError, EOFError) as damage:
        raise Damaged("damaged") from damage


def _check_directory(content: BinaryIO) -> None:
    """Look at how large the directory says it is, before somebody reads it into memory."""
    size_bytes = content.seek(0, 2)
    content.seek(max(0, size_bytes - _END_OF_DIRECTORY.size - _LONGEST_COMMENT))
    tail = content.read()
    content.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END_OF_DIRECTORY.size:
        raise Damaged("cut short")
    _, _, count, directory_bytes, _, _ = _END_OF_DIRECTORY.unpack_from(tail, at)
    if directory_bytes > _DIRECTORY_BYTES:
        raise NotOneMember(f"the archive holds {count} files or more")
