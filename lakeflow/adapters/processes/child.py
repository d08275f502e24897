"""A child process, as its parent uses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Final

from lakeflow.adapters.processes import protocol
from lakeflow.core.keys import EMPTY

GUARD: Final = "lakeflow.workers.guard"
START: Final = 120.0
"""Seconds that a child may take to start: the imports of an audit alone take 3 to 7 on an idle machine."""


class Child:
    """`python -m MODULE`, started in the background under a guard that also ends everything that the module starts.

    What it prints is appended to `log_path`. Its environment is ours, and what is `handed` to it.

    A keeper thread starts the child, passes on its messages, and waits for its end. The thread lives as long as the
    child: Linux sends the parent-death signal when the *thread* that started a process ends, so a short-lived thread
    would kill its child.
    """

    def __init__(self, module: str, log_path: str, handed: Mapping[str, str] = EMPTY) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: SimpleQueue[bytes | None] = SimpleQueue()
        self._tried = threading.Event()
        self._sending = threading.Lock()
        self._fate = "no process"
        self._keeper = threading.Thread(target=self._keep, args=(module, log_path, handed), name=module, daemon=True)
        self._keeper.start()

    @property
    def pid(self) -> int | None:
        """The child's process number; None when it could not be started."""
        self._tried.wait()
        return self._process.pid if self._process else None

    def send(self, wish: protocol.Call | protocol.OneWayCall, mark: bytes = b"") -> None:
        """Send a message, any thread. `receive` notices that a child is gone."""
        self._tried.wait()
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError), self._sending:
                protocol.write_message(self._process.stdin, mark + protocol.encode(wish))

    def receive(self, timeout: float | None = None) -> protocol.Progress | protocol.Reply:
        """The child's next message. TimeoutError after so many seconds; ChildProcessError, saying how it ended, when it
        did; ValueError for an unreadable message.
        """
        try:
            message = self._messages.get(timeout=timeout)
        except Empty:
            raise TimeoutError from None
        if message is None:
            self._messages.put(None)
            raise ChildProcessError(self._fate)
        return protocol.decode_answer(message)

    def kill(self) -> None:
        """Kill the child with everything that it started, and return when it is gone."""
        self._tried.wait()
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                process.terminate()  # its guard ends everything below it, and itself
            self._keeper.join()

    def _keep(self, module: str, log_path: str, handed: Mapping[str, str]) -> None:
        try:
            process = self._process = _spawn(module, log_path, handed)
        except OSError as error:
            self._fate = str(error)
            return
        finally:
            if self._process is None:
                self._messages.put(None)
            self._tried.set()
        assert process.stdout is not None
        assert process.stdin is not None
        with process.stdout:
            while (message := protocol.read_message(process.stdout)) is not None:
                self._messages.put(message)
        self._fate = _fate(process.wait())
        with suppress(OSError):  # what could not be delivered any more
            process.stdin.close()
        self._messages.put(None)


def _spawn(module: str, log_path: str, handed: Mapping[str, str]) -> subprocess.Popen[bytes]:
    Path(log_path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # -P: the working directory is the user's, and no module of theirs may replace one of ours
    command = [sys.executable, "-P", "-m", GUARD, module, str(os.getpid())]
    with open(log_path, "ab", opener=partial(os.open, mode=0o600)) as log:
        return _start(command, log, {**_environment(), **handed})


def _environment() -> dict[str, str]:
    home = str(Path(__file__).parents[3])
    path = os.pathsep.join(part for part in (home, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path, "GX_ANALYTICS_ENABLED": "false"}


def _start(command: list[str], log: IO[bytes], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=env,
        process_group=0,  # a terminal's Ctrl-C is the parent's to decide
    )


def _fate(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"{name} (out of memory?)" if name == "SIGKILL" else name
