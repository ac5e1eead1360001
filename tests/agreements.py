"""The example agreements, as tests apply them."""

from __future__ import annotations

from pathlib import Path

from fake_clock import FakeClock
from handback.partners import registry
from handback.store.session import Store

EXAMPLES = Path(__file__).parent.parent / "server/handback_server/demo/agreements"
SKYWAYS, NORTHBANK, STAYWELL = "skyways", "northbank", "staywell"


def source_of(name: str) -> str:
    """The TOML text of an example."""
    return (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8")


def apply_example(store: Store, clock: FakeClock, name: str) -> registry.AppliedAgreement:
    """Make an example the partner's agreement."""
    return registry.apply(store, clock, source_of(name), "tests")
