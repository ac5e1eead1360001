"""The stage of stories, on each store in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_clock import FakeClock
from story.stage import Stage, staged


@pytest.fixture
def stage(store_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[Stage]:
    """A running server with nothing in it."""
    with staged(store_url, tmp_path / "home", clock) as stage:
        yield stage
