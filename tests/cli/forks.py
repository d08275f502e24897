"""The command line as processes of their own, through pipes or on a terminal, in a fraction of a start each.

`python -m tests.cli.forks` imports what commands import, once, and forks for every command line that it is sent.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import pty
import socket
import struct
import sys
import termios
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import auditing, seed
from tests.cli.environment import CLEAN

COLUMNS, LINES = 160, 50
IMPORTED = (
    *(
        "lakeflow.lake.lake",
        "lakeflow.lake.diagnosis",
        "lakeflow.lake.assembly",
        "lakeflow.cli.failure",
        "lakeflow.cli.progress",
    ),
    *("lakeflow.adapters.duckdb.engine", "lakeflow.adapters.processes.engine", "lakeflow.adapters.processes.auditor"),
    *(
        "lakeflow.adapters.iceberg.manifests.scan",
        "lakeflow.adapters.iceberg.commit.staging",
        "lakeflow.adapters.iceberg.commit.compaction",
        "lakeflow.adapters.expectations.compile.cache",
    ),
)
"""What commands import later than at their start, and what starts no thread."""

STARTS_NOTHING = {
    *("list", "plan", "status", "show", "snapshots", "lineage", "runs", "config"),
    *("doctor", "compact", "gc", "backup", "migrate", "discard", "rollback", "drop"),
}
"""Commands that need no workers. Where one starts a process all the same, that starts as it does for a user."""


@dataclass(frozen=True)
class Said:
    """How a command ended. On a terminal everything is in `out`, as the terminal got it."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str = ""


class Forks:
    """A server of forks; `close` ends it, and it ends with whoever started it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = seed.start_main("tests.cli.forks", theirs, CLEAN)
        self._socket = ours

    def close(self) -> None:
        self._socket.close()
        self._process.wait(timeout=30)

    def piped(self, *words: str, cwd: Path, env: Mapping[str, str] | None = None) -> Said:
        out, err = _Reader(*os.pipe()), _Reader(*os.pipe())
        with Path(os.devnull).open() as nothing:
            code = self._run(words, cwd, (nothing.fileno(), out.theirs, err.theirs), env)
        return Said(words, code, out.text(), err.text())

    def unread(self, *words: str, cwd: Path) -> Said:
        """Through a pipe whose reader has gone before the first word."""
        ours, theirs = os.pipe()
        os.close(ours)
        err = _Reader(*os.pipe())
        with Path(os.devnull).open() as nothing:
            code = self._run(words, cwd, (nothing.fileno(), theirs, err.theirs))
        os.close(theirs)
        return Said(words, code, "", err.text())

    def typed(self, *words: str, cwd: Path) -> Said:
        """On a terminal at which nobody types."""
        here, there = pty.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        screen = _Reader(here, there)
        code = self._run(words, cwd, (there, there, there))
        return Said(words, code, screen.text())

    def _run(
        self, words: tuple[str, ...], cwd: Path, files: tuple[int, int, int], env: Mapping[str, str] | None = None
    ) -> int:
        asked = {"words": words, "cwd": str(cwd), "env": dict(env or {})}
        socket.send_fds(self._socket, [json.dumps(asked).encode()], files)
        return int(self._socket.recv(16))


class _Reader:
    """Reads one end while the other is written to; a terminal's buffer is a few kilobytes only."""

    def __init__(self, ours: int, theirs: int) -> None:
        self.theirs = theirs
        self._ours = ours
        self._read = bytearray()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def text(self) -> str:
        os.close(self.theirs)
        self._thread.join(timeout=30)
        os.close(self._ours)
        return self._read.decode().replace("\r\n", "\n")

    def _follow(self) -> None:
        try:
            while chunk := os.read(self._ours, 65_536):
                self._read += chunk
        except OSError:  # how Linux says that the other side of a terminal is closed
            pass


def main() -> None:
    from lakeflow.cli.main import COMMANDS

    for name in {*IMPORTED, *(f"lakeflow.cli.commands.{where.partition(':')[0]}" for where, _ in COMMANDS.values())}:
        importlib.import_module(name)
    auditing.grow()
    asked = socket.socket(fileno=0)
    while True:
        request, files, *_ = socket.recv_fds(asked, 65_536, 3)
        if not request:
            return
        child = os.fork()
        if child == 0:
            _become(json.loads(request), files)
        for file in files:
            os.close(file)
        asked.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def _become(request: Mapping[str, Any], files: list[int]) -> None:
    """This process is the command from now on, with these three files and nothing of the server's."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, 1024)
    os.chdir(request["cwd"])
    os.environ.update(TERM="xterm-256color", PYTHONUTF8="1", COLUMNS=str(COLUMNS))
    os.environ.update(request["env"])
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - they live as long as the process
        for number, mode in enumerate(("r", "w", "w"))
    )
    sys.argv = ["lakeflow", *request["words"]]
    from lakeflow.cli.main import main as command

    code: Any = 0
    with nullcontext() if STARTS_NOTHING & {*request["words"]} else seed.offshoot():
        try:
            command()
        except SystemExit as left:
            code = left.code or 0
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(int(code))


if __name__ == "__main__":
    main()
