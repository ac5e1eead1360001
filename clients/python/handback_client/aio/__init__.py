"""The client for programs that run on asyncio. `sync` is generated from this package."""

from handback_client.aio.client import AsyncClient
from handback_client.aio.watch import AsyncWatch

__all__ = ["AsyncClient", "AsyncWatch"]
