"""The folder transport: complete files only, nothing outside its root, nothing delivered twice."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from handback.errors import AlreadyExists, InvalidRequest
from handback.exchange.folder import FolderTransport
from handback.exchange.streams import Fingerprint, fingerprint
from handback.exchange.transport import Arrival

INBOUND = "inbound/skyways"
OUTBOUND = "outbound/skyways"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "exchange" / INBOUND).mkdir(parents=True)
    return tmp_path / "exchange"


@pytest.fixture
def transport(root: Path) -> FolderTransport:
    return FolderTransport(root)


def place(root: Path, name: str, content: bytes = b"x", *, at: int = 1_000_000) -> Path:
    path = root / INBOUND / name
    path.write_bytes(content)
    os.utime(path, (at, at))
    return path


def names(arrivals: object) -> list[str]:
    assert isinstance(arrivals, list)
    return [arrival.name for arrival in arrivals]


def tree(root: Path, folder: str = INBOUND) -> list[str]:
    top = root / folder
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


def the_only(transport: FolderTransport, pattern: str = "*") -> Arrival:
    (arrival,) = transport.list(INBOUND, pattern)
    return arrival


def deliver(transport: FolderTransport, content: bytes, name: str = "SKY_1.csv") -> None:
    transport.put(OUTBOUND, name, io.BytesIO(content), fingerprint(io.BytesIO(content)))


class TestPickUp:
    def test_files_that_match_are_listed_oldest_first(
        self, transport: FolderTransport, root: Path
    ) -> None:
        place(root, "b.csv", at=3)
        place(root, "c.csv", at=1)
        place(root, "a.csv", at=3)
        place(root, "a.txt", at=2)
        assert names(transport.list(INBOUND, "*.csv")) == ["c.csv", "a.csv", "b.csv"]

    @pytest.mark.parametrize("name", [".a.csv", "a.csv.part", "A.CSV.PART", "a.tmp", "a.filepart"])
    def test_hidden_and_unfinished_names_are_left_alone(
        self, transport: FolderTransport, root: Path, name: str
    ) -> None:
        path = place(root, name)
        assert transport.list(INBOUND, "*") == []
        assert path.exists()

    def test_a_folder_nobody_made_yet_is_made_and_empty(
        self, transport: FolderTransport, root: Path
    ) -> None:
        assert transport.list("inbound/other", "*") == []
        assert (root / "inbound/other").is_dir()

    def test_with_markers_only_a_marked_file_is_complete(
        self, transport: FolderTransport, root: Path
    ) -> None:
        place(root, "a.csv")
        place(root, "b.csv")
        place(root, "b.csv.done", b"")
        place(root, "c.csv.done", b"")
        assert names(transport.list(INBOUND, "*", ".done")) == ["b.csv"]

    def test_a_claimed_file_leaves_the_partners_sight_until_it_is_archived(
        self, transport: FolderTransport, root: Path
    ) -> None:
        place(root, "a.csv", b"first")
        claimed = transport.claim(the_only(transport), "hbf_1")
        assert claimed is not None
        assert tree(root) == ["claimed/hbf_1.a.csv"]
        assert the_only(transport) == claimed and claimed.token == "hbf_1"
        with transport.open(claimed) as stream:
            assert stream.read() == b"first"
        transport.acknowledge(claimed)
        transport.acknowledge(claimed)
        assert tree(root) == ["archive/hbf_1.a.csv"]
        assert transport.list(INBOUND, "*") == []

    def test_claimed_files_come_first(self, transport: FolderTransport, root: Path) -> None:
        place(root, "new.csv", at=9)
        transport.claim(the_only(transport), "hbf_1")
        place(root, "old.csv", at=1)
        assert names(transport.list(INBOUND, "*.csv")) == ["new.csv", "old.csv"]

    def test_partners_that_share_a_folder_see_their_own_names_alone(
        self, transport: FolderTransport, root: Path
    ) -> None:
        place(root, "SKY_1.csv")
        place(root, "WIND_1.csv")
        (arrival,) = transport.list(INBOUND, "SKY_*")
        transport.claim(arrival, "hbf_1")
        assert names(transport.list(INBOUND, "SKY_*")) == ["SKY_1.csv"]
        assert names(transport.list(INBOUND, "WIND_*")) == ["WIND_1.csv"]

    def test_a_claimed_file_may_be_claimed_anew(
        self, transport: FolderTransport, root: Path
    ) -> None:
        place(root, "a.csv")
        place(root, "a.csv.done", b"")
        (arrival,) = transport.list(INBOUND, "*", ".done")
        first = transport.claim(arrival, "hbf_1")
        assert first is not None
        second = transport.claim(first, "hbf_2")
        assert second is not None and (second.name, second.token) == ("a.csv", "hbf_2")
        assert tree(root) == ["claimed/hbf_2.a.csv", "claimed/hbf_2.a.csv.done"]
        assert transport.list(INBOUND, "*", ".done") == [second]

    def test_a_name_used_again_replaces_nothing(
        self, transport: FolderTransport, root: Path
    ) -> None:
        for token in ("hbf_1", "hbf_2"):
            place(root, "a.csv", token.encode())
            claimed = transport.claim(the_only(transport), token)
            assert claimed is not None
            transport.acknowledge(claimed)
        assert tree(root) == ["archive/hbf_1.a.csv", "archive/hbf_2.a.csv"]
        assert (root / INBOUND / "archive/hbf_1.a.csv").read_bytes() == b"hbf_1"

    def test_a_file_replaced_after_it_was_claimed_is_another_arrival(
        self, transport: FolderTransport, root: Path
    ) -> None:
        place(root, "a.csv", b"old")
        claimed = transport.claim(the_only(transport), "hbf_1")
        assert claimed is not None
        place(root, "a.csv", b"new")
        transport.acknowledge(claimed)
        with transport.open(the_only(transport)) as stream:
            assert stream.read() == b"new"

    def test_the_marker_goes_with_its_file_and_vouches_for_no_other(
        self, transport: FolderTransport, root: Path
    ) -> None:
        place(root, "a.csv")
        place(root, "a.csv.done", b"")
        (arrival,) = transport.list(INBOUND, "*", ".done")
        claimed = transport.claim(arrival, "hbf_1")
        assert claimed is not None
        place(root, "a.csv", b"half")
        assert transport.list(INBOUND, "*", ".done") == [claimed]
        transport.acknowledge(claimed)
        assert tree(root) == ["a.csv", "archive/hbf_1.a.csv", "archive/hbf_1.a.csv.done"]
        assert transport.list(INBOUND, "*", ".done") == []

    def test_a_crash_between_file_and_marker_leaves_no_stale_marker(
        self, transport: FolderTransport, root: Path
    ) -> None:
        (root / INBOUND / "claimed").mkdir()
        place(root, "claimed/hbf_1.a.csv")
        place(root, "a.csv.done", b"")
        place(root, "a.csv", b"half")
        assert [arrival.token for arrival in transport.list(INBOUND, "*", ".done")] == ["hbf_1"]
        assert tree(root) == ["a.csv", "claimed/hbf_1.a.csv", "claimed/hbf_1.a.csv.done"]

    def test_a_later_marker_of_the_same_name_stays_with_the_later_file(
        self, transport: FolderTransport, root: Path
    ) -> None:
        place(root, "a.csv")
        place(root, "a.csv.done", b"")
        (arrival,) = transport.list(INBOUND, "*", ".done")
        transport.claim(arrival, "hbf_1")
        place(root, "a.csv", b"next")
        place(root, "a.csv.done", b"")
        tokens = [arrival.token for arrival in transport.list(INBOUND, "*", ".done")]
        assert tokens == ["hbf_1", None]

    def test_a_file_that_has_gone_cannot_be_claimed(
        self, transport: FolderTransport, root: Path
    ) -> None:
        path = place(root, "a.csv")
        arrival = the_only(transport)
        path.unlink()
        assert transport.claim(arrival, "hbf_1") is None
        with pytest.raises(FileNotFoundError):
            transport.open(arrival)

    @pytest.mark.parametrize(
        "name", [b"n" * 255, b"caf\xe9.csv", b"two\nlines.csv", b"-rf", b"a.b"]
    )
    def test_any_name_a_disk_allows_goes_all_the_way(
        self, transport: FolderTransport, root: Path, name: bytes
    ) -> None:
        place(root, os.fsdecode(name), b"content")
        arrival = the_only(transport)
        assert arrival.name.encode()  # is text, as the store needs it
        claimed = transport.claim(arrival, "hbf_0000000000001")
        assert claimed is not None and claimed == the_only(transport)
        with transport.open(claimed) as stream:
            assert stream.read() == b"content"
        transport.acknowledge(claimed)
        assert len(tree(root)) == 1


class TestDelivery:
    def test_a_delivered_file_is_there_whole_and_alone(
        self, transport: FolderTransport, root: Path
    ) -> None:
        deliver(transport, b"HDR\nTRL\n")
        assert tree(root, OUTBOUND) == ["SKY_1.csv"]
        assert (root / OUTBOUND / "SKY_1.csv").read_bytes() == b"HDR\nTRL\n"

    def test_the_same_file_again_counts_as_delivered(
        self, transport: FolderTransport, root: Path
    ) -> None:
        deliver(transport, b"once")
        written = (root / OUTBOUND / "SKY_1.csv").stat()
        deliver(transport, b"once")
        assert (root / OUTBOUND / "SKY_1.csv").stat() == written

    def test_a_name_with_other_content_is_never_replaced(
        self, transport: FolderTransport, root: Path
    ) -> None:
        deliver(transport, b"once")
        with pytest.raises(AlreadyExists):
            deliver(transport, b"other")
        assert (root / OUTBOUND / "SKY_1.csv").read_bytes() == b"once"

    def test_what_a_crash_left_half_written_is_written_anew(
        self, transport: FolderTransport, root: Path
    ) -> None:
        (root / OUTBOUND).mkdir(parents=True)
        (root / OUTBOUND / ".SKY_1.csv.part").write_bytes(b"longer than the whole file")
        deliver(transport, b"whole")
        assert tree(root, OUTBOUND) == ["SKY_1.csv"]
        assert (root / OUTBOUND / "SKY_1.csv").read_bytes() == b"whole"

    def test_content_other_than_promised_never_gets_its_name(
        self, transport: FolderTransport, root: Path
    ) -> None:
        promised = Fingerprint(fingerprint(io.BytesIO(b"sealed")).sha256, 6)
        with pytest.raises(OSError, match="read back"):
            transport.put(OUTBOUND, "SKY_1.csv", io.BytesIO(b"seal"), promised)
        assert tree(root, OUTBOUND) == [".SKY_1.csv.part"]

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", ".hidden", "a.part", "a\0b"])
    def test_names_that_leave_the_folder_or_stay_unseen_are_refused(
        self, transport: FolderTransport, root: Path, name: str
    ) -> None:
        with pytest.raises(InvalidRequest, match="file_name"):
            deliver(transport, b"x", name)
        assert not (root / OUTBOUND).exists()


class TestRoot:
    @pytest.mark.parametrize("folder", ["", "/etc", "..", "a/../..", "a//b", "./a", "a/", "a\0b"])
    def test_a_folder_outside_is_refused(self, transport: FolderTransport, folder: str) -> None:
        with pytest.raises(InvalidRequest, match="folder"):
            transport.list(folder, "*")

    def test_a_link_to_a_folder_outside_is_not_followed(
        self, transport: FolderTransport, root: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere/secret.csv").write_bytes(b"secret")
        (root / "outbound").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OSError, match="outbound"):
            deliver(transport, b"x")
        with pytest.raises(OSError, match="outbound"):
            transport.list("outbound", "*")
        assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["secret.csv"]

    def test_a_link_to_a_file_outside_is_neither_read_nor_written(
        self, transport: FolderTransport, root: Path, tmp_path: Path
    ) -> None:
        secret = tmp_path / "secret.csv"
        secret.write_bytes(b"secret")
        (root / INBOUND / "a.csv").symlink_to(secret)
        assert transport.list(INBOUND, "*") == []
        (root / OUTBOUND).mkdir(parents=True)
        (root / OUTBOUND / "SKY_1.csv").symlink_to(secret)
        (root / OUTBOUND / ".SKY_2.csv.part").symlink_to(secret)
        for name in ("SKY_1.csv", "SKY_2.csv"):
            with pytest.raises(OSError, match="symbolic"):
                deliver(transport, b"x", name)
        assert secret.read_bytes() == b"secret"

    def test_a_file_turned_into_a_pipe_is_not_waited_for(
        self, transport: FolderTransport, root: Path
    ) -> None:
        path = place(root, "a.csv")
        arrival = the_only(transport)
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(OSError, match="not a regular file"):
            transport.open(arrival)
        assert transport.list(INBOUND, "*") == []
