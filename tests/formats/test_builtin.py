"""What Handback brings along can be used by name, in every place a layout can."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from agreements import SKYWAYS, source_of
from handback.errors import NotFound
from handback.formats.builtin import builtin, golden, list_builtin
from handback.formats.directions import inbound_mistakes, outbound_mistakes
from handback.partners.codes import BY_TEXT, ReasonClass
from handback.partners.reading import parse


@pytest.mark.parametrize("name", list_builtin())
def test_every_format_can_be_read_or_written(name: str) -> None:
    found = builtin(name)
    assert found.name == found.layout.name == name
    assert not inbound_mistakes(found.layout) or not outbound_mistakes(found.layout)
    assert set(found.codes.values()) <= set(BY_TEXT)
    assert golden(name).is_dir()


@pytest.mark.parametrize("name", ["", ".", "..", "../builtin", "no-such-format"])
def test_other_names_are_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        builtin(name)


LAYOUT = """
framing = "delimited"
[[records]]
kind = "detail"
fields = [
  { name = "reference", at = 1 },
  { name = "code", at = 2, type = "code" },
  { name = "quantity", at = 3, type = "integer" },
]
"""


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One built-in format more, for the time of a test."""
    folder = tmp_path / "plain-answers"
    (folder / "golden").mkdir(parents=True)
    (folder / "layout.toml").write_text(LAYOUT)
    (folder / "codes.toml").write_text('"00" = "ok"\n"03" = "dead"\n')
    monkeypatch.setattr("handback.formats.builtin._folder", lambda: tmp_path)
    yield
    builtin.cache_clear()


def test_an_agreement_names_a_format_and_adds_to_its_codes(brought: None) -> None:
    assert list_builtin() == ("plain-answers",)
    document = tomllib.loads(source_of(SKYWAYS))
    kept = document["formats"].pop(document["handback"]["format"])
    assert kept
    document["handback"] |= {"format": "plain-answers", "complete": "rename"}
    del document["handback"]["match"]
    document["codes"] = {"plain-answers": {"03": "hold", "99": "ops"}}
    agreement = parse(as_toml(document))
    assert agreement.handback.layout.name == "plain-answers"
    assert agreement.handback.codes.classes == {
        "00": ReasonClass.OK,
        "03": ReasonClass.HOLD,
        "99": ReasonClass.OPS,
    }


def as_toml(document: Mapping[str, object]) -> str:
    """A document as TOML with a line for each top-level key."""
    return "".join(f"{key} = {inline(value)}\n" for key, value in document.items())


def inline(value: object) -> str:
    """A value as TOML writes it within a line."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return f"{{ {', '.join(f'{inline(k)} = {inline(v)}' for k, v in value.items())} }}"
        case list():
            return f"[{', '.join(map(inline, value))}]"
    return json.dumps(value, ensure_ascii=False)
