"""The `Engine` port with code in child processes, so that a crash of the code cannot end the run.

A child (`lakeflow.workers.code`) has a DuckDB of its own, reads the pinned files and writes the new ones; schemas and
statistics cross the pipe, rows never do. Python assets run there. Large SQL assets do as well, because DuckDB may crash
when a large query is interrupted (docs/decisions/0040). Small SQL assets run in this process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from lakeflow.adapters.processes import protocol
from lakeflow.adapters.processes.child import START
from lakeflow.adapters.processes.protocol import Call, OneWayCall, Progress, Reply, value_of
from lakeflow.core.compact.stored import MovedRows, Rewrite
from lakeflow.core.compare.comparison import Asked, Compared
from lakeflow.core.corrupt.corruption import Corruptible, Corruption, Dose
from lakeflow.core.errors import CodeError
from lakeflow.core.export.exported import ExportedTable, ExportOrder
from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Rows, Scan
from lakeflow.core.plan.landing import Delivery, LandedSet
from lakeflow.core.ports.engine import Engine, Produced
from lakeflow.core.run.code_terms import FREELY, Listener, Terms, ignore, too_late
from lakeflow.core.run.resources import LARGE, Resources
from lakeflow.core.run.write import Write, WriteResult
from lakeflow.core.sql.filters import WindowFilter
from lakeflow.core.suggest.profile import Key, Profile, Span, Wants
from lakeflow.core.time.timeline import Window

if TYPE_CHECKING:
    from lakeflow.adapters.processes import Child

_TICK: Final = 0.1
"""Seconds between two reads of what the code printed."""
_KEPT: Final = 1_000_000
"""The most bytes that one try may print; what comes after them is dropped."""
_WITHHELD: Final = "what it prints is not kept, because personal data is involved"


@dataclass(frozen=True)
class Begin:
    """Run an asset's code: call `method` of the engine with `arguments` after the asset. `quiet` keeps nothing that it
    prints.

    `environment` is the run's own at that moment, so what the run's process sets before also holds for its code.
    """

    asset: Asset
    method: str
    arguments: tuple[Any, ...]
    terms: Terms
    quiet: bool
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Hello:
    """The first message: the root of the project, how to make the engine, and where modules are found."""

    root: str
    make: Callable[[], Engine]
    path: tuple[str, ...] = ()


class CodeProcesses:
    """`hello` says how an engine is made, here and, pickled, in the children; `spawn` starts one that prints to a file,
    and what `hello` imports is imported while it comes up. SQL that reads much runs in one. `sweep` removes what
    children that were killed left on disk, `remove` the folders whose paths begin so.

    A child serves one asset after the other, is replaced when it died or was stopped, and ends with `close`. What it
    prints lies in `folder` until it was told. Of assets named in `personal`, and those with `pii` columns, it is not.
    """

    def __init__(  # noqa: PLR0913 - the last two by keyword, for what killed children leave
        self,
        hello: Callable[[], Hello],
        spawn: Callable[[str], Child],
        folder: Path,
        personal: frozenset[AssetKey] = frozenset(),
        *,
        sweep: Callable[[], None],
        remove: Callable[[str], None],
    ) -> None:
        self._make_hello = hello
        self._sweep = sweep
        self._remove = remove
        self._spawn = spawn
        self._folder = folder
        self._personal = personal
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []
        self._lock = Lock()

    @cached_property
    def _hello(self) -> Hello:
        return self._make_hello()

    @cached_property
    def _here(self) -> Engine:
        return self._hello.make()

    def start(self, assets: Iterable[Asset], input_bytes: int = 0) -> None:
        if input_bytes >= LARGE or any(isinstance(asset.code, PythonCode) for asset in assets):
            self._give_back(self._take())

    def produce(
        self, asset: Asset, inputs: Mapping[TableKey, Scan], terms: Terms = FREELY
    ) -> AbstractContextManager[Produced]:
        if _is_for_a_child(asset, terms):
            return self._elsewhere(asset, "produce", (inputs,), terms)
        return self._here.produce(asset, inputs, terms)

    def land(
        self, asset: Asset, delivery: Delivery, loaded_at: datetime, terms: Terms = FREELY
    ) -> AbstractContextManager[Produced]:
        if _is_for_a_child(asset, terms):
            return self._elsewhere(asset, "land", (delivery, loaded_at), terms)
        return self._here.land(asset, delivery, loaded_at, terms)

    def regrant(self, key: AssetKey, resources: Resources) -> None:
        for worker in tuple(self._busy):
            if worker.serves == key:
                worker.tell(OneWayCall("regrant", (key, resources)))
        if engine := self.__dict__.get("_here"):
            engine.regrant(key, resources)

    def equal(self, left: Scan, right: Scan, resources: Resources | None = None) -> bool:
        return self._here.equal(left, right, resources)

    def difference(self, before: Scan, after: Scan, asked: Asked) -> Compared:
        return self._here.difference(before, after, asked)

    def rewrite(self, scan: Scan, rewrite: Rewrite, resources: Resources | None = None) -> MovedRows:
        return self._here.rewrite(scan, rewrite, resources)

    def are_there(self, rewritten: MovedRows) -> bool:
        return self._here.are_there(rewritten)

    def drop(self, rewritten: MovedRows) -> None:
        self._here.drop(rewritten)

    def relation(self, scan: Scan) -> Any:
        return self._here.relation(scan)

    def query(self, text: str, scans: Mapping[str, Scan], hidden: Mapping[str, Set[str]] = EMPTY) -> Any:
        return self._here.query(text, scans, hidden)

    def connect(self, scans: Mapping[str, Scan]) -> Any:
        return self._here.connect(scans)

    def export(self, order: ExportOrder, resources: Resources) -> tuple[ExportedTable, ...]:
        return self._here.export(order, resources)

    def rows(self, scan: Scan, limit: int) -> Rows:
        return self._here.rows(scan, limit)

    def newest(self, scan: Scan, column: str, until: datetime) -> datetime | None:
        return self._here.newest(scan, column, until)

    def touched(
        self, came: Scan, went: Scan | None, filters: Sequence[WindowFilter], windows: Sequence[Window]
    ) -> frozenset[int]:
        return self._here.touched(came, went, filters, windows)

    def profile(self, scan: Scan, wants: Wants, keys: Sequence[Key] = (), span: Span | None = None) -> Profile:
        return self._here.profile(scan, wants, keys, span)

    def corruptible(self, scan: Scan, corruptions: Sequence[Corruption], dose: Dose) -> tuple[Corruptible, ...]:
        return self._here.corruptible(scan, corruptions, dose)

    def corrupted(self, scan: Scan, which: Corruptible, dose: Dose) -> AbstractContextManager[Scan]:
        return self._here.corrupted(scan, which, dose)

    def is_key(self, scan: Scan, columns: Sequence[str]) -> bool:
        return self._here.is_key(scan, columns)

    def interrupt(self) -> None:
        for worker in tuple(self._busy):
            worker.end()
        if engine := self.__dict__.get("_here"):
            engine.interrupt()

    def close(self) -> None:
        with self._lock:
            workers, self._idle, self._busy = [*self._idle, *self._busy], [], []
        for worker in workers:
            worker.end()
        if engine := self.__dict__.pop("_here", None):
            engine.close()
        self._sweep()

    @contextmanager
    def _elsewhere(
        self, asset: Asset, method: str, arguments: tuple[Any, ...], terms: Terms
    ) -> Iterator[_ProducedElsewhere]:
        worker = self._take()
        worker.serves = asset.key
        talk = _Talk(worker, asset, terms)
        try:
            quiet = bool(asset.pii) or asset.key in self._personal
            yield _ProducedElsewhere(talk, talk.begin(method, arguments, quiet=quiet), self._remove)
        finally:
            if talk.waits:  # the child is lost, or at work on what nobody wants any more
                worker.end()
                with self._lock, suppress(ValueError):  # close was quicker
                    self._busy.remove(worker)
            else:
                worker.send(OneWayCall("end"))
                self._give_back(worker)

    def _take(self) -> _Worker:
        with self._lock:
            if not self._idle:
                self._idle.append(_Worker(self._spawn, self._folder / f"code-{uuid4().hex}.log"))
                self._idle[-1].send(Call("hello", (self._hello,)))
            self._busy.append(self._idle.pop())
            return self._busy[-1]

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.remove(worker)
            self._idle.append(worker)


def _is_for_a_child(asset: Asset, terms: Terms) -> bool:
    return isinstance(asset.code, PythonCode) or terms.input_bytes >= LARGE


class _ProducedElsewhere:
    """What the code gave, held in the child; see `lakeflow.core.ports.engine.Produced`."""

    def __init__(self, talk: _Talk, said: tuple[Schema, LandedSet], remove: Callable[[str], None]) -> None:
        self.schema, self.landed = said
        self._talk = talk
        self._remove = remove

    def write(self, write: Write) -> WriteResult:
        try:
            written: WriteResult = self._talk.ask(Call("write", (write,)))
        except BaseException:
            if self._talk.waits:
                self._talk.worker.end()
                self._remove(f"{write.directory}/{self._talk.folder}")
            raise
        return written

    def first(self, schema: Schema, limit: int) -> Rows:
        rows: Rows = self._talk.ask(Call("first", (schema, limit)))
        return rows


class _Talk:
    """A conversation with a child about one asset. `waits` means that a question has no answer yet."""

    def __init__(self, worker: _Worker, asset: Asset, terms: Terms) -> None:
        self.worker = worker
        self.folder = uuid4().hex
        self.waits = True
        self._asset = asset
        self._terms = terms
        worker.await_start(terms.traced)
        self._until = monotonic() + terms.limits.timeout if terms.limits.timeout else None

    def begin(self, method: str, arguments: tuple[Any, ...], *, quiet: bool) -> Any:
        asset = self._asset
        if isinstance(asset.code, PythonCode):
            asset = replace(asset, code=replace(asset.code, function=elsewhere))
        # The time is kept on this side of the pipe, where nothing that the code does can stop the clock.
        limits = replace(self._terms.limits, timeout=None)
        if quiet and isinstance(asset.code, PythonCode):
            self._terms.said((_WITHHELD,))
        terms = replace(self._terms, limits=limits, said=ignore, traced=ignore, folder=self.folder)
        return self.ask(Call("begin", (Begin(asset, method, arguments, terms, quiet, dict(os.environ)),)))

    def ask(self, question: Call) -> Any:
        """The child's answer. Raises what was raised in the child, and CodeError when the child ends or takes too
        long.
        """
        self.waits = True
        self.worker.send(question)
        try:
            answer = self.worker.answer(self._until, self._terms.said)
        except TimeoutError:
            raise too_late(self._asset, self._terms.limits.timeout or 0.0) from None
        except (ChildProcessError, ValueError) as death:
            raise CodeError(
                f"{self._asset.key}: its process ended with {death} ({self._asset.place})",
                hint="`lakeflow runs RUN --log` shows what it printed last",
                asset=self._asset.key,
            ) from None
        self.waits = False
        return value_of(answer, self._terms.traced)


def elsewhere() -> None:
    """Stands in for a function that lives in another process."""
    raise AssertionError("the function is in another process")


class _Worker:
    """A child process, the asset that it serves, and the file that it prints to."""

    def __init__(self, spawn: Callable[[str], Child], log: Path) -> None:
        self.serves: AssetKey | None = None
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
                answer = self._child.receive(START)
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
