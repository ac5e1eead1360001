"""Every method of every service and every command is used by some test against a real server."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import click

from handback_client.cli.app import handback
from server.surface import FILES
from sources import ROOT

AIO = ROOT / "clients/python/handback_client/aio"
# Methods whose calls stand in the classes of streams, by what a caller writes.
STREAMS = {"RunReport": "reports.run", "SubmitRedemptions": "submit_many", "Watch": "watch"}
# The calls about redemptions are the client's own.
OWN = "client"


@cache
def against_a_server() -> str:
    """The tests that call a server of ours through the client."""
    paths = [*ROOT.glob("tests/client/test_*.py"), *ROOT.glob("tests/story/test_*.py")]
    texts = [path.read_text() for path in sorted(paths)]
    return "\n".join(text for text in texts if "target: str" in text or "stage: Stage" in text)


def written(method: str) -> Iterator[str]:
    """How a caller writes a call of a service's method, such as `breaks.assign`."""
    if method in STREAMS:
        yield STREAMS[method]
        return
    for path in sorted(AIO.glob("*.py")):
        for defined in ast.walk(ast.parse(path.read_text())):
            if isinstance(defined, ast.AsyncFunctionDef) and any(
                isinstance(node, ast.Attribute) and node.attr == method
                for node in ast.walk(defined)
            ):
                yield defined.name if path.stem == OWN else f"{path.stem}.{defined.name}"


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, by what is typed."""
    if not isinstance(group, click.Group):
        yield path
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from commands(command, (*path, name))


def test_every_method_is_called() -> None:
    methods = [
        method.name
        for file in FILES
        for service in file.services_by_name.values()
        for method in service.methods
    ]
    assert len(methods) > 50
    missing = {
        method: list(written(method))
        for method in methods
        if not any(
            re.search(rf"\.{re.escape(call)}\(", against_a_server()) for call in written(method)
        )
    }
    assert not missing


def test_every_command_is_typed() -> None:
    missing = [
        " ".join(path)
        for path in commands(handback)
        if not re.search(r",\s*".join(f'"{word}"' for word in path), against_a_server())
    ]
    assert not missing
