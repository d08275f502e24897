"""The `Engine` port with code in child processes, so that a crash of the code cannot end the run.

A child (`lakeflow.workers.code`) has a DuckDB of its own, reads the pinned files and writes the new ones; schemas and
statistics cross the pipe, rows never do. Python assets run there. Large SQL assets do as well, because DuckDB may crash
when a large query is interrupted (docs/decisions/0040). Small SQL assets run in this process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from time import monotonic
from typing import Any, Final
from uuid import uuid4

from lakeflow.adapters.processes.protocol import Call, OneWayCall, value_of
from lakeflow.adapters.processes.workers import Pool, Worker
from lakeflow.core.compact.stored import MovedRows, Rewrite
from lakeflow.core.compare.comparison import Asked, Compared
from lakeflow.core.corrupt.corruption import Corruptible, Corruption, Dose
from lakeflow.core.errors import CodeError, EngineLostError
from lakeflow.core.export.exported import ExportedTable, ExportOrder
from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset, Computer, PythonCode, SqlCode
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Rows, Scan
from lakeflow.core.plan.landing import Delivery, LandedSet
from lakeflow.core.ports.engine import Engine, Produced
from lakeflow.core.run.code_terms import FREELY, Terms, ignore, too_late
from lakeflow.core.run.resources import LARGE, Resources
from lakeflow.core.run.write import Write, WriteResult
from lakeflow.core.suggest.profile import Key, Profile, Span, Wants
from lakeflow.core.time.timeline import Window
from lakeflow.core.time.window_filter import WindowFilter
from lakeflow.core.values import dataclass

_WITHHELD: Final = "what it prints is not kept, because personal data is involved"


@dataclass(frozen=True)
class Begin:
    """Run an asset's code: call `method` of the engine with `arguments` after the asset. `quiet` keeps nothing that it
    prints. The first answer has what is `told` of the result by these names.

    `environment` is the run's own at that moment, so what the run's process sets before also holds for its code.
    """

    asset: Asset
    method: str
    arguments: tuple[Any, ...]
    terms: Terms
    quiet: bool
    environment: Mapping[str, str]
    told: tuple[str, ...] = ("schema", "landed")


@dataclass(frozen=True)
class BesideTables:
    """What is done beside tables: `sweep` removes what children that were killed left there, `remove` the folders whose
    paths begin so, `scratch` makes a folder that all engines share.
    """

    sweep: Callable[[], None]
    remove: Callable[[str], None]
    scratch: Callable[[], AbstractContextManager[str]]


class CodeProcesses:
    """`here` makes the engine of this process. Code that runs elsewhere runs in a process of its engine's own pool:
    functions, SQL that reads much, and all that is not DuckDB's.

    A child serves one asset after the other, is replaced when it died or was stopped, and ends with `close`. Of assets
    named in `personal`, and those with `pii` columns, what it prints is not told.
    """

    def __init__(
        self,
        here: Callable[[], Engine],
        pools: Mapping[Computer, Pool],
        personal: frozenset[AssetKey] = frozenset(),
        *,
        disk: BesideTables,
    ) -> None:
        self._make_here = here
        self._pools = pools
        self._disk = disk
        self._personal = personal

    @cached_property
    def _here(self) -> Engine:
        return self._make_here()

    def start(self, assets: Iterable[Asset], input_bytes: int = 0) -> None:
        engines = {asset.engine for asset in assets if _is_for_a_child(asset, input_bytes)}
        for engine, pool in self._pools.items():
            if engine in engines:
                pool.warm_up()

    def produce(
        self, asset: Asset, inputs: Mapping[TableKey, Scan], terms: Terms = FREELY
    ) -> AbstractContextManager[Produced]:
        if _is_for_a_child(asset, terms.input_bytes):
            return self._elsewhere(asset, "produce", (inputs,), terms)
        return self._here.produce(asset, inputs, terms)

    def land(
        self, asset: Asset, delivery: Delivery, loaded_at: datetime, terms: Terms = FREELY
    ) -> AbstractContextManager[Produced]:
        if _is_for_a_child(asset, terms.input_bytes):
            return self._elsewhere(asset, "land", (delivery, loaded_at), terms)
        return self._here.land(asset, delivery, loaded_at, terms)

    def regrant(self, key: AssetKey, resources: Resources) -> None:
        for pool in self._pools.values():
            pool.tell(key, OneWayCall("regrant", (key, resources)))
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

    def scratch(self) -> AbstractContextManager[str]:
        return self._disk.scratch()

    def is_key(self, scan: Scan, columns: Sequence[str]) -> bool:
        return self._here.is_key(scan, columns)

    def interrupt(self) -> None:
        for pool in self._pools.values():
            pool.interrupt()
        if engine := self.__dict__.get("_here"):
            engine.interrupt()

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()
        if engine := self.__dict__.pop("_here", None):
            engine.close()
        self._disk.sweep()

    @contextmanager
    def _elsewhere(
        self, asset: Asset, method: str, arguments: tuple[Any, ...], terms: Terms
    ) -> Iterator[_ProducedElsewhere]:
        pool = self._pools[asset.engine]
        worker = pool.take()
        worker.serves = asset.key
        talk = _Talk(worker, asset, terms)
        try:
            talk.await_start()
            quiet = bool(asset.pii) or asset.key in self._personal
            yield _ProducedElsewhere(talk, talk.begin(method, arguments, quiet=quiet), self._disk.remove)
        finally:
            if talk.waits:  # the child is lost, or at work on what nobody wants any more
                pool.drop(worker)
            else:
                worker.send(OneWayCall("end"))
                pool.give_back(worker)


def _is_for_a_child(asset: Asset, input_bytes: int) -> bool:
    return not isinstance(asset.code, SqlCode) or input_bytes >= LARGE


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

    def __init__(self, worker: Worker, asset: Asset, terms: Terms) -> None:
        self.worker = worker
        self.folder = uuid4().hex
        self.waits = True
        self._asset = asset
        self._terms = terms
        self._until: float | None = None

    def await_start(self) -> None:
        """Wait until the process is ready; from then on the time counts."""
        self.worker.await_start(self._terms.traced)
        timeout = self._terms.limits.timeout
        self._until = monotonic() + timeout if timeout else None

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
        try:
            found = value_of(answer, self._terms.traced)
        except EngineLostError:
            raise
        except BaseException:
            self.waits = False
            raise
        self.waits = False
        return found


def elsewhere() -> None:
    """Stands in for a function that lives in another process."""
    raise AssertionError("the function is in another process")
