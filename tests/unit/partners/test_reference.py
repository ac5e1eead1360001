"""docs/agreements.md says what the code says, and what it shows works."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from handback.partners import keys
from handback.partners.codes import TRIGGER_OF, ReasonClass
from handback.partners.policy import CHOICES
from handback.partners.reading import parse
from handback.partners.vocabulary import DETAIL_NAMES, FACT_NAMES, Printed

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs/agreements.md").read_text()
EXAMPLES = sorted((ROOT / "server/handback_server/demo/agreements").glob("*.toml"))


def _tables() -> dict[str, list[str]]:
    """The rows that each heading must have, as the code would write them."""
    return {
        "The document": _keys(keys.TOP),
        "`[answers]`": _keys(keys.ANSWERS),
        "`[quantity]`": _keys(keys.QUANTITY),
        "`[breaks]`": _keys(keys.BREAKS),
        "`[calendar]`": _keys(keys.CALENDAR),
        "`[payout]`": _keys(keys.PAYOUT),
        "`[payout.reference]`": _keys(keys.REFERENCE),
        "`[handback]`": _keys(keys.HANDBACK),
        "`[handback.normalise]`": _keys(keys.NORMALISE),
        "`[codes.FORMAT]`": _classes(),
        "Codes that change": _keys(keys.DATED_CLASS),
        "`[policy.CLASS]`": _policies() + _keys(keys.RETRY),
        "What a payout file can print": _printed(DETAIL_NAMES) + _printed(FACT_NAMES),
    }


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _keys(table: Sequence[keys.Key]) -> list[str]:
    return [_row((f"`{key.name}`", key.type.words, _default(key), key.meaning)) for key in table]


def _default(key: keys.Key) -> str:
    if key.required:
        return "required"
    return key.derived or f"`{key.default}`"


def _classes() -> list[str]:
    return [
        _row((f"`{member}`", member.sentence, str(TRIGGER_OF[member] or "–")))
        for member in ReasonClass
        if member is not ReasonClass.NONE
    ]


def _policies() -> list[str]:
    return [
        _row(
            (
                f"`{member}`",
                f"`{choices[0]}`",
                ", ".join(f"`{other}`" for other in choices[1:]) or "–",
            )
        )
        for member, choices in CHOICES.items()
    ]


def _printed(names: dict[str, Printed]) -> list[str]:
    return [_row((f"`{name}`", str(printed))) for name, printed in names.items()]


def _rows_under(heading: str) -> list[str]:
    _, _, after = REFERENCE.partition(f"# {heading}\n")
    section = re.split(r"\n##+ ", after)[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("heading", _tables())
def test_the_tables_are_those_of_the_code(heading: str) -> None:
    assert _rows_under(heading) == _tables()[heading]


def test_the_shortest_agreement_works() -> None:
    document = re.search(r"```toml\n(programme.*?)```", REFERENCE, re.DOTALL)
    assert document is not None
    assert parse(document[1]).partner == "skyways"


def test_there_are_examples() -> None:
    assert {path.stem for path in EXAMPLES} >= {"skyways", "northbank", "staywell"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_parse_under_their_name(path: Path) -> None:
    agreement = parse(path.read_text())
    assert (agreement.programme, agreement.partner) == ("aurora", path.stem)
