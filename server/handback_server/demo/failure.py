"""Why a demo ends early."""

from __future__ import annotations


class DemoFailed(Exception):
    """Something did not start, did not come in time, or ended by itself."""
