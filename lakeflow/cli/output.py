"""The two streams: data on stdout, all else on stderr. An answer has three forms: screen, JSON envelope, CSV; what a
reviewer is shown has a fourth, Markdown.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TextIO

from lakeflow.as_json.envelope import enveloped
from lakeflow.cli.text import Text, ascii_only, clean
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from rich.console import Console

Records = tuple[tuple[str, ...], list[tuple[str, ...]]]


_SAID_TO_BE_A_TERMINAL: Final = ("FORCE_COLOR", "TTY_COMPATIBLE")


class OutputFormat(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


MARKDOWN: Final = "markdown"
"""The form of what a comment on a change shows, which few commands have."""


@dataclass(frozen=True)
class Answer:
    """What a command answers. `errors` are entries of the envelope: code, message, hint, asset. `markdown` is made only
    where that is asked for.
    """

    data: Mapping[str, Any]
    screen: Text
    records: Records | None = None
    exit_code: int = 0
    errors: Sequence[Mapping[str, Any]] = ()
    markdown: str = ""


def envelope(command: str, answer: Answer) -> str:
    return enveloped(command, answer.data, answer.exit_code, answer.errors)


def comma_separated(records: Records, *, cleaned: bool) -> str:
    """CSV by RFC 4180 with line feeds; `cleaned` spells control characters out, for a terminal."""
    text = io.StringIO()
    header, rows = records
    for row in (header, *rows):
        csv.writer(text, lineterminator="\n").writerow([clean(value) for value in row] if cleaned else row)
    return text.getvalue()


def emit(answer: Answer, form: str, command: str, *, color: bool) -> None:
    """Write the answer to stdout in the requested form."""
    if form == OutputFormat.JSON:
        write(envelope(command, answer) + "\n", sys.stdout)
    elif form == MARKDOWN:
        write(answer.markdown, sys.stdout)
    elif form == OutputFormat.CSV:
        assert answer.records is not None, f"{command} has no CSV"
        write(comma_separated(answer.records, cleaned=sys.stdout.isatty()), sys.stdout)
    else:
        show(answer.screen, sys.stdout, color=color)


def screen_width() -> int | None:
    """How many characters a line of stdout may have: as many as the terminal or COLUMNS says. None: nobody reads it on
    a screen.
    """
    if not (sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()):
        return None
    return shutil.get_terminal_size().columns


def show(text: Text, stream: TextIO, *, color: bool) -> None:
    """Write a text for people. It is never wrapped, and styled only where the stream supports that."""
    if not _may_be_styled(stream, color=color):
        write(text.plain + "\n", stream)
        return
    console = console_on(stream, color=color)
    with console.capture() as captured:
        console.print(text, soft_wrap=True)
    write(captured.get(), stream)


def console_on(stream: TextIO, *, color: bool) -> Console:
    """Rich, without its guesses about content. NO_COLOR and `--no-color` turn every escape sequence off."""
    from rich.console import Console  # noqa: PLC0415 - most answers are read by no terminal

    plain = not _wants_color(color=color)
    return Console(file=stream, color_system=None if plain else "auto", highlight=False, markup=False, emoji=False)


def _may_be_styled(stream: TextIO, *, color: bool) -> bool:
    """Is the stream a terminal, or said to be one as rich reads the environment? It decides then."""
    return _wants_color(color=color) and (stream.isatty() or any(map(os.environ.get, _SAID_TO_BE_A_TERMINAL)))


def _wants_color(*, color: bool) -> bool:
    return color and not os.environ.get("NO_COLOR")


def write(text: str, stream: TextIO) -> None:
    """Write and flush. If the reader went away (`| head`), the rest is dropped quietly."""
    try:
        stream.write(encodable(text, stream))
        stream.flush()
    except BrokenPipeError:
        # The descriptor points at nothing, so that the interpreter's last flush succeeds too.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def encodable(text: str, stream: TextIO) -> str:
    """The text as this stream can take it: lakeflow's signs in ASCII where it has no Unicode, other characters
    escaped.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if not speaks_unicode(stream):
        text = ascii_only(text)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def speaks_unicode(stream: TextIO) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name.startswith("utf")
