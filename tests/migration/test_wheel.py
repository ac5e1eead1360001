"""The wheel carries every version, so that `handbackd migrate` needs no checkout."""

from __future__ import annotations

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_the_wheel_contains_the_environment_and_every_version() -> None:
    shipped = {
        Path(file.distribution_path) for file in WheelBuilder(str(ROOT)).recurse_included_files()
    }
    migrations = ROOT / "migrations"
    written = {path.relative_to(migrations) for path in migrations.rglob("*.py")}
    assert Path("handback_migrations/env.py") in written
    assert written <= shipped


def test_versions_are_named_by_number_and_by_when_they_may_be_applied() -> None:
    versions = sorted((ROOT / "migrations/handback_migrations/versions").glob("*.py"))
    for number, version in enumerate(versions, start=1):
        assert version.name.startswith((f"{number:04}_pre_", f"{number:04}_post_")), version.name
