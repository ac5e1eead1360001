"""Stopping without loss: once it begins, nothing new is taken and every stream ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from handback.errors import ShuttingDown

Answer = TypeVar("Answer")


class Drain:
    """Tells everything in the process that it is to stop. Belongs to one event loop."""

    def __init__(self) -> None:
        self._begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def begun(self) -> bool:
        """Whether the server stops."""
        return self._begun.done()

    def begin(self) -> None:
        """Stop; a second time changes nothing."""
        if not self.begun:
            self._begun.set_result(None)

    async def wait(self) -> None:
        """Return once the server stops."""
        await asyncio.shield(self._begun)

    async def first(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """What the coroutine gives. Raises ShuttingDown, and ends it, where it comes too late."""
        if self.begun:
            work.close()
            raise ShuttingDown()
        task = asyncio.ensure_future(work)
        waiting: set[asyncio.Future[Any]] = {task, self._begun}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise ShuttingDown()
        finally:
            task.cancel()
