"""A failure leaves: people read stderr, programs that asked for JSON get the envelope on stdout all the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Container, Sequence
from itertools import pairwise
from typing import Final

from rich.text import Text

from lakeflow.cli.failure import Failure, failure_of
from lakeflow.cli.output import Answer, Form, envelope, show, write
from lakeflow.cli.text import line

_STYLES: Final = {"error": "bold red", "hint": "cyan"}


def report(error: BaseException, arguments: Sequence[str], commands: Container[str]) -> int:
    """Tell stderr and, where asked, stdout; the exit code. `arguments` may be unparsable: we only look through them."""
    failure = failure_of(error)
    for text in failure.lines:
        show(_styled(text), sys.stderr, color="--no-color" not in arguments)
    if "--events" in arguments:
        write(_event(failure) + "\n", sys.stdout)
    elif _asks_json(arguments):
        command = next((word for word in arguments if word in commands), "")
        answer = Answer(data={}, screen=Text(), exit_code=failure.exit_code, errors=failure.entries)
        write(envelope(command, answer) + "\n", sys.stdout)
    return failure.exit_code


def _asks_json(arguments: Sequence[str]) -> bool:
    pairs = pairwise([*arguments, ""])
    spelled = {f"--output={Form.JSON}", f"-o{Form.JSON}", f"-o={Form.JSON}"}
    return any(word in spelled or (word in {"-o", "--output"} and after == Form.JSON) for word, after in pairs)


def _event(failure: Failure) -> str:
    """The last line of an event stream that broke."""
    return json.dumps({"event": "error", "exit_code": failure.exit_code, "errors": list(failure.entries)})


def _styled(text: str) -> Text:
    word, colon, rest = text.partition(": ")
    return line((word + colon, _STYLES[word]), rest) if word in _STYLES else line(text)
