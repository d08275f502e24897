"""`lakeflow query` without a SELECT: a prompt at a terminal, and one question after the other through a pipe."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lakeflow.cli.commands.ask.kept import KeptQuestions
from tests.cli.environment import CLEAN
from tests.cli.test_query import write

ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")
DEADLINE = 60
PROMPT = "lakeflow>"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import lakeflow

    made = tmp_path_factory.mktemp("lake")
    write(made, "one")
    with lakeflow.open(made) as lake:
        lake.materialize()
    return made


def asked(root: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lakeflow.cli", "query", *words]
    return subprocess.run(command, input=text, cwd=root, env=CLEAN, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_a_pipe_is_read_question_by_question_and_a_fault_ends_no_other(root: Path) -> None:
    text = "select 1 as a;\nselect nope from silver.sales; select\n 'x;y' as b; -- b\n"
    text += "select count(*) as c from silver.sales"
    done = asked(root, text, "-o", "csv")
    assert (done.stdout, done.returncode) == ("a\n1\nb\nx;y\nc\n100\n", 2)
    assert done.stderr.count("error: ") == 1
    assert "nope" in done.stderr
    done = asked(root, "select 1 as a; from silver.nope; select 2 as a;", "-o", "json")
    found = [json.loads(each) for each in re.split(r"(?<=^\})\n", done.stdout, flags=re.MULTILINE) if each]
    rows = [(each["ok"], each["data"].get("rows")) for each in found]
    assert rows == [(True, [{"a": 1}]), (False, None), (True, [{"a": 2}])]
    nothing = asked(root, " -- nothing\n")
    assert (nothing.returncode, "write the SELECT behind the command" in nothing.stderr) == (2, True)


class Person:
    """Somebody at a terminal of their own."""

    def __init__(self, root: Path, home: Path, *words: str) -> None:
        self.pid, self.at = pty.fork()
        if self.pid == 0:
            os.chdir(root)
            env = {**CLEAN, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "XDG_STATE_HOME": str(home)}
            os.execve(sys.executable, [sys.executable, "-m", "lakeflow.cli", "query", *words], env)
        self.seen = b""

    def types(self, text: str) -> None:
        os.write(self.at, text.encode())

    def reads(self, words: str, then: str = PROMPT) -> str:
        """All that came until these words stood on the screen, and behind them the prompt that asks for more."""
        deadline = time.monotonic() + DEADLINE
        awaited = re.compile(re.escape(words) + r"[\s\S]*" + then)
        while not awaited.search(found := ESCAPE.sub(b"", self.seen).decode(errors="replace")):
            assert time.monotonic() < deadline, (words, self.seen)
            if select.select([self.at], [], [], 1)[0]:
                self.seen += os.read(self.at, 65_536)
        self.seen = b""
        return found

    def leaves(self) -> int:
        """How it ended; killed where it does not."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            try:
                if select.select([self.at], [], [], 1)[0] and not os.read(self.at, 65_536):
                    break
            except OSError:  # how Linux says that the other side is closed
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.at)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.mark.long
def test_a_prompt_answers_completes_remembers_and_survives_faults(root: Path, tmp_path: Path) -> None:
    person = Person(root, tmp_path)
    person.reads("")
    person.types("select count(*) as many from silver.sales;\r")
    assert "100" in person.reads("1 row")
    person.types("select nope from silver.sales;\r")
    assert "error: " in person.reads("not found in FROM")
    person.types("select 'ada' as email from bronze.buyers where email = 'ada';\r")
    person.reads("no rows")
    person.types("select sum(1)\rfrom silver.sa\t")  # two lines, and a name that is completed
    person.reads("les", then="")
    person.types(" limit 1;\r")
    assert "100" in person.reads("1 row")
    person.types("select this will never be ended")
    person.types("\x03")
    person.types("select 7 as seven;\r")
    assert "seven" in person.reads("1 row")
    person.types("select count(*) from range(1000000) a, range(1000000) b, range(1000000) c;\r")
    time.sleep(2)  # it would take days
    person.types("\x03")
    person.reads("that question was left")
    person.types("select 8 as eight;\r")
    person.reads("1 row")
    person.types("\x04")
    assert person.leaves() == 0
    file = tmp_path / "lakeflow/query_history"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = KeptQuestions(file).load()
    assert kept == [
        "select count(*) as many from silver.sales;",
        "select sum(1)\nfrom silver.sales limit 1;",
        "select 7 as seven;",
        "select 8 as eight;",
    ]
    again = Person(root, tmp_path, "--as-of", "0s")
    again.reads("")
    again.types("\x1b[A\r")  # the last question of the other day
    assert "eight" in again.reads("1 row")
    again.types("exit\r")
    assert again.leaves() == 0


def test_the_history_is_a_file_of_its_owner_or_none(tmp_path: Path) -> None:
    file = tmp_path / "state/lakeflow/query_history"
    kept = KeptQuestions(file)
    assert kept.load() == []
    kept.add("select\n1")
    kept.add("select 'é'")
    assert KeptQuestions(file).load() == ["select\n1", "select 'é'"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with file.open("a") as more:
        more.write('not ours\n{"a": 1}\n')
    file.chmod(0o644)
    kept.add("select 3")
    assert kept.load() == ["select\n1", "select 'é'", "select 3"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = tmp_path / "other"
    other.write_text("precious")
    file.unlink()
    file.symlink_to(other)
    kept.add("select 4")
    assert (kept.load(), other.read_text()) == ([], "precious")
    KeptQuestions(None).add("select 5")
    file.unlink()
    for number in range(3):
        kept.add(f"select '{number}{'x' * 600_000}'")
    assert len(kept.load()) <= 3
