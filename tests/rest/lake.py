"""A whole lake on a REST catalog whose engine is scripted: three tables that are published together, in a process that
can be killed at any of its operations.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from lakeflow.core.errors import LakeflowError, UsageError
from lakeflow.core.model.changes import fenced
from lakeflow.core.model.run import RunState
from lakeflow.core.model.table import Table, WrittenFile
from tests.core.samples import keys
from tests.iceberg.lab import wall_clock
from tests.rest.lab import RestLab
from tests.servers.endpoints import Rest
from tests.wap.doubles import Numbers, Shelf
from tests.wap.lab import Lab

NAMES = ("bronze.a", "silver.b", "gold.c")
KEYS = keys(" ".join(NAMES))
FIRST: list[list[int] | None] = [[1, 2], [2, 4], [6]]


class NamedShelf(Shelf):
    """The numbers of a file stand in its name, so that every process can read it."""

    def store(self, numbers: Numbers, directory: str) -> tuple[WrittenFile, ...]:
        if not numbers:
            return ()
        said = "_".join(map(str, numbers))
        path = f"{directory}/{os.getpid()}-{next(self._names)}={said}.parquet"
        return (WrittenFile(path, len(numbers), 8 * len(numbers)),)

    def read(self, path: str) -> Numbers:
        return [int(number) for number in Path(path).stem.partition("=")[2].split("_")]


@dataclass
class Counted:
    """Counts the operations of this process: each request, each answer, and each commit of the ledger. At the one that
    is chosen the process is killed.
    """

    kill_at: int = 0
    count: int = 0
    seen: list[str] = field(default_factory=list)

    def passes(self, what: str) -> None:
        self.count += 1
        self.seen.append(what)
        if self.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self, rest: RestLab) -> None:
        send, transaction = rest.client._session.request, rest.database.transaction

        def request(method: str, url: str, **more: Any) -> Any:
            self.passes(f"{method} {url} >")
            answer = send(method, url, **more)
            self.passes(f"{method} {url} <")
            return answer

        def commits() -> Any:
            return _Watched(transaction(), self)

        rest.client._session.request = request  # type: ignore[method-assign,assignment] # this process only
        rest.database.transaction = commits  # type: ignore[method-assign] # as above


@dataclass
class _Watched:
    transaction: Any
    counted: Counted

    def __enter__(self) -> Any:
        self.counted.passes("ledger >")
        return self.transaction.__enter__()

    def __exit__(self, *error: Any) -> Any:
        done = self.transaction.__exit__(*error)
        self.counted.passes("ledger <")
        return done


class Lake:
    """Each `opened` is a process of its own as the ledger sees it; the one before is dead. `apart`: the server has no
    request for several tables, and they may be published one after the other.
    """

    def __init__(self, root: Path, server: Rest, uri: str = "", *, apart: bool = False) -> None:
        self.root, self.server, self.uri, self.apart = root, server, uri, apart
        self.pid = 0

    def opened(self, numbers: Numbers = (1, 2)) -> Lab:
        self.pid += 1
        self.rest = RestLab(self.root, self.server, self.uri)
        if self.apart:
            self.rest.catalog._tables._non_atomic, self.rest.catalog._tables._atomic = True, False
        if self.pid == 1:
            self.rest.wait()
        lab = Lab(self.rest.catalog, self.rest.ledger, wall_clock)
        lab.pid = self.pid
        self.rest.ledger._is_alive = lab.is_alive
        lab.shelf = lab.engine.shelf = lab.auditor.shelf = NamedShelf()
        lab._ids = count(10 * self.pid)
        lab.define("bronze.a", list(numbers), write=lab_replace())
        lab.define("silver.b", lambda rows: [2 * number for number in rows["bronze.a"]], "bronze.a")
        lab.define("gold.c", lambda rows: [sum(rows["silver.b"])], "silver.b")
        return lab

    def child(self, act: Callable[[Lab], object], counted: Counted, numbers: Numbers) -> int:
        """The signal that ended a process which did this; 0 where none did."""
        self.pid += 1
        pid = os.fork()
        if pid == 0:
            try:
                self.pid -= 1
                lab = self.opened(numbers)
                counted.install(self.rest)
                act(lab)
            except LakeflowError as error:
                counted.seen.append(error.message)
            finally:
                (self.root / "operations").write_text("\n".join(counted.seen))
                os._exit(0)
        return os.waitpid(pid, 0)[1] & 127


def lab_replace() -> Any:
    from lakeflow.core.model.write_mode import WriteMode

    return WriteMode.REPLACE


def seen(lab: Lab) -> list[list[int] | None]:
    """What our readers see of all three, as one read finds them."""
    tables = lab.catalog.load(KEYS)
    return [_rows(lab, tables.get(key)) for key in KEYS]


def _rows(lab: Lab, table: Table | None) -> list[int] | None:
    return None if table is None or table.main is None else lab.shelf.rows(lab.catalog.scan(table, table.main))


def unruled(rest: RestLab) -> list[int]:
    """What anybody sees on main of the server that no verdict of the ledger and no intent speaks of."""
    said = {one.snapshot_id for several in rest.ledger.verdicts(KEYS).values() for one in several}
    said |= {change.snapshot_id for intent in rest.ledger.intents().open for change in intent.publishes}
    raw = rest.catalog._commits.read(KEYS)
    return [s.id for found in raw.values() for s in found.table.ancestry(found.table.main) if s.id not in said]


def end_well(lake: Lake, numbers: Numbers, wanted: list[Any]) -> None:
    """The next process finishes what there is to do, and nothing is left over."""
    lab = lake.opened(numbers)
    running = [run for run in lab.ledger.runs() if run.state is not RunState.PUBLISHED]
    if running:
        try:
            lab.retry(running[0])
        except UsageError:
            assert lab.ledger.run(running[0].id).state is RunState.PUBLISHED
    if seen(lab) != wanted:
        lab.materialize()
    assert seen(lab) == wanted
    assert lake.rest.ledger.intents().open == ()
    assert unruled(lake.rest) == []
    tables = lab.catalog.load(KEYS).values()
    assert not any(ref.startswith((fenced(""), "audit_")) for table in tables for ref in table.refs)
    assert {run.state for run in lab.ledger.runs()} <= {RunState.PUBLISHED, RunState.SUPERSEDED}
    lake.rest.close()
