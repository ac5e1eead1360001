"""What README.md and docs/operations.md say works, word for word."""

from __future__ import annotations

from pathlib import Path

from pages import OPERATIONS, README, blocks_under
from server.certificates import Authority
from terminal import terminal

QUICK = {f"HANDBACK_{loop}_S": "0.05" for loop in ("PICKUP", "GATHER", "DELIVER")}


def test_the_first_call(tmp_path: Path) -> None:
    story = blocks_under(README, "The first call")
    (program,) = (block for block in story if block.language == "python")
    assert len(program.text.splitlines()) <= 10
    with terminal(tmp_path, **QUICK) as session:
        session.play(story)


def test_a_server_on_postgresql(tmp_path: Path, empty_postgres_url: str) -> None:
    (block,) = (one for one in blocks_under(README, "Running a server") if "_STORE" in one.text)
    written = "postgresql://handback@db.example/handback"
    assert written in block.text
    here = block.text.replace(written, f"'{empty_postgres_url}'")
    with terminal(tmp_path) as session:
        session.play([block._replace(text=here)])


def test_a_server_with_certificates(tmp_path: Path) -> None:
    (block,) = (one for one in blocks_under(README, "Running a server") if "_TLS_" in one.text)
    authority = Authority("ours")
    authority.pair("server").write(tmp_path, "server")
    (tmp_path / "callers.pem").write_bytes(authority.certificate)
    with terminal(tmp_path) as session:
        session.play([block])


def test_a_server_is_looked_after(tmp_path: Path) -> None:
    pages = ("Starting and stopping", "Verify", "Backup")
    with terminal(tmp_path) as session:
        for heading in pages:
            session.play(blocks_under(OPERATIONS, heading))
    assert (tmp_path / "backup/handback.db").exists()
