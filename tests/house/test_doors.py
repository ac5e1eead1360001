"""What only one place may do: write redemptions, commit, ask the time, read the environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sources import Module, dotted, shipped

SESSION = "engine/handback/store/session.py"
CLOCK = "engine/handback/clock.py"
JOURNAL = {f"engine/handback/journal/{name}.py" for name in ("commit", "rows", "steps")}
# The dialects say how a set of redemptions is moved; that they are told to is the journal's affair.
DIALECTS = {f"engine/handback/store/{name}.py" for name in ("postgres", "rows", "sqlite")}


def elsewhere(*places: str) -> Iterator[Module]:
    return (module for module in shipped() if module.path not in places)


# What one would write otherwise, beside which benchmarks put the product; it has its own database.
BESIDE = {
    f"server/handback_server/bench/{name}.py" for name in ("by_hand", "by_row", "core_batches")
}


# What the tables can do at best: programs that write a throw-away database by hand.
FLOORS = re.compile(r"server/handback_server/bench/\w*floor\w*\.py")


def test_only_the_session_begins_and_ends_transactions() -> None:
    found = [
        f"{module}:{call.lineno}"
        for module in elsewhere(SESSION, *BESIDE)
        for call in module.calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"commit", "rollback", "begin", "begin_nested"}
        and not call.args  # `commit(tx, …)` is the journal's
        and not call.keywords
        and not dotted(call.func.value).endswith("drain")
    ]
    assert not found


def test_only_the_journal_writes_redemptions() -> None:
    writing = {"insert", "update", "delete", "insert_frame", "insert_absent", "move", "stage"}
    writing.add("columns_of")  # which rows are then given for
    found = [
        f"{module}:{call.lineno}"
        for module in elsewhere(*JOURNAL, *DIALECTS)
        for call in module.calls()
        if dotted(call.func).rpartition(".")[2] in writing
        and any(re.search(r"\bredemption\b", ast.unparse(argument), re.I) for argument in call.args)
    ]
    assert not found
    in_text = re.compile(r"\b(insert\s+into|update|delete\s+from)\s+redemption\b", re.I)
    spelt = [module for module in elsewhere(*DIALECTS) if in_text.search(module.text)]
    assert not [module.path for module in spelt if not FLOORS.fullmatch(module.path)]
    moves = [
        f"{module}:{call.lineno}"
        for module in elsewhere(*JOURNAL, *DIALECTS)
        for call in module.calls()
        if dotted(call.func).endswith(("dialect.move", "move_rows"))
    ]
    assert not moves


def test_only_the_clock_asks_the_time() -> None:
    asking = {"now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime"}
    sources = {"datetime", "date", "time", "datetime.datetime", "datetime.date", "func", "sa.func"}
    found = [
        f"{module}:{call.lineno}"
        for module in elsewhere(CLOCK)
        for call in module.calls()
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in asking
        and dotted(call.func.value) in sources
    ]
    assert not found
    in_sql = re.compile(
        r"\b(current_timestamp|clock_timestamp|statement_timestamp|datetime\('now)", re.I
    )
    assert not [str(module) for module in elsewhere(CLOCK) if in_sql.search(module.text)]


def test_only_the_command_lines_read_the_environment() -> None:
    found = [
        f"{module}:{node.lineno}"
        for module in shipped()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute | ast.Name)
        and dotted(node) in {"os.environ", "os.getenv", "environ", "getenv"}
        and not module.path.startswith("clients/python/handback_client/cli")
        and module.path not in {"server/handback_server/__main__.py", "proto/generate.py"}
    ]
    assert not found
