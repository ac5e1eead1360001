"""The landing keeps content durably, once, and trusts no name."""

from __future__ import annotations

import hashlib
import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handback.errors import LimitReached, NotFound
from handback.exchange.envelope import Limited
from handback.exchange.landing import Landing
from handback.exchange.streams import PIECE_BYTES, Readable


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing")


def files_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_content_lies_under_its_hash_and_comes_back_whole(landing: Landing, tmp_path: Path) -> None:
    content = os.urandom(PIECE_BYTES + 17)
    landed = landing.land(io.BytesIO(content))
    key = hashlib.sha256(content).hexdigest()
    assert (landed.key, landed.size_bytes) == (key, len(content))
    assert files_below(tmp_path / "landing") == [f"{key[:2]}/{key[2:4]}/{key}"]
    with landing.open(landed.key) as stream:
        assert stream.read() == content


def test_the_same_content_twice_is_one_file(landing: Landing, tmp_path: Path) -> None:
    first = landing.land(io.BytesIO(b"a"))
    assert landing.land(io.BytesIO(b"a")) == first
    landing.land(io.BytesIO(b"b"))
    assert len(files_below(tmp_path / "landing")) == 2


class Trickling:
    """A stream that gives less at a time than it is asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = iter(pieces)

    def read(self, size: int, /) -> bytes:
        return next(self._pieces, b"")


def test_what_comes_in_pieces_lands_as_one_content(landing: Landing) -> None:
    landed = landing.land(Trickling(b"HD", b"R|2026\n" * 3, b"end"))
    with landing.open(landed.key) as stream:
        assert stream.read() == b"HDR|2026\nR|2026\nR|2026\nend"


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "0" * 63, "G" * 64, "0" * 64, "a/" * 32])
def test_anything_but_the_key_of_landed_content_is_not_found(landing: Landing, key: str) -> None:
    with pytest.raises(NotFound):
        landing.open(key)


class Breaking:
    """A stream that gives some bytes and then fails, as a lost connection would."""

    def read(self, size: int, /) -> bytes:
        raise ConnectionResetError


def limited(limit_bytes: int, content: bytes) -> Readable:
    return Limited(io.BytesIO(content), limit_bytes)


def test_a_stream_that_breaks_leaves_nothing_behind(landing: Landing, tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError):
        landing.land(Breaking())
    with pytest.raises(LimitReached):
        landing.land(limited(9, b"0123456789"))
    assert files_below(tmp_path / "landing") == []


def test_a_size_limit_lets_through_what_just_fits(landing: Landing) -> None:
    assert landing.land(limited(10, b"0123456789")).size_bytes == 10


def test_what_a_killed_process_left_is_discarded_once_it_is_old(
    landing: Landing, tmp_path: Path
) -> None:
    left, running = (tmp_path / "landing/unfinished" / name for name in ("left", "running"))
    now = datetime(2026, 3, 2, tzinfo=UTC)
    for path, age in ((left, timedelta(days=2)), (running, timedelta(hours=1))):
        path.write_bytes(b"half")
        os.utime(path, times=((now - age).timestamp(),) * 2)
    landing.discard_unfinished(now - timedelta(days=1))
    assert not left.exists() and running.exists()
