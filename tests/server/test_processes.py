"""Real processes that work by themselves: the whole loop, on one process and shared by two."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from fake_clock import FakeClock
from handback.store.session import Store
from handback.verify import verify
from handback_server._stubs.v1 import lifecycle_pb2
from handback_server._stubs.v1.events_pb2 import WatchRequest
from server.calls import PROGRAMME, Callers
from server.test_serve import serving, stopped
from world import Answer, World, skyways_file

pytestmark = pytest.mark.usefixtures("partner")

COUNT = 200


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Loops that hardly pause."""
    hurried = {f"HANDBACK_{loop}_S": "0.05" for loop in ("PICKUP", "GATHER", "DELIVER", "SWEEP")}
    return environment | hurried


async def seen(callers: Callers, trigger: lifecycle_pb2.Trigger.ValueType) -> set[str]:
    """The redemptions that moved so, once there are as many as were submitted."""
    moved: set[str] = set()
    async with asyncio.timeout(60):
        async for response in callers.events.Watch(
            WatchRequest(programme=PROGRAMME, triggers=[trigger])
        ):
            moved |= {event.redemption_id for event in response.events}
            if len(moved) == COUNT:
                break
    return moved


@pytest.mark.parametrize(("store_kind", "processes"), [("sqlite", 1), ("postgres", 2)])
async def test_redemptions_go_out_and_come_back_by_themselves(
    environment: dict[str, str], store: Store, tmp_path: Path, processes: int
) -> None:
    world = World(store, FakeClock(), tmp_path / "data")
    async with AsyncExitStack() as stack:
        started = [await stack.enter_async_context(serving(environment)) for _ in range(processes)]
        first, last = started[0][1], started[-1][1]
        half = COUNT // 2
        submitted = await first.submit_many(half) + await last.submit_many(half, half)
        expected = {one.redemption_id for one in submitted}
        assert await seen(last, lifecycle_pb2.TRIGGER_DISPATCH) == expected
        answers = [
            Answer(*detail, "0000") for file in world.delivered() for detail in world.sent(file)
        ]
        assert len(answers) == COUNT
        world.hand_back(skyways_file(answers))
        assert await seen(first, lifecycle_pb2.TRIGGER_CONFIRM) == expected
        for process, _ in started:
            process.send_signal(signal.SIGTERM)
        for process, _ in started:
            assert await stopped(process) == (0, "")
    assert verify(store).holds
