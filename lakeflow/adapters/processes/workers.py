"""The processes that run code: each serves one asset after the other, and prints to a file that is read and emptied."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from lakeflow.adapters.processes import protocol
from lakeflow.adapters.processes.child import START
from lakeflow.adapters.processes.protocol import Call, OneWayCall, Progress, Reply, value_of
from lakeflow.core.errors import CodeError
from lakeflow.core.run.code_terms import Listener
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from lakeflow.adapters.processes.child import Child
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.ports.engine import Runner

_TICK: Final = 0.1
"""Seconds between two reads of what the code printed."""
_KEPT: Final = 1_000_000
"""The most bytes that one try may print; what comes after them is dropped."""


@dataclass(frozen=True)
class Hello:
    """The first message: the root of the project, how to make what runs code, and where modules are found."""

    root: str
    make: Callable[[], Runner]
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Patience:
    """Seconds that a process may take to start, and that it has to end what it runs elsewhere before it is ended."""

    start: float = START
    end: float = 0.0


_PATIENCE: Final = Patience()


class Pool:
    """Processes for one engine. `hello` says how it is made there; `spawn` starts a process that prints to a file in
    `folder`, and what `hello` imports is imported while it comes up. Where there may be `most` at once, code waits for
    its turn.
    """

    def __init__(
        self,
        hello: Callable[[], Hello],
        spawn: Callable[[str], Child],
        folder: Path,
        most: int | None = None,
        patience: Patience = _PATIENCE,
    ) -> None:
        self._patience = patience
        self._make_hello = hello
        self._spawn = spawn
        self._folder = folder
        self._most = most
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._free = Condition()
        self._interrupts = 0

    @cached_property
    def _hello(self) -> Hello:
        return self._make_hello()

    def warm_up(self) -> None:
        """Start a process, if none is there."""
        with self._free:
            if not self._idle and not (self._most and self._busy):
                self._idle.append(self._started())

    def take(self) -> Worker:
        """A process that nobody else has. KeyboardInterrupt where somebody interrupts while this waits for one."""
        with self._free:
            began = self._interrupts
            while self._most and len(self._busy) >= self._most:
                self._free.wait()
                if self._interrupts != began:
                    raise KeyboardInterrupt
            self._busy.append(self._idle.pop() if self._idle else self._started())
            return self._busy[-1]

    def give_back(self, worker: Worker) -> None:
        with self._free:
            self._busy.remove(worker)
            self._idle.append(worker)
            self._free.notify_all()

    def drop(self, worker: Worker) -> None:
        """End a process that is lost, or at work on what nobody wants any more."""
        if self._patience.end:
            worker.cancel(self._patience.end)
        worker.end()
        with self._free:
            with suppress(ValueError):  # close was quicker
                self._busy.remove(worker)
            self._free.notify_all()

    def interrupt(self) -> None:
        """End the processes that are at work."""
        with self._free:
            self._interrupts += 1
            self._free.notify_all()
            busy = tuple(self._busy)
            if self._patience.end and busy:
                for worker in busy:
                    worker.tell(OneWayCall("interrupt", ()))
                self._free.wait_for(lambda: not set(busy) & set(self._busy), self._patience.end)
        for worker in busy:
            worker.end()

    def tell(self, key: AssetKey, urgent: OneWayCall) -> None:
        """Tell the process that serves this asset something while it works."""
        for worker in tuple(self._busy):
            if worker.serves == key:
                worker.tell(urgent)

    def close(self) -> None:
        with self._free:
            workers, self._idle, self._busy = [*self._idle, *self._busy], [], []
        for worker in workers:
            worker.end()

    def _started(self) -> Worker:
        worker = Worker(self._spawn, self._folder / f"code-{uuid4().hex}.log", self._patience.start)
        worker.send(Call("hello", (self._hello,)))
        return worker


class Worker:
    """A child process, the asset that it serves, and the file that it prints to."""

    def __init__(self, spawn: Callable[[str], Child], log: Path, patience: float) -> None:
        self.serves: AssetKey | None = None
        self._patience = patience
        self._child = spawn(str(log))
        self._printed = _Printed(log)
        self._up = False

    def send(self, wish: Call | OneWayCall) -> None:
        self._child.send(wish)

    def tell(self, urgent: OneWayCall) -> None:
        """Tell it something while it works."""
        self._child.send(urgent, protocol.URGENT)

    def await_start(self, traced: Listener) -> None:
        """Wait until the process is ready. Raises CodeError when it is not, or what making an engine raised."""
        if not self._up:
            try:
                answer = self._child.receive(self._patience)
            except (TimeoutError, ChildProcessError, ValueError) as death:
                self.end()
                raise CodeError(f"a process for an asset's code does not start: {death}") from None
            try:
                value_of(answer, traced)
            except BaseException:
                self.end()
                raise
            self._up = True

    def answer(self, until: float | None, said: Listener) -> Progress | Reply:
        """The next answer. TimeoutError when the clock passes `until`, ChildProcessError when the child ends. `said`
        receives what it prints.
        """
        try:
            while True:
                with suppress(TimeoutError):
                    return self._child.receive(_TICK)
                self._printed.tell(said)
                if until is not None and monotonic() > until:
                    raise TimeoutError
        finally:
            self._printed.finish(said)

    def cancel(self, seconds: float) -> None:
        """Let it end what it runs elsewhere; whoever waits for its answer waits no more."""
        with suppress(OSError, TimeoutError, ChildProcessError, ValueError):
            self.tell(OneWayCall("interrupt", ()))
            self._child.receive(seconds)

    def end(self) -> None:
        self._child.kill()
        self._printed.remove()


class _Printed:
    """The file that a child prints to: reported line by line, and emptied when a question is answered."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._at = 0
        self._rest = b""

    def tell(self, said: Listener) -> None:
        """Report the whole lines that are new."""
        *lines, self._rest = (self._rest + self._read()).split(b"\n")
        if lines:
            said(tuple(line.decode("utf-8", "replace") for line in lines))

    def finish(self, said: Listener) -> None:
        self.tell(said)
        if self._rest:
            said((self._rest.decode("utf-8", "replace"),))
        self._at, self._rest = 0, b""
        with suppress(FileNotFoundError):
            os.truncate(self._log, 0)

    def remove(self) -> None:
        self._log.unlink(missing_ok=True)

    def _read(self) -> bytes:
        """Read the new output up to the limit; the rest is removed from the disk, too."""
        with suppress(FileNotFoundError), self._log.open("rb") as log:
            log.seek(self._at)
            found = log.read(_KEPT - self._at)
            self._at += len(found)
            if found and self._at >= _KEPT:
                return found + f"\n… what it prints beyond {_KEPT:,} bytes is dropped\n".encode()
            if self._at >= _KEPT:
                os.truncate(self._log, _KEPT)
            return found
        return b""
