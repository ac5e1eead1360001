"""A file that is sent is closed again, however far the sending came."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from handback_client.upload import PART_BYTES, Upload


def upload_of(path: Path) -> Upload:
    return Upload(path, programme="aurora", partner="skyways", file_name="", request_key="k")


@pytest.mark.parametrize("taken", [0, 1, 2, 3])
def test_nothing_stays_open_where_sending_ends(
    taken: int, tmp_path: Path, open_files: set[Path]
) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(b"x" * (PART_BYTES + 1))
    parts = upload_of(path).parts()
    assert len(list(islice(parts, taken))) == taken
    del parts
    assert not open_files


def test_each_try_sends_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(b"x" * (PART_BYTES + 1))
    upload = upload_of(path)
    for _ in range(2):
        header, *chunks = upload.parts()
        assert header.header.file_name == "answers.csv"
        assert b"".join(part.chunk for part in chunks) == path.read_bytes()


def test_a_file_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(b"x")
    upload = upload_of(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        upload.parts()


@pytest.fixture
def open_files(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """The files that are open, of those opened by their path."""
    opened: set[Path] = set()
    really = Path.open

    def note(self: Path, mode: str) -> object:
        stream = really(self, mode)
        close = stream.close
        opened.add(self)

        def closed() -> None:
            opened.discard(self)
            close()

        monkeypatch.setattr(stream, "close", closed)
        return stream

    monkeypatch.setattr(Path, "open", note)
    return opened
