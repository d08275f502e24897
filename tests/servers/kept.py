"""A server's process, its folder and its words, for as long as this process lives."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_KEEPER: Final = Path(__file__).with_name("keeper.py")
_DEADLINE: Final = 90.0
_PORTS: Final = range(15_000, 22_000)
"""Below those that systems give to clients, so that nobody takes a server's port while it restarts; and 10,000 above
them are as free, where SeaweedFS has its second doors.
"""
_TRIES: Final = 8


class CannotStartError(Exception):
    """A server that is not installed, or that does not start here, with the reason."""


@dataclass(frozen=True)
class Kept:
    process: subprocess.Popen[bytes]
    folder: Path
    log: Path

    def end(self) -> None:
        """By the server's own signal, unless it has ended; its folder goes with it."""
        assert self.process.stdin is not None
        if self.process.stdin.closed:  # it was told already
            return
        with suppress(BrokenPipeError):
            self.process.stdin.write(b"!")  # a fork of this process may hold the pipe open
            self.process.stdin.close()
        self.process.wait(60)
        self.log.unlink(missing_ok=True)

    @property
    def words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def folder(name: str) -> Path:
    """Of its own in the system's folder for such: PostgreSQL, as another user, does not get into pytest's."""
    return Path(tempfile.mkdtemp(prefix=f"lakeflow-{name}-"))


def keep(
    command: Sequence[str | Path],
    within: Path,
    environment: Mapping[str, str] | None = None,
    end_by: signal.Signals = signal.SIGKILL,
) -> Kept:
    """Start it; `within` is removed when it ends."""
    log = within.with_name(f"{within.name}.log")
    keeper = [sys.executable, "-I", str(_KEEPER), str(os.getpid()), str(int(end_by)), str(within)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*keeper, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=within,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    return Kept(process, within, log)


def wait_until(ready: Callable[[], bool], kept: Kept, what: str) -> None:
    """CannotStartError with its last words when it ended, or was not ready in time."""
    deadline = time.monotonic() + _DEADLINE
    while not ready():
        ended = kept.process.poll() is not None
        if ended or time.monotonic() > deadline:
            words = kept.words[-800:]
            kept.end()
            raise CannotStartError(f"{what} did not start: {words}")
        time.sleep(0.05)


def ports() -> Iterator[int]:
    """Some to try, one after the other: whether one is free is known when the server has it."""
    yield from random.SystemRandom().sample(_PORTS, _TRIES)
