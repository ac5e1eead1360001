"""The page for whoever takes on a partner works, step by step."""

from __future__ import annotations

from pathlib import Path

from pages import ONBOARDING, blocks_under
from terminal import terminal

QUICK = {f"HANDBACK_{loop}_S": "0.05" for loop in ("PICKUP", "GATHER", "DELIVER")}


def test_a_sample_becomes_an_agreement_that_works(tmp_path: Path) -> None:
    with terminal(tmp_path, **QUICK) as session:
        for block in blocks_under(ONBOARDING, "From a sample to an agreement"):
            if block.language == "toml":
                (tmp_path / "nova.toml").write_text(block.text)
            else:
                session.play([block])
