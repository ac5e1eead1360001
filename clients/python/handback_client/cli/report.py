"""Reports: which there are, what may be asked of one, and running it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import click

from handback_client.cli.command import Command, Group, limit_option
from handback_client.cli.session import Session

if TYPE_CHECKING:
    from handback_client.cli.exporting import Writer
    from handback_client.models.reports import Report, ReportHeader
    from handback_client.sync.reports import ReportRun

FORMATS = ("table", "csv", "json", "jsonl", "xlsx")
COLUMNS = ("name", "sentence", "parameters")
PART_COLUMNS = ("part", "name", "kind", "sentence", "choices")


class ReportGroup(Group):
    """What is no command of its own is the name of a report, which the server knows."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Load one command, or make that which runs a report."""
        return super().get_command(ctx, cmd_name) or _run_command(cmd_name)


@click.group("report", cls=ReportGroup, subcommand_metavar="list | show NAME | NAME [OPTIONS]")
def report_command() -> None:
    """Reports, in which every figure can be followed down.

    `handback report batches --partner skyways --from 2026-11-01` runs one; what may be asked of it
    is what `handback report show batches` says.
    """


@dataclass(frozen=True, slots=True)
class Listed:
    """A report in the list."""

    name: str
    sentence: str
    parameters: str


@report_command.command("list")
@click.pass_obj
def list_reports(session: Session) -> None:
    """List the reports there are."""
    with session.client() as client:
        if session.as_json:
            session.output.whole(client.reports.list(), COLUMNS)
            return
        found = (
            Listed(one.name, one.sentence, " ".join(each.name for each in one.parameters))
            for one in client.reports.list()
        )
        session.output.whole(found, COLUMNS)


@dataclass(frozen=True, slots=True)
class Part:
    """A parameter or a column in the description of a report."""

    part: str
    name: str
    kind: str
    sentence: str
    choices: str = ""


@report_command.command("show")
@click.argument("name")
@click.pass_obj
def show_report(session: Session, name: str) -> None:
    """Say what may be asked of a report, and what its rows say."""
    with session.client() as client:
        found = next((one for one in client.reports.list() if one.name == name), None)
    if found is None:
        raise click.UsageError(f"there is no report {name}; `handback report list` has them all")
    if session.as_json:
        session.output.line(found)
        return
    session.output.whole(_parts(found), PART_COLUMNS)


def _parts(report: Report) -> Iterator[Part]:
    for one in report.parameters:
        needed = "needed: " if one.required else ""
        choices = " ".join(one.choices)
        yield Part("parameter", one.name, one.kind, needed + one.sentence, choices)
    for column in report.columns:
        yield Part("column", column.name, column.kind, column.sentence)


def _run_command(name: str) -> click.Command:
    """The command that runs the report of that name."""

    @click.command(
        name,
        cls=Command,
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True},
        options_metavar="[--PARAMETER VALUE]… [OPTIONS]",
        help=f"Run the report {name}; `handback report show {name}` says what may be asked.",
    )
    @click.argument("asked", nargs=-1, type=click.UNPROCESSED, metavar="")
    @click.option("--format", "form", type=click.Choice(FORMATS), help="How rows are written.")
    @click.option(
        "-o",
        "--output",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write them to this file; its suffix says how, unless --format does.",
    )
    @click.option("--behind", is_flag=True, help="Say with each figure which report is behind it.")
    @limit_option
    @click.pass_obj
    def run(
        session: Session,
        asked: tuple[str, ...],
        form: str | None,
        path: Path | None,
        behind: bool,
        limit: int | None,
    ) -> None:
        parameters = _parameters(asked)
        chosen = _form(session, form, path)
        with session.client() as client, client.reports.run(name, parameters) as running:
            _show(session, running, Shown(chosen, path, behind, limit))

    return run


@dataclass(frozen=True, slots=True)
class Shown:
    """How a report is to be shown, and where."""

    form: str
    path: Path | None
    behind: bool
    limit: int | None


def _parameters(asked: tuple[str, ...]) -> dict[str, str]:
    """`--name value` and `--name=value` by name; dashes within a name count as underscores."""
    found: dict[str, str] = {}
    left = list(asked)
    while left:
        option = left.pop(0)
        name, separator, value = option.removeprefix("--").partition("=")
        if not (option.startswith("--") and name):
            raise click.UsageError(f"expected --PARAMETER VALUE, not {option}")
        if not separator:
            if not left:
                raise click.UsageError(f"{option} needs a value")
            value = left.pop(0)
        found[name.replace("-", "_")] = value
    return found


def _form(session: Session, form: str | None, path: Path | None) -> str:
    """How to write: as asked, by the suffix of the file, else as other commands answer."""
    if form is None:
        suffix = path.suffix.removeprefix(".") if path is not None else ""
        form = suffix if suffix in FORMATS else "jsonl" if session.as_json else "table"
    if form == "table" and path is not None:
        raise click.UsageError("say which --format the file is to have")
    if form == "xlsx" and path is None:
        raise click.UsageError("a workbook goes to a file: -o FILE")
    return form


def _show(session: Session, running: ReportRun, shown: Shown) -> None:
    if shown.form == "table" and session.output.terminal:
        from handback_client.cli.tables import show_table

        show_table(running, shown.behind, shown.limit)
        return
    header = running.header()
    with _target(shown) as target:
        writer = _writer(shown, target, header)
        for place, row in enumerate(running):
            if shown.limit is None or place < shown.limit:
                writer.row(row)
        assert running.footer is not None, "a run that ends without a footer raises"
        writer.close(running.footer)


def _writer(shown: Shown, target: IO[str] | IO[bytes], header: ReportHeader) -> Writer:
    """What writes rows in the form that was chosen, `xlsx` to bytes and all others to text."""
    if shown.form == "xlsx":
        from handback_client.cli.workbook import Workbook

        return Workbook(cast("IO[bytes]", target), header)
    from handback_client.cli.exporting import CsvWriter, JsonLineWriter, JsonWriter, TextWriter

    text = cast("IO[str]", target)
    match shown.form:
        case "csv":
            return CsvWriter(text, header)
        case "json":
            return JsonWriter(text, header, shown.behind)
        case "jsonl":
            return JsonLineWriter(text, shown.behind)
    return TextWriter(text, header)


@contextmanager
def _target(shown: Shown) -> Iterator[IO[str] | IO[bytes]]:
    """Where rows go: a file that appears once it is whole, else standard output."""
    if shown.path is None:
        yield sys.stdout
        return
    unfinished = shown.path.with_name(f".{shown.path.name}.part")
    try:
        unfinished.touch()
    except OSError as error:
        raise click.ClickException(f"{shown.path}: {error.strerror}") from error
    try:
        if shown.form == "xlsx":
            with unfinished.open("wb") as workbook:
                yield workbook
        else:
            with unfinished.open("w", encoding="utf-8", newline="") as text:
                yield text
        unfinished.replace(shown.path)
    finally:
        unfinished.unlink(missing_ok=True)
