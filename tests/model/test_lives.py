"""Random lives: whatever happens in whatever order, the engine and the model say the same.

The model (`life`, `hearing`, `persons`, `book`) is written from the documentation, `lives` is what
may happen to both. `make soak` goes on for as long as one likes.
"""

from __future__ import annotations

import os
import random
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from conftest import OpenStore
from model.lives import Lives

SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", "0"))
SOAK_SEED = int(os.environ.get("SOAK_SEED") or (random.randrange(10**6) if SOAK_SECONDS else 1))


def test_engine_and_model_say_the_same_whatever_happens(open_store: OpenStore) -> None:
    until, number = time.monotonic() + SOAK_SECONDS, SOAK_SEED

    class OnStore(Lives):
        """Lives on the store that is tested."""

        def __init__(self) -> None:
            super().__init__(open_store)

    budget = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    while True:
        print(f"SOAK_SEED={number}")  # noqa: T201
        run_state_machine_as_test(seed(number)(OnStore), settings=budget)  # type: ignore[no-untyped-call]
        number += 1
        if time.monotonic() >= until:
            break
