"""A module fits a reader's head, a function its screen."""

from __future__ import annotations

from sources import modules, shipped

MODULE_LINES = 400
FUNCTION_LINES = 60
DEPTH = 2

# Tables of declarations are long by nature.
TABLES = {
    "engine/handback/store/tables.py",
    "engine/handback/lifecycle/table.py",
    "engine/handback/partners/keys.py",
    "tests/client/commands.py",
    "migrations/handback_migrations/versions/0001_pre_first_schema.py",
}


def test_modules_are_short() -> None:
    long = {
        str(module): lines
        for module in (*shipped(), *modules("tests"))
        if (lines := len(module.text.splitlines())) > MODULE_LINES and str(module) not in TABLES
    }
    assert not long


def test_functions_are_short() -> None:
    long = {
        f"{module}:{function.lineno} {function.name}": lines
        for module in (*shipped(), *modules("tests"))
        for function in module.functions()
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    }
    assert not long


def test_packages_are_shallow() -> None:
    roots = ("engine/", "server/", "migrations/", "clients/python/")
    deep = [
        str(module)
        for module in shipped()
        for root in roots
        if str(module).startswith(root) and str(module).removeprefix(root).count("/") > DEPTH
    ]
    assert not deep
