"""Questions one after the other: typed at a terminal, or read from stdin. A fault in one of them ends no other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from lakeflow.adapters.machine.sealed import key_file
from lakeflow.cli.commands.ask.answering import Wanted, answer
from lakeflow.cli.commands.ask.kept import KeptQuestions
from lakeflow.cli.failure import INTERRUPTED, report
from lakeflow.core.prompt.questions import LEAVING, is_empty, may_be_kept, split
from lakeflow.core.view.lineage import hidden_columns

if TYPE_CHECKING:
    from lakeflow.lake.lake import Lake


def converse(lake: Lake, wanted: Wanted, stdin: TextIO) -> int:
    """Answer what is asked until there is no more. The exit code is 0 at a terminal, where faults were seen; otherwise
    the highest of all questions. UsageError when nothing was asked through a pipe.
    """
    if stdin.isatty() and wanted.out.isatty():
        return _at_terminal(lake, wanted)
    codes = [_answered(lake, question, wanted) for question in read(stdin)]
    if not codes:
        raise click.UsageError("write the SELECT behind the command, or name its file: -f FILE")
    return max(codes)


def read(lines: Iterable[str]) -> Iterator[str]:
    """The questions in these lines, each as soon as its semicolon is there; the last one needs none."""
    rest = ""
    for line in lines:
        whole, rest = split(rest + line)
        yield from whole
    if not is_empty(rest):
        yield rest


def _at_terminal(lake: Lake, wanted: Wanted) -> int:
    from lakeflow.cli.commands.ask.terminal import Terminal  # noqa: PLC0415 - who asks no prompt needs no editor

    kept = KeptQuestions(_place())
    personal = {name for asset in lake.project.assets.values() for name in hidden_columns(lake.project, asset)}
    for question in Terminal(lake, kept.load(), wanted).questions():
        if question.rstrip("; ").lower() in LEAVING:
            break
        try:
            code = _answered(lake, question, wanted)
        except KeyboardInterrupt:
            code = INTERRUPTED
            click.echo("that question was left", err=True)
        if code == 0 and may_be_kept(question, personal):
            kept.add(question)
    return 0


def _answered(lake: Lake, question: str, wanted: Wanted) -> int:
    try:
        answer(lake, question, wanted)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next question is answered
        with redirect_stdout(wanted.out):
            return report(error, [wanted.command, f"-o{wanted.form}", *_colorless(wanted)], {wanted.command})
    return 0


def _colorless(wanted: Wanted) -> list[str]:
    return [] if wanted.color else ["--no-color"]


def _place() -> Path | None:
    """The file stands beside what else is only this user's, outside every project."""
    found = key_file(os.environ, sys.platform)
    return found and found.with_name("query_history")
