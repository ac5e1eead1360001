# Generated from handback_client/aio by async_to_sync.py; do not edit.
"""The client for programs that do not run on asyncio."""

from handback_client.sync.client import Client
from handback_client.sync.watch import Watch

__all__ = ["Client", "Watch"]
