"""The declarations for people: writes docs/reports.md, or with `--check` fails where it is stale.

python -m handback.reports.render [--check] [path]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Final

from handback.lifecycle.render import keep, table
from handback.reports.declaring import Column, Drill, Parameter
from handback.reports.registry import REPORTS
from handback.reports.report import Report

PATH: Final = Path("docs/reports.md")

_HEAD: Final = """\
# Reports

A report is a named question about redemptions and their partners, answered in rows. The tables
below are written by `python -m handback.reports.render` from the declarations in
`handback.reports`; change those, not the page.

## Running one

```sh
handback report list                                     # which there are
handback report show batches                             # what may be asked, what the rows say
handback report batches --partner skyways --from 2026-11-01 --to 2026-11-30
handback report reasons --by week --zone Europe/Lisbon -o reasons.xlsx
handback report events --batch BATCH --trigger reject --format jsonl
handback files record FILE ORDINAL                       # the bytes behind a record
```

Every parameter of a report is an option of its name. On a terminal rows come as a table with what
they come to below, in a pipe as tab-separated text. `--format` or the suffix of `-o` says
otherwise:

| format | what it is |
| --- | --- |
| `csv` | a line of names, then the rows; what would be taken for a formula gets a `'` ahead |
| `json` | one object: what was asked, the rows, their totals, and as of when |
| `jsonl` | an object for each row, as they come; what `--json` gives |
| `xlsx` | a workbook with real numbers, instants and days, and a sheet that says what it is of |

CSV and JSON have instants with their offset, lengths of time in seconds, and shares as fractions
of one. A workbook has instants in the report's time zone, and needs the extra `xlsx` of the client:
`pip install 'handback-client[xlsx]'`. A file appears once it is whole. Rows stream from end to end:
a report of millions takes no more memory than one of thousands.

From Python it is `client.reports.run(name, parameters)`, over gRPC `ReportService.RunReport`.

## What holds for all

- **One state.** A report is read in one transaction. Its footer names the newest position of the
  journal that this saw, and when it ran.
- **Periods** include the instant `from` and end before the instant `to`. Either may be a day, which
  is wholly included. A period costs what happened in it, however long the journal is.
- **Days** are those of the report's time zone: that of `zone`, else the partner's where one is
  named, else UTC. With `--at 2026-03-31` everything is as it stood when that day ended.
- **Quantities** are whole units of the row's `unit`; totals are by unit.
- **The way down.** Every figure leads to the report that shows what is behind it: `--behind` names
  it, with its parameters, for each figure of a row in JSON, and below a table. All ways end at
  events, and at the records of files with their bytes.
- **Restricted reasons**, those of class `hold`, count as `ops` without a code for callers who may
  not see them, in every report alike.
- A payout batch or hand-back file counts in the period in which it was sealed or received; all else
  in that in which it was committed.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *map(_section, REPORTS.values())])


def _section(report: Report) -> str:
    parts = [f"## `{report.name}`\n", f"{report.sentence}\n"]
    if report.parameters:
        parts.append(table(["parameter", "what it does"], map(_parameter, report.parameters)))
    parts.append(table(["column", "kind", "what it says"], map(_column, report.columns)))
    parts += _ways(report)
    return "\n".join(parts)


def _parameter(parameter: Parameter) -> tuple[str, str]:
    said = f"{'Needed. ' if parameter.required else ''}{parameter.sentence}"
    if parameter.choices:
        choices = ", ".join(f"`{one}`" for one in parameter.choices)
        several = "Some of" if parameter.several else "One of"
        said += f" {several} {choices}."
    if parameter.default:
        said += f" `{parameter.default}` unless given."
    return f"`{parameter.name}`", said


def _column(column: Column) -> tuple[str, str, str]:
    return (
        f"`{column.name}`",
        f"{column.kind}{', summed up' if column.total else ''}",
        column.sentence,
    )


def _ways(report: Report) -> Iterator[str]:
    if report.drills:
        yield "Behind the figures:\n"
        yield "\n".join(map(_way, report.drills)) + "\n"


def _way(drill: Drill) -> str:
    figures = ", ".join(f"`{one}`" for one in drill.figures)
    told = [f"{name} = {column}" for name, column in drill.columns.items()]
    fixed = [f"{name} = `{text}`" for name, text in drill.fixed.items()]
    kept = [f"{name} as asked" for name in drill.kept if name not in drill.columns]
    way = f"- {figures}: `{drill.report}` with {'; '.join([*told, *fixed, *kept])}"
    return fill(way, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def main() -> int:
    """The command."""
    return keep("handback.reports.render", PATH, page())


if __name__ == "__main__":
    sys.exit(main())
