"""Client of Handback: submit redemptions, follow them, see what partners answered.

`Client` and `AsyncClient` have the same methods; results are the dataclasses of `models`,
failures the exceptions of `errors`. Nothing is loaded before it is asked for, so importing this
package costs a program nothing until it makes a client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handback_client.aio import AsyncClient, AsyncWatch
    from handback_client.channel import TLS
    from handback_client.errors import HandbackError
    from handback_client.models import Submission
    from handback_client.retry import RetryPolicy
    from handback_client.sync import Client, Watch

__all__ = [
    "TLS",
    "AsyncClient",
    "AsyncWatch",
    "Client",
    "HandbackError",
    "RetryPolicy",
    "Submission",
    "Watch",
    "errors",
    "models",
]

_HOME_OF_NAME = {
    "AsyncClient": "aio",
    "AsyncWatch": "aio",
    "Client": "sync",
    "HandbackError": "errors",
    "RetryPolicy": "retry",
    "Submission": "models",
    "TLS": "channel",
    "Watch": "sync",
}


def __getattr__(name: str) -> object:
    """Load what is asked for on first use."""
    if name in ("errors", "models"):
        return import_module(f"{__name__}.{name}")
    if name not in _HOME_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME_OF_NAME[name]}"), name)
    globals()[name] = found
    return found
