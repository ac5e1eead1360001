"""The command line `handback`. Only the modules in here read the environment."""

from __future__ import annotations

import sys


def main() -> None:
    """Run one command and leave: 0 done, 1 refused or failed, 2 asked for wrongly."""
    try:
        from handback_client.cli.app import handback
    except ModuleNotFoundError as missing:
        sys.exit(f"{missing}: install the command line with `pip install 'handback-client[cli]'`")
    handback()
