"""A layout drafted from sample files: what can be told from them, and what only people know.

The draft is TOML to be completed. What is unsure is marked so in its comments; the samples are
decoded under it at once, and what came of that is told beside it.
"""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from handback.errors import InvalidAgreement, InvalidRequest, Violation
from handback.formats.compiling import compile_layout
from handback.formats.decode import decode
from handback.formats.layout import Layout
from handback.onboarding import line_files, tree_files
from handback.onboarding.planning import plan_of
from handback.onboarding.rendering import render
from handback.onboarding.sample import Sample

__all__ = ["Draft", "Sample", "draft"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Draft:
    """The TOML text, a remark for each sample, and how many things are marked as unsure."""

    source: str
    remarks: tuple[str, ...]
    unsure_count: int


def draft(samples: Sequence[Sample], name: str) -> Draft:
    """Propose a layout for files of one kind. Raises InvalidRequest for a name or samples unfit."""
    if not _NAME.fullmatch(name):
        told = "expected lower-case letters, digits and underscores"
        raise InvalidRequest([Violation("name", told)])
    parts = tree_files.parts_of(samples) or line_files.parts_of(samples)
    source = render(plan_of(name, parts))
    return Draft(source, tuple(_remarks(source, name, samples)), source.count("unsure:"))


def _remarks(source: str, name: str, samples: Sequence[Sample]) -> list[str]:
    """What each sample gives under the draft."""
    try:
        layout = compile_layout(name, tomllib.loads(source)["formats"][name])
    except InvalidAgreement as refusal:
        return [f"the draft has to be mended first: {refusal}"]
    return [f"{sample.name}: {_result(layout, sample)}" for sample in samples]


def _result(layout: Layout, sample: Sample) -> str:
    decoded = decode(layout, None, io.BytesIO(sample.content))
    codes: dict[str, int] = {}
    for chunk in decoded:
        for code, count in chunk.findings["code"].value_counts().iter_rows():
            codes[code] = codes.get(code, 0) + count
    facts = decoded.facts
    told = ", ".join(f"{count} {code}" for code, count in codes.items()) or "no findings"
    return f"{facts.records} records, {facts.rejected} of them rejected, {told}"
