"""Data on stdout, all else on stderr, in the encoding and colour that the reader takes; an envelope for programs."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import terminal
from tests.cli.process import CLEAN, lakeflow, python

EMIT = """
import sys
from lakeflow.cli.output import Answer, OutputFormat, emit
from lakeflow.cli.text import Mark, line
text = line(Mark.OK, " ", ("published", "green"), " a \\u2192 b caf\\u00e9 \\u65e5 ", chr(27) + "[2J")
records = (("name",), [("a,b",), ("evil" + chr(27) + "[2J",)])
emit(Answer({{"text": "evil" + chr(27) + chr(0x202E)}}, text, records), OutputFormat.{form}, "list", color={color})
"""


def emitted(form: str, *, color: bool = True, **env: str) -> str:
    done = python(EMIT.format(form=form, color=color), cwd=None, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def on_terminal(script: str, **env: str) -> bytes:
    """What a terminal receives."""
    here, there = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", script], stdout=there, env={**CLEAN, "TERM": "xterm", **env})
    os.close(there)
    received = terminal.received(here)
    assert process.wait(timeout=60) == 0
    return received


def test_a_pipe_gets_no_colour_and_a_forced_pipe_does() -> None:
    assert "\x1b" not in emitted("TABLE")
    assert "\x1b[32m" in emitted("TABLE", FORCE_COLOR="1", TERM="xterm")


def test_no_color_wins_over_all() -> None:
    assert "\x1b" not in emitted("TABLE", FORCE_COLOR="1", NO_COLOR="1", TERM="xterm")
    assert "\x1b" not in emitted("TABLE", color=False, FORCE_COLOR="1", TERM="xterm")


@pytest.mark.long
def test_a_terminal_gets_colour_but_never_an_escape_out_of_data() -> None:
    received = on_terminal(EMIT.format(form="TABLE", color=True))
    assert b"\x1b[32m" in received
    assert b"\x1b[2J" not in received
    assert b"\\x1b[2J" in received
    assert b"\x1b" not in on_terminal(EMIT.format(form="TABLE", color=True), NO_COLOR="1")


def test_csv_is_verbatim_in_a_pipe_and_clean_on_a_terminal() -> None:
    assert emitted("CSV") == 'name\n"a,b"\nevil\x1b[2J\n'
    assert b"\x1b" not in on_terminal(EMIT.format(form="CSV", color=True))


def test_json_is_pure_ascii_and_gives_back_every_character() -> None:
    text = emitted("JSON")
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["data"] == {"text": "evil\x1b\u202e"}


def test_signs_are_ascii_where_stdout_is_not_unicode() -> None:
    """What has no ASCII sign is spelled as an escape, never an error."""
    text = emitted("TABLE", PYTHONIOENCODING="ascii")
    assert text == "v published a -> b caf\\xe9 \\u65e5 \\x1b[2J\n"
    assert "caf\u00e9 \\u65e5" in emitted("TABLE", PYTHONIOENCODING="latin-1")


def test_a_closed_pipe_ends_quietly() -> None:
    """The reader takes one line of many and goes."""
    script = """
import sys
from lakeflow.cli.output import show
from rich.text import Text
for number in range(2000):
    show(Text("line " * 200), sys.stdout, color=True)
"""
    command = f'"{sys.executable}" -c "$SCRIPT" | head -1'
    env = {**CLEAN, "SCRIPT": script}
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], env=env, capture_output=True, check=False)
    assert done.stderr == b""
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 1


def test_an_unknown_command_is_a_usage_error_with_a_guess() -> None:
    done = lakeflow("materialise")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "did you mean `lakeflow materialize`?" in done.stderr
    assert done.stderr.count("\n") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("publish", "x", "--force"),
        ("publish", "x", "--reason", "because"),
        ("publish", "x", "--force", "--reason", "  "),
        ("show", "silver.x", "--ref", "main", "--snapshot", "s1"),
        ("materialize", "--wait", "soon"),
        ("--set", "nonsense", "list"),
        ("list", "--output", "yaml"),
        ("list", "--nope"),
    ],
)
def test_a_command_that_cannot_be_meant_exits_with_2(arguments: tuple[str, ...]) -> None:
    done = lakeflow(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("asked", [("--output", "json"), ("-o", "json"), ("--output=json",)])
def test_a_usage_error_has_an_envelope_too(asked: tuple[str, ...]) -> None:
    done = lakeflow("publish", "x", "--force", *asked)
    answer = json.loads(done.stdout)
    assert done.returncode == answer["exit_code"] == 2
    assert answer["schema_version"] == 1
    assert answer["command"] == "publish"
    assert answer["ok"] is False
    assert answer["data"] == {}
    (error,) = answer["errors"]
    assert error["code"] == "usage"
    assert error["hint"] == "`lakeflow publish --help` shows how"
    assert set(error) == {"code", "message", "hint", "asset"}


def test_a_directory_without_a_project_is_named(tmp_path: Path) -> None:
    done = lakeflow("list", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_a_bug_is_one_line_without_values_of_the_data() -> None:
    """The text of an unknown exception may hold a row; its type and place do not."""
    script = (
        "from lakeflow.cli.failure import report; import sys; sys.exit(report(KeyError('ada@example.org'), [], {}))"
    )
    done = python(script)
    assert done.returncode == 1
    assert "ada@" not in done.stderr
    assert done.stderr.splitlines() == [
        "error: unexpected KeyError",
        "hint: `lakeflow runs` says what was published; LAKEFLOW_DEBUG=1 shows the traceback",
    ]
