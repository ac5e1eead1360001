"""The table for people: writes docs/lifecycle.md, or with `--check` fails where it is stale.

python -m handback.lifecycle.render [--check] [path]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from inspect import getdoc
from pathlib import Path
from typing import Final

from handback.lifecycle.table import (
    RESTING_STATES,
    TRANSITIONS,
    Account,
    State,
    Transition,
    Trigger,
)

PATH: Final = Path("docs/lifecycle.md")

_STATES: Final = {
    State.SUBMITTED: "Accepted, its value held. It waits in the due queue or in a batch under way.",
    State.AWAITING_HANDBACK: "An attempt has reached the partner; its answer is outstanding.",
    State.CONFIRMED: "The partner credited it. It rests here, though returns arrive weeks later.",
    State.REJECTED: "The partner did not credit it. The value stays held until somebody decides.",
    State.RETRYING: "Another attempt was decided on. It waits as a submitted one does.",
    State.FAILED: "Given up, the value back with the member. It rests here, and may be reinstated.",
}

_ACCOUNTS: Final = {
    Account.MEMBER: "with the member; the other side of everything that enters or leaves",
    Account.HELD: "set aside for redemptions whose outcome is open",
    Account.FULFILLED: "credited by the partner",
    Account.VARIANCE: "differences with the partner that are let be: within the tolerance of the "
    "agreement, or accepted by two people",
    Account.WRITTEN_OFF: "given up by two people: neither credited nor given back; below nothing, "
    "what was credited though given back, and is borne",
}

_HEAD: Final = """\
# The life of a redemption

This page is written by `python -m handback.lifecycle.render` from `handback.lifecycle.table`;
change the table, not the page. One redemption is decided by `machine`, a set by `relation`, both
from the same rows; the tests in `tests/equivalence` hold the two to the same answer.
"""

_RESTING: Final = """\
`confirmed` and `failed` are resting states, not absorbing ones: nobody waits for anything any more,
yet a late return can take a confirmation back, and two people together can reinstate what was given
up. Every other state is open: its value is held, and it stands in exactly one queue.

A confirmation fulfils all that is still held. Where a partner credited less, the rest leaves `held`
first, by `release`, `adjust` or `write_off`, and the confirmation follows in the same block.
"""

_GUARDS: Final = """\
A trigger whose pair of state and trigger is not in this table, or whose conditions do not all hold,
is refused: a command with `ILLEGAL_TRANSITION`; a partner's record moves nothing. No two rows
of one pair can hold at once. A posting moves the quantity of the record or command from the first
account to the second; what it does to a redemption's held and fulfilled quantity follows from it.

Of a `failed` redemption no more is reinstated or written off than the member had back of it, which
may be less than was asked for: a part may have been let be before. A redemption has no column for
that, so no condition here can see it. The history is summed before two people are asked, and their
decision lapses when the redemption moves.
"""


def page() -> str:
    """The whole page, ending in a newline."""
    sections = [
        _HEAD,
        "\n".join(("```mermaid", *_diagram(), "```\n")),
        "## States\n",
        table(("state", "meaning"), (_state_cells(state) for state in _STATES)),
        _RESTING,
        "## Transitions\n",
        table(
            ("trigger", "from", "to", "allowed where", "posting", "by", "why"),
            (_transition_cells(row) for row in TRANSITIONS),
        ),
        _GUARDS,
        "## Accounts\n",
        table(("account", "value"), ((f"`{name}`", text) for name, text in _ACCOUNTS.items())),
        "## Refused\n",
        table(("state", "triggers without a row"), (_refused_cells(state) for state in _STATES)),
    ]
    return "\n".join(sections)


def _diagram() -> Iterator[str]:
    yield "stateDiagram-v2"
    for row in TRANSITIONS:
        source = "[*]" if row.source is State.NONE else str(row.source)
        yield f"    {source} --> {row.target}: {row.trigger}"
    for state in RESTING_STATES:
        yield f"    {state} --> [*]"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown, ending in a newline."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _state_cells(state: State) -> tuple[str, str]:
    return f"`{state}`", _STATES[state]


def _transition_cells(row: Transition) -> tuple[str, ...]:
    posting = f"{row.posting.debit} → {row.posting.credit}" if row.posting else "–"
    return (
        f"`{row.trigger}`",
        "–" if row.source is State.NONE else f"`{row.source}`",
        f"`{row.target}`",
        "; ".join(getdoc(condition) or "" for condition in row.guard) or "always",
        posting,
        row.by,
        row.why,
    )


def _refused_cells(state: State) -> tuple[str, str]:
    taken = {row.trigger for row in TRANSITIONS if row.source is state}
    return f"`{state}`", ", ".join(f"`{other}`" for other in Trigger if other not in taken)


def keep(module: str, default: Path, text: str, arguments: Sequence[str] | None = None) -> int:
    """Writes a page that the module makes, or compares it; 1 where the comparison fails."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("path", nargs="?", type=Path, default=default)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    path: Path = options.path
    if not options.check:
        path.write_text(text, encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{path} is stale: run python -m {module}\n")
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the page, or compares it; 1 where the comparison fails."""
    return keep("handback.lifecycle.render", PATH, page(), arguments)


if __name__ == "__main__":
    sys.exit(main())
