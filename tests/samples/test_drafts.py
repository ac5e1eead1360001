"""How far a drafted layout carries: samples of public projects, drafted and completed by a person.

A completion is what the person changes of a drafted field, by its name. With those, the draft
decodes the sample to the records that the layout we use gives. Of 104 fields in these nine drafts
16 are changed; six of them were marked as unsure, nine get a name that only people know, and one,
amounts with a mark between thousands, another type.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from formats.partner_layouts import read
from handback.formats.compiling import compile_layout
from handback.onboarding.draft import Sample, draft
from samples.test_verdicts import SAMPLES, terms

Completions = Mapping[str, Mapping[str, Any]]
COMPARED = ("line", "reference", "code", "quantity")

_TEXT = {"type": "text"}
COMPLETIONS: Mapping[str, Completions] = {
    "nacha/return-WEB.ach": {
        "at_7": _TEXT | {"name": "reference"},
        "at_4": _TEXT | {"name": "code"},
        "at_30": {"name": "quantity"},
    },
    "csv-edge/csv_european_decimals.csv": {
        "betrag": {
            "name": "quantity",
            "type": "decimal",
            "scale": 2,
            "point": ",",
            "thousands": ".",
        },
        "code": {"name": "currency"},
    },
    "csv-edge/csv_french_headers.csv": {
        "r_f_rence": {"name": "reference"},
        "cr_dit": {"name": "quantity"},
    },
    "csv-edge/csv_garbled_amount.csv": {},
    "au-nab/bpay_batch_test_file_results.bpb": {
        "at_60": _TEXT | {"name": "reference"},
        "code": {"at": [140, 143]},
    },
    "au-nab/received_payments.ack": {
        "original_filename": _TEXT | {"name": "reference"},
        "user_message": _TEXT | {"name": "code"},
    },
    "ebcdic/test13a.txt": {"company_id": _TEXT | {"name": "reference"}},
    "ebcdic/test19.txt": {
        "ws_acct_alpha": _TEXT | {"name": "reference"},
        "ws_amount_fraction": {"name": "quantity"},
    },
    "pain002/pain_002_transaction_rejected.xml": {
        "code": {"name": "sub_code"},
        "tx_sts": {"name": "code"},
    },
}


def completed(source: str, completions: Completions) -> dict[str, Any]:
    """The drafted table with its completions; other fields give way to the names these take."""
    table: dict[str, Any] = tomllib.loads(source)["formats"]["drafted"]
    taken = {change["name"] for change in completions.values() if "name" in change}
    renamed = {old: change["name"] for old, change in completions.items() if "name" in change}
    told = set()
    for record in table["records"]:
        for field in record.get("fields", ()):
            name = field["name"]
            if name in completions:
                told.add(name)
                field |= completions[name]
            elif name in taken:
                field["name"] = renamed[name] = f"other_{name}"
            if field.get("sum") in renamed:
                field["sum"] = renamed[field["sum"]]
    assert told == set(completions), "the draft has no such field"
    return table


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared samples are not on this machine")
@pytest.mark.parametrize("entry", COMPLETIONS)
def test_a_completed_draft_reads_the_same_records(entry: str) -> None:
    content = (SAMPLES / entry).read_bytes()
    ours = read(terms(entry)[0], content).details
    made = draft([Sample(entry, content)], "drafted")
    layout = compile_layout("drafted", completed(made.source, COMPLETIONS[entry]))
    drafted = read(layout, content).details
    for column in COMPARED:
        if ours[column].null_count() < ours.height:
            assert drafted[column].to_list() == ours[column].to_list(), column
