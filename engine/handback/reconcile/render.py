"""The rulings for people: writes docs/decisions-table.md, or with `--check` tells if it is stale.

python -m handback.reconcile.render [--check] [path]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from handback.breaks.kinds import BreakKind
from handback.lifecycle.render import keep, table
from handback.lifecycle.table import TRANSITIONS, State, Trigger
from handback.partners.codes import TRIGGER_OF, ReasonClass
from handback.partners.vocabulary import AnswerStyle
from handback.reconcile.facts import Fate
from handback.reconcile.match import Match
from handback.reconcile.opened import UNMATCHED
from handback.reconcile.rulings import RULINGS, Becomes, Ruling
from handback.reconcile.silence import READ_AS

PATH: Final = Path("docs/decisions-table.md")

_HEAD: Final = """\
# What if

What arrives, what we know, and what then happens. This page is written by
`python -m handback.reconcile.render` from `handback.reconcile.rulings` and its neighbours; change
the table, not the page. What each trigger does to the value is told in
[lifecycle.md](lifecycle.md), what the words of an agreement mean in [agreements.md](agreements.md).

Every record of a hand-back file becomes one thing: an **event** moves its redemption, a
**repeat** says nothing new and changes nothing, a **break** waits for a person, a **reject** could
not be read.
"""

_BEFORE: Final = """\
## A record that leads to no attempt of ours

A record is matched by the agreement's rules, in their order; see `[handback]` there.
"""

_MATCHED: Final = """\
## A record that answers an attempt

Its code's class says what it is:
"""

_ORDER: Final = """\
The first row that holds decides, from the top of the page to its end. Rows after another may count
on it: where one says that something is so, a later one of the same kind is for when it is not.

Two records of one file that say the same of one attempt are one, and a repeat. Where several
different ones speak of one redemption they are judged one after the other in the file's order, each
on what those before it have left. The tolerance is that of the redemption's unit.
"""

_AFTER: Final = """\
After a `reject` or a `return` the policy of the code, or else of its class, says what follows at
once: `retry`, `fail`, or a person's review, for which the break `review`, `unmapped_code` or
`returned` is opened. Where an earlier attempt may stand credited, because a break that says so
([operations.md](operations.md#no-second-credit)) is open or was dismissed, it is always a review. A
code of class `ok_changed` is a correction besides: the member's old number is blocked for submits
to that partner until somebody has acknowledged it.
"""

_SILENCE: Final = """\
## Nothing arrives

Once the partner's time to answer a batch is over, and nothing was heard of an attempt:
"""

_PEOPLE: Final = """\
## Somebody acts

A command is refused with `ILLEGAL_TRANSITION` wherever this page has no row for it. Between a
command and a record that cross, whichever commits first counts, and the other is judged on what
that left: nothing is decided on a state that has moved. A redemption that a payout batch has taken
can no longer be taken back (`CUT_OFF_PASSED`).
"""


def page() -> str:
    """The whole page, ending in a newline."""
    sections = [
        _HEAD,
        _BEFORE,
        table(("the record", "what happens"), _unmatched()),
        _MATCHED,
        table(("class", "what arrives"), _classes()),
        _ORDER,
    ]
    for arrives, rulings in groupby(RULINGS, key=lambda ruling: ruling.arrives.words):
        cells = [_cells(ruling) for ruling in rulings]
        sections += [
            f"### {arrives.capitalize()}\n",
            table(("where", "what happens", "why"), cells),
        ]
    sections += [
        _AFTER,
        _SILENCE,
        table(("`answers.style`", "what happens"), _silences()),
        _PEOPLE,
        table(("command", "where it stands", "becomes", "by"), _commands()),
    ]
    return "\n".join(sections)


def _unmatched() -> Iterator[tuple[str, str]]:
    yield "cannot be read", "a reject, or the whole file waits in quarantine, as agreed"
    words = {
        Match.NONE: "fits no attempt",
        Match.SEVERAL: "fits several attempts",
        Match.OTHER_PARTNER: "quotes an attempt of another partner",
    }
    for match, text in words.items():
        yield text, f"break `{BreakKind(UNMATCHED[int(match)])}`"


def _classes() -> Iterator[tuple[str, str]]:
    words = {
        Trigger.CONFIRM: "a confirmation",
        Trigger.ACKNOWLEDGE: "an interim answer",
        Trigger.REJECT: "a rejection",
        Trigger.RETURN: "a return",
        None: "a rejection as a duplicate",
    }
    for trigger, text in words.items():
        classes = [
            f"`{member}`"
            for member, pulls in TRIGGER_OF.items()
            if pulls is trigger and member is not ReasonClass.NONE
        ]
        yield ", ".join(classes), text


def _cells(ruling: Ruling) -> tuple[str, str, str]:
    where = "; ".join(fact.words for fact in ruling.where) or "in any other case"
    return where, _happens(ruling.becomes), ruling.why


def _happens(becomes: Becomes) -> str:
    if becomes.fate is Fate.REPEAT:
        return "a repeat"
    steps = [f"`{trigger}`" for trigger in (becomes.first, becomes.trigger) if trigger is not None]
    parts = [", then ".join(steps)] if steps else []
    if becomes.resubmits:
        parts.append("a new redemption of the remainder")
    if becomes.kind is not None:
        parts.append(f"break `{becomes.kind}`")
    return "; ".join(parts)


def _silences() -> Iterator[tuple[str, str]]:
    for style in AnswerStyle:
        trigger = READ_AS.get(style)
        yield (
            f"`{style}`",
            f"break `{BreakKind.OVERDUE}` of the batch" if trigger is None else f"`{trigger}`",
        )


# What a caller or an operator may ask for; the others are a record's, silence's or a delivery's.
_ASKED: Final = ("caller", "operator")


def _commands() -> Iterator[tuple[str, str, str, str]]:
    for row in TRANSITIONS:
        if any(word in row.by for word in _ASKED):
            source = "–" if row.source is State.NONE else f"`{row.source}`"
            yield f"`{row.trigger}`", source, f"`{row.target}`", row.by


if __name__ == "__main__":
    sys.exit(keep("handback.reconcile.render", PATH, page()))
