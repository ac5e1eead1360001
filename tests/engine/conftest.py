"""Fixtures of the engine's tests: a world with one partner's terms, and two persons who decide."""

from __future__ import annotations

from pathlib import Path

import pytest

from deciding import Desk
from fake_clock import FakeClock
from handback.resolutions.resolve import Resolving
from handback.store.session import Store
from world import World


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine with the terms of skyways."""
    world = World(store, clock, tmp_path)
    world.apply("skyways")
    return world


@pytest.fixture
def desk(world: World) -> Desk:
    """Two persons."""
    return Desk(world, Resolving(world.store, world.clock, world.agreements))
