"""A partner that names our batch by a text: it is printed, and found again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fake_clock import FakeClock
from handback.errors import InvalidAgreement
from handback.partners import registry
from handback.partners.reading import parse
from handback.store.session import Store
from world import World

AGREEMENT = """
programme = "aurora"
partner = "skyways"
time_zone = "Europe/London"
units = ["miles"]

[fields]
surname = "optional"
given_name = "optional"

[payout]
format = "out"
folder = "outbound/skyways"
file_name = "SKY_{sequence:06}.json"

[payout.reference]
batch = "HB{date:%y%m%d}-{batch:06}"

[handback]
format = "back"
folder = "inbound/skyways"

[codes.back]
"TAKEN" = "ok"

[formats.out]
framing = "json"
[[formats.out.records]]
kind = "header"
path = "."
fields = [{ name = "batch_reference", at = "message" }]
[[formats.out.records]]
kind = "detail"
path = "orders"
fields = [
  { name = "reference", at = "ref" },
  { name = "quantity", at = "miles", type = "integer" },
]

[formats.back]
framing = "json"
[[formats.back.records]]
kind = "header"
path = "."
alone = "batch"
fields = [
  { name = "reference", at = "about", carry = true },
  { name = "code", at = "outcome", type = "code", carry = true },
]
[[formats.back.records]]
kind = "detail"
path = "orders"
fields = [{ name = "reference", at = "ref" }]
"""


@pytest.fixture
def world(store: Store, clock: FakeClock, tmp_path: Path) -> World:
    """An engine whose partner answers batches by name."""
    world = World(store, clock, tmp_path)
    registry.apply(store, clock, AGREEMENT, "tests")
    return world


def test_the_name_of_a_batch_is_printed_and_found_again(world: World) -> None:
    ids = world.submit(100, 200)
    [sent] = world.send()
    name = json.loads(sent.read_text())["message"]
    assert name.startswith("HB") and name.endswith("-000001")
    file = world.answer(json.dumps({"about": name, "outcome": "TAKEN"}).encode(), "answer.json")
    assert (str(file.verdict), file.record_count) == ("ACCEPTED", 2)
    assert world.states(ids) == ["confirmed", "confirmed"]
    world.assert_laws()


@pytest.mark.parametrize("name", ["HB260303-000002", "HB-000001", "XX260303-000001", ""])
def test_another_name_is_nobodys_batch(world: World, name: str) -> None:
    ids = world.submit(100)
    world.send()
    file = world.answer(json.dumps({"about": name, "outcome": "TAKEN"}).encode(), "answer.json")
    assert file.record_count == 1
    assert world.states(ids) == ["awaiting_handback"]
    world.assert_laws()


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ('batch = "HB{key:018}"', "a template with {batch}"),
        ('batch = "HB"', "a template with {batch}"),
        ('batch = "HB{batch:99}"', "a width such as"),
        ("", "what a batch is called"),
    ],
)
def test_what_names_no_batch_is_refused(named: str, told: str) -> None:
    source = AGREEMENT.replace('batch = "HB{date:%y%m%d}-{batch:06}"', named)
    with pytest.raises(InvalidAgreement) as refused:
        parse(source)
    assert any(
        one.field == "payout.reference.batch" and told in one.expected
        for one in refused.value.violations
    )
