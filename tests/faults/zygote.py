"""A process that forks runs and kills them at their n-th operation, then recovers what they left.

Started by `test_kill.py` as `python -m tests.faults.zygote <folder> <first> <step>`: everything is imported once,
each run is a fork, in the database that LAKEFLOW_CATALOG names or in the folder. It prints one JSON object for each
kill point. An operation is a file opened for writing, renamed, removed or synced, a folder made, or a statement or
commit sent to the database.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyiceberg.catalog.sql
from sqlalchemy import Engine, event

import lakeflow
from lakeflow.adapters.duckdb.failures import ErrorContext
from lakeflow.adapters.duckdb.locked import LockedDuckDB
from lakeflow.adapters.duckdb.store.kept import KeptFiles
from lakeflow.adapters.expectations.audit import Past, Suites, alone, refusals, steps
from lakeflow.adapters.expectations.compile.cache import SuiteCache
from lakeflow.core.model.check import Suite
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import CheckResult, Ruling, RunState, StepState
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.lake.assembly import stores_of
from lakeflow.lake.lake import Lake
from lakeflow.workers.audit import _LazyQueries
from tests.faults.kept_database import KeptDatabase

TABLES = ("bronze.orders", "silver.orders", "gold.totals")
PROJECT = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/orders.sql": "/*\nreads = ['orders.csv']\n*/\nselect * from read_csv('orders.csv', header = true, "
    "auto_detect = false, delim = ',', columns = {'id': 'bigint', 'customer': 'varchar', 'price': 'double'})",
    "layers/silver/orders.sql": "/*\nkey = ['id']\n*/\nselect distinct id, customer, price from bronze.orders",
    "layers/gold/totals.sql": "/*\nkey = ['customer']\n*/\n"
    "select customer, sum(price) as total from silver.orders group by all",
    "checks/silver/orders.positive.sql": "select * from silver.orders where price < 0",
}
OLD_ROWS = "id,customer,price\n1,ann,10\n2,bob,20\n"
NEW_ROWS = "id,customer,price\n1,ann,10\n2,bob,20\n3,cid,30\n"
OLD = {"bronze.orders": 2, "silver.orders": 2, "gold.totals": 2}
NEW = {"bronze.orders": 5, "silver.orders": 3, "gold.totals": 3}


class InProcessAuditor:
    """The audit worker's own steps, without its process: forks must stay cheap here."""

    def __init__(self, stores: KeptFiles | None = None) -> None:
        self._stores = stores

    def start(self, suites: Iterable[Suite]) -> None:
        pass

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass

    def audit(self, request: AuditRequest) -> tuple[CheckResult, ...]:
        with _LazyQueries(
            request.views, partial(LockedDuckDB, settings={}, stores=self._stores), ErrorContext(request.asset)
        ) as queries:
            return tuple(step.result for step in steps(request, alone(queries), Past()) if step.result)

    def refusals(self, request: AuditRequest) -> tuple[Refusal, ...]:
        return refusals(request, Suites(request, SuiteCache()))


class KillAt:
    """Counts operations of this process and kills it at the chosen one; `torn` cuts the file that is being synced."""

    def __init__(self, chosen: int, root: Path, *, torn: bool) -> None:
        self.count, self._chosen, self._root, self._torn = 0, chosen, str(root), torn
        self._fsync = os.fsync

    def install(self) -> None:
        sys.addaudithook(self._audited)
        os.fsync = self._synced  # type: ignore[assignment]  # of a descriptor alone
        event.listen(Engine, "before_cursor_execute", self._executed)
        event.listen(Engine, "commit", lambda _: self._operation())

    def _executed(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """A kill at a read leaves what one at the next write leaves."""
        if statement.split(maxsplit=1)[0].lower() not in {"select", "with", "pragma", "begin", "rollback"}:
            self._operation()

    def _audited(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in {"os.rename", "os.remove", "os.mkdir"} and str(arguments[0]).startswith(self._root):
            self._operation()
        if name == "open" and str(arguments[0]).startswith(self._root) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            self._operation()

    def _synced(self, descriptor: int) -> None:
        if self._torn and self.count + 1 == self._chosen:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            if path.is_file():
                os.truncate(path, path.stat().st_size // 2)
        self._operation()
        self._fsync(descriptor)

    def _operation(self) -> None:
        self.count += 1
        if self.count == self._chosen:
            os.kill(os.getpid(), signal.SIGKILL)


def open_lake(root: Path, env: str = "main") -> Lake:
    lake = lakeflow.open(root, settings={"env": env})
    stores = stores_of(lake.project, lake.configured)
    auditor = partial(InProcessAuditor, KeptFiles(stores) if stores else None)
    lake.__dict__["_world"] = replace(lake._world, make_auditor=auditor)
    return lake


def forked(work: Callable[[], Any], answer: Path) -> int:
    """Do the work in a fork and leave its result as JSON in `answer`; returns the wait status."""
    answer.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            answer.write_text(json.dumps(work()))
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a fork must never return into its parent's stack
            answer.write_text(json.dumps({"error": traceback.format_exc()}))
            os._exit(1)
    return os.waitpid(child, 0)[1]


def killed(work: Callable[[], Any], answer: Path) -> bool:
    """Whether work in a fork was killed. False when it ended before; SystemExit when it failed instead."""
    status = forked(work, answer)
    if status and not os.WIFSIGNALED(status):
        raise SystemExit(str(json.loads(answer.read_text())["error"]))
    return os.WIFSIGNALED(status)


def rehearsed(work: Callable[[], Any], answer: Path) -> Any:
    """The result of work in a fork. All that it imported is imported here, so that no later fork does it again."""

    def told() -> dict[str, Any]:
        return {"result": work(), "modules": [name for name in sys.modules if not name.startswith("_lakeflow")]}

    status = forked(told, answer)
    found = json.loads(answer.read_text())
    if status:
        raise SystemExit(str(found["error"]))
    for name in found["modules"]:
        with suppress(ImportError):  # some stand only in `sys.modules`
            importlib.import_module(name)
    return found["result"]


def baseline(root: Path) -> None:
    for name, text in PROJECT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "orders.csv").write_text(OLD_ROWS)
    with open_lake(root) as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state is RunState.PUBLISHED, run


def killed_run(root: Path, chosen: int, *, torn: bool) -> dict[str, int]:
    killer = KillAt(chosen, root / ".lakeflow", torn=torn)
    killer.install()
    with open_lake(root) as lake:
        lake.materialize()
    return {"operations": killer.count}


def rows_seen(root: Path) -> dict[str, int]:
    """What a reader of main sees that knows nothing of lakeflow."""
    catalog = pyiceberg.catalog.sql.SqlCatalog("lakeflow", uri=database_of(root), warehouse=str(root / ".lakeflow"))
    try:
        return {name: catalog.load_table(name).scan().to_arrow().num_rows for name in TABLES}
    finally:
        catalog.engine.dispose()


def database_of(root: Path) -> str:
    """As pyiceberg is told of it."""
    uri = os.environ.get("LAKEFLOW_CATALOG", f"sqlite:///{root}/.lakeflow/catalog.db")
    return uri.replace("postgresql://", "postgresql+psycopg://")


def recovered(root: Path) -> dict[str, Any]:
    """Check the promises on what the dead run left, finish the work, and check them again."""
    seen = rows_seen(root)
    with open_lake(root) as lake:
        left = promises(lake)
        latest = lake.runs(1)[0]
        run = lake.materialize() if latest.state is not RunState.RUNNING else lake.retry()
        ended = run.state if run else "nothing to do"
        states = sorted({str(known.state) for known in lake.runs()})
        return {
            "seen": seen,
            "broken": left + promises(lake),
            "ended": ended,
            "states": states,
            "after": rows_seen(root),
        }


def promises(lake: Lake) -> list[str]:
    """I1: every snapshot on main was ruled publish. I4: no ref to a missing snapshot, no missing file. I5: the
    ledger's published steps are on main."""
    return [*_unruled(lake), *_missing(lake), *_disagreeing(lake)]


def _unruled(lake: Lake) -> Iterator[str]:
    world, keys = lake._world, sorted(lake._world.catalog.keys())
    verdicts = world.ledger.verdicts(keys)
    for key, table in world.catalog.load(keys).items():
        ruled = {v.snapshot_id for v in verdicts.get(key, ()) if v.ruling in {Ruling.PUBLISH, Ruling.FORCED}}
        for snapshot in table.ancestry(table.main):
            if snapshot.id not in ruled:
                yield f"I1: {key} {snapshot.id} is on main without a verdict"


def _missing(lake: Lake) -> Iterator[str]:
    catalog = lake._world.catalog
    for key, table in catalog.load(catalog.keys()).items():
        yield from (f"I4: {key} ref {ref} leads nowhere" for ref, to in table.refs.items() if to not in table.snapshots)
        for snapshot in table.snapshots:
            for file in catalog.scan(table, snapshot).files:
                if not Path(file.removeprefix("file://")).exists():
                    yield f"I4: {key} {snapshot} misses {file}"


def _disagreeing(lake: Lake) -> Iterator[str]:
    """Of tables that are there still, and of snapshots that have not expired."""
    tables = lake._world.catalog.load(lake._world.catalog.keys())
    for run in lake.runs():
        for step in run.steps if run.state is not RunState.ROLLED_BACK else ():
            table = tables.get(step.asset)
            if step.state is not StepState.PUBLISHED or table is None or step.snapshot_id not in table.snapshots:
                continue
            if step.snapshot_id not in {snapshot.id for snapshot in table.ancestry(table.main)}:
                yield f"I5: run {run.id} published {step.asset} {step.snapshot_id}, which is not on main"


def main() -> None:
    folder, first, stride = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    root, kept, answer = folder / "lake", folder / "kept", folder / "answer.json"
    rehearsed(lambda: baseline(root), answer)
    (root / "orders.csv").write_text(NEW_ROWS)
    database = KeptDatabase(os.environ.get("LAKEFLOW_CATALOG", ""))
    shutil.copytree(root, kept)
    database.keep()
    rehearsed(lambda: recovered(root), answer)
    chosen = first
    while True:
        for torn in (False, True):
            shutil.rmtree(root)
            shutil.copytree(kept, root)
            database.bring()
            if not killed(lambda: killed_run(root, chosen, torn=torn), answer):  # noqa: B023 - run at once
                print(json.dumps({"finished": json.loads(answer.read_text())}), flush=True)
                return
            forked(lambda: recovered(root), answer)
            print(json.dumps({"at": chosen, "torn": torn, **json.loads(answer.read_text())}), flush=True)
        chosen += stride


if __name__ == "__main__":
    main()
