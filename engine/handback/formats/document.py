"""Reading a TOML table key by key, noting every mistake with its place instead of stopping."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from handback.errors import Violation


class Section:
    """A table of a document. Every getter answers a usable value; mistakes go to one list."""

    def __init__(self, table: object, path: str, mistakes: list[Violation]) -> None:
        self.path = path
        self.mistakes = mistakes
        self._asked: set[str] = set()
        if isinstance(table, Mapping):
            self._table: Mapping[str, object] = table
        else:
            self._table = {}
            mistakes.append(Violation(path, "a table"))

    def mistake(self, key: str, expected: str) -> None:
        """Note a mistake at a key of this table, or at the table itself where `key` is empty."""
        self.mistakes.append(Violation(self._path_of(key), expected))

    def has(self, key: str) -> bool:
        """Is the key there?"""
        self._asked.add(key)
        return key in self._table

    def value(self, key: str) -> object:
        """The bare value of a key, None where it is absent."""
        self._asked.add(key)
        return self._table.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without a default it must be there."""
        value = self.value(key)
        if isinstance(value, str):
            return value
        if value is not None or default is None:
            self.mistake(key, "a text")
        return default or ""

    def choice(self, key: str, options: Collection[str], default: str | None = None) -> str:
        """One word of a few."""
        value = self.value(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or value not in options:
            self.mistake(key, f"one of {', '.join(options)}")
            return default or next(iter(options))
        return value

    def integer(self, key: str, default: int | None, low: int, high: int) -> int:
        """A whole number within bounds; without a default it must be there."""
        value = self.value(key)
        if value is None and default is not None:
            return default
        if type(value) is not int or not low <= value <= high:
            self.mistake(key, f"a whole number from {low} to {high}")
            return low if default is None else default
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """A boolean."""
        value = self.value(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.mistake(key, "true or false")
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, or a single one; empty where absent."""
        value = self.value(key)
        if value is None:
            return ()
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            self.mistake(key, "a text or a list of texts")
            return ()
        return tuple(listed)

    def section(self, key: str) -> Section | None:
        """The table below a key, None where absent."""
        if not self.has(key):
            return None
        return Section(self._table[key], self._path_of(key), self.mistakes)

    def again(self) -> Section:
        """The same table with a list of mistakes of its own."""
        return Section(self._table, self.path, [])

    def sections(self, key: str) -> list[Section]:
        """The tables of an array below a key; empty where absent."""
        value = self.value(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.mistake(key, "an array of tables")
            return []
        return [
            Section(one, f"{self._path_of(key)}[{index}]", self.mistakes)
            for index, one in enumerate(value)
        ]

    def refuse_unknown(self) -> None:
        """Note every key that nobody asked for; call it after the last getter."""
        for key in self._table:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, 1)
                hint = (
                    f"is {near[0]} meant?" if near else f"known: {', '.join(sorted(self._asked))}"
                )
                self.mistake(key, f"nothing of this name here; {hint}")

    def _path_of(self, key: str) -> str:
        """The path of a key of this table; the document's own table has none."""
        return ".".join(part for part in (self.path, key) if part)
