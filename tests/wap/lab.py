"""One lake to tell stories about: define assets, run them, let other engines and crashes interfere."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from lakeflow import wap
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Asset, Project, SqlCode
from lakeflow.core.model.check import Suite
from lakeflow.core.model.run import Holder, RunRecord
from lakeflow.core.model.table import Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.planning import Plan
from tests.core.samples import key, keys, suite
from tests.memory import MemoryCatalog, MemoryLedger
from tests.wap.doubles import Crash, Gated, Numbers, Recipe, Rule, ScriptedAuditor, ScriptedEngine, Shelf, Ticking

ACTOR = "anna"


class Lab:
    """A lake with its clock, files and ports; `reopen` is a new process after the old one died."""

    def __init__(self, catalog: Any = None, ledger: Any = None, clock: Any = None) -> None:
        self.clock = clock or Ticking()
        self.shelf = Shelf()
        self.catalog: Any = catalog or MemoryCatalog(self.clock)
        self.ledger: Any = ledger or MemoryLedger(self.is_alive, self.clock, 30.0)
        self.engine = ScriptedEngine(self.shelf, {})
        self.auditor = ScriptedAuditor(self.shelf, {})
        self.assets: dict[AssetKey, Asset] = {}
        self.suites: dict[AssetKey, Suite] = {}
        self.events: list[Any] = []
        self.policy = wap.Policy(retry_pause=0.0)
        self.outside: dict[str, int] = {}
        self.dead = False
        self.pid = 1
        self._ids = count(1)
        self._versions = count(1)
        self._gate: Callable[[str], None] = lambda _: None

    # what the files say

    def define(self, name: str, recipe: Recipe | Numbers, upstreams: str = "", **fields: Any) -> None:
        """An asset, new or with new code. A recipe may be the rows themselves. Bronze roots always run."""
        fixed: Numbers = () if callable(recipe) else recipe
        version = f"code-{next(self._versions)}"
        self.engine.recipes[version] = recipe if callable(recipe) else lambda _: fixed
        self.assets[key(name)] = _asset(name, upstreams, version, fields)

    def check(self, name: str, rule: Rule, references: str = "", published: str = "") -> None:
        digest = f"checks-{next(self._versions)}"
        self.auditor.rules[digest] = rule
        self.suites[key(name)] = suite(digest, references, published)

    @property
    def world(self) -> wap.World:
        return wap.World(
            project=Project("/lake", dict(self.assets), dict(self.suites)),
            catalog=Gated("catalog", self.catalog, self._pass),
            ledger=Gated("ledger", self.ledger, self._pass),
            make_engine=lambda: Gated("engine", self.engine, self._pass),
            make_auditor=lambda: Gated("auditor", self.auditor, self._pass),
            clock=self.clock,
            new_id=lambda: f"r{next(self._ids)}",
            read_digest=lambda asset: f"files of {asset.key}",
            invocation=wap.Invocation(ACTOR, self.holder, lambda: "0.1"),
            policy=self.policy,
            outside_bytes=lambda globs: sum(self.outside.get(glob, 0) for glob in {*globs}),
        )

    # who acts, and what happens at which call

    @property
    def holder(self) -> Holder:
        return Holder("host", "boot", self.pid, "noon")

    def is_alive(self, holder: Holder) -> bool:
        return holder == self.holder

    def gate(self, gate: Callable[[str], None]) -> None:
        self._gate = gate

    def crash_at(self, call: str, occurrence: int = 1) -> None:
        """The process dies at that call: nothing that it would do afterwards happens."""
        left = iter(range(occurrence - 1, -1, -1))

        def gate(passed: str) -> None:
            if passed == call and next(left) == 0:
                self.dead = True
                raise Crash(call)

        self._gate = gate

    def at(self, call: str, act: Callable[[], object]) -> None:
        """Once, at that call, something else happens."""

        def gate(passed: str) -> None:
            if passed == call:
                self._gate = lambda _: None
                act()

        self._gate = gate

    def _pass(self, call: str) -> None:
        if self.dead:
            raise Crash("a dead process calls nothing")
        self._gate(call)

    def reopen(self) -> None:
        self.pid += 1
        self.dead = False
        self._gate = lambda _: None

    # the story

    def materialize(self, names: str = "", **asked: Any) -> RunRecord:
        run = wap.materialize(self.world, self._request(names, **asked), self.events.append)
        assert run is not None, "there was something to do"
        return run

    def plan(self, names: str = "", **asked: Any) -> Plan:
        return wap.plan(self.world, self._request(names, **asked))

    def is_fresh(self, names: str = "") -> bool:
        return not self.plan(names).steps

    def retry(self, run: RunRecord | str) -> RunRecord:
        return wap.retry(self.world, _id(run), 0.0, self.events.append)

    def publish(self, run: RunRecord | str, names: str = "", reason: str | None = None) -> RunRecord:
        return wap.publish(self.world, _id(run), keys(names), reason, self.events.append)

    def discard(self, run: RunRecord | str, names: str = "") -> RunRecord:
        return wap.discard(self.world, _id(run), keys(names))

    def rollback(self, run: RunRecord | str, names: str = "", *, force: bool = False) -> RunRecord:
        return wap.rollback(self.world, _id(run), keys(names) if names else None, force=force)

    def return_to(self, name: str, snapshot: int | str, *, force: bool = False) -> RunRecord:
        return wap.return_to(self.world, key(name), str(snapshot), force=force)

    def tag(self, name: str, run: str | None = None) -> dict[str, int]:
        return {str(one): at for one, at in wap.tag(self.world, name, run).snapshots.items()}

    def untag(self, name: str) -> None:
        wap.untag(self.world, name)

    def _request(self, names: str, *, forced: bool = False, all_or_nothing: bool = False) -> wap.Request:
        selected = keys(names) or tuple(self.assets)
        return wap.Request(selected, tuple(names.split()), forced, all_or_nothing)

    # what there is

    def table(self, name: str) -> Table:
        found: Table = self.catalog.load([key(name)])[key(name)]
        return found

    def main(self, name: str) -> int | None:
        tables = self.catalog.load([key(name)])
        return tables[key(name)].main if tables else None

    def rows(self, name: str, snapshot_id: int | None = None) -> list[int] | None:
        """What readers of main see (None: no table yet, or unborn), or what that snapshot holds."""
        at = snapshot_id if snapshot_id is not None else self.main(name)
        return None if at is None else self.shelf.rows(self.catalog.scan(self.table(name), at))

    def branches(self, name: str) -> list[str]:
        return sorted(ref for ref in self.table(name).refs if ref != "main")

    def run(self, id_: str = "r1") -> RunRecord:
        found: RunRecord = self.ledger.run(id_)
        return found

    # other engines

    def foreign_append(self, name: str, numbers: Numbers) -> None:
        self.catalog.foreign_append(key(name), self.shelf.store(numbers, "foreign"))

    def foreign_compact(self, name: str) -> None:
        self.catalog.foreign_compact(key(name), self.shelf.store(self.rows(name) or (), "foreign"))

    def foreign_overwrite(self, name: str, numbers: Numbers) -> None:
        self.catalog.foreign_overwrite(key(name), self.shelf.store(numbers, "foreign"))


def chain(kind: type[MemoryCatalog]) -> Lab:
    """Three tables, each made from the one before."""
    clock = Ticking()
    lab = Lab(kind(clock), clock=clock)
    lab.define("bronze.a", [1, 2], reads=("a.csv",))
    lab.define("silver.b", lambda rows: [2 * number for number in rows["bronze.a"]], "bronze.a")
    lab.define("gold.c", lambda rows: [sum(rows["silver.b"])], "silver.b")
    return lab


def states(run: RunRecord) -> dict[str, str]:
    """`{"silver.a": "published"}`, with the run's own state under `run`."""
    return {"run": str(run.state)} | {str(step.asset): str(step.state) for step in run.steps}


def _asset(name: str, upstreams: str, version: str, fields: Mapping[str, Any]) -> Asset:
    here = key(name)
    mode = WriteMode.APPEND if here.layer is Layer.BRONZE else WriteMode.REPLACE
    inputs = {str(upstream): upstream for upstream in keys(upstreams)}
    made = Asset(
        here,
        SqlCode(version, f"layers/{name}.sql", 1),
        mode,
        inputs,
        code_version=version,
        source=json.dumps({"version": version}),
    )
    return replace(made, **fields)


def _id(run: RunRecord | str) -> str:
    return run if isinstance(run, str) else run.id
