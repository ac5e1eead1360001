"""Whoever mistypes the programme is told so by every list of the command line."""

from __future__ import annotations

import asyncio
from itertools import takewhile

import pytest
from click.testing import CliRunner

from client.commands import CASES
from handback_client.cli.app import handback

# What reports there are does not depend on a programme. Options that narrow a list are left out.
LISTS = {
    name: [*takewhile(lambda word: not word.startswith("--"), args)]
    for name, (args, method, _) in CASES.items()
    if method.startswith("List") and method != "ListReports"
}


@pytest.mark.parametrize("name", LISTS)
async def test_no_list_of_a_programme_that_there_is_not_is_empty(target: str, name: str) -> None:
    arguments = ["--server", target, "--programme", "auroa", *LISTS[name]]
    result = await asyncio.to_thread(CliRunner().invoke, handback, arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "NOT_FOUND" in result.stderr
