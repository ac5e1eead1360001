"""Fuzzing for a bounded time: `python -m fuzz [TARGET…] --seconds 20`, from the folder `tests`.

Each target runs in a process of its own. Inputs that reached something new are kept below `.fuzz/`
and are where the next run begins. An input that breaks a target is kept there too, and the run
fails: mend what it found, and make it an ordinary test.
"""

from __future__ import annotations

import subprocess
import sys

import click

from fuzz.one import KEPT
from fuzz.targets import targets


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seconds", default=20, show_default=True, help="How long for each target.")
def main(names: tuple[str, ...], seconds: int) -> None:
    """Fuzz these targets, or all of them."""
    known = targets()
    if unknown := sorted(set(names) - set(known)):
        raise click.BadParameter(f"{', '.join(unknown)}: none of {', '.join(known)}")
    broken = [name for name in names or known if not stands(name, seconds)]
    if broken:
        raise click.ClickException(f"broken: {', '.join(broken)}; see {KEPT}")


def stands(name: str, seconds: int) -> bool:
    """Fuzz one target and say what came of it."""
    command = [sys.executable, "-m", "fuzz.one", name, str(seconds)]
    ran = subprocess.run(command, capture_output=True, check=False)
    told = (ran.stdout + ran.stderr).decode(errors="replace").splitlines()
    runs = next((line for line in reversed(told) if line.startswith("Done ")), "broken:")
    click.echo(f"{name:12} {runs}")
    if ran.returncode:
        click.echo("\n".join(told[-40:]))
    return ran.returncode == 0


if __name__ == "__main__":
    main()
