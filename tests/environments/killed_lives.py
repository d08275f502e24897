"""A lake with two environments, in any order of commands, each of which may be killed at one of its operations.

Started by `test_state_machine.py` as `python -m tests.environments.killed_lives <lives> <steps>`; prints how many
commands were killed. With an address and warehouses after that, a REST catalog keeps each lake in one of these,
and the first is for the rehearsal. All work is done in forks of this process, so that everything is imported once and
SIGKILL ends a command and nothing else. What readers of main see is asked of pyiceberg after each command: a kill at
its n-th operation shows what they saw at that moment.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from shutil import rmtree
from typing import Any

from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.table import Table
from requests import Session

import lakeflow
from lakeflow.core.environments.environment import named_by
from lakeflow.core.errors import LakeflowError
from lakeflow.core.model.run import RunState
from lakeflow.core.view.findings import Level
from lakeflow.lake.lake import Lake
from tests.environments.lab import change, project, seen_of, tables
from tests.faults.zygote import KillAt, forked, killed, promises, rehearsed

PLACES = ("main", "a", "b")
SILVER = "/*\nkey = ['id']\n*/\nselect id::bigint as id, city, {factor} as factor from bronze.orders"
NEVER = 1_000_000
VERBS = ("run", "run", "run", "promote", "promote", "retry", "rollback", "refresh", "drop", "collect")
CHANGES = ("code", "code", "file", "strict", "mild", "")


@dataclass(frozen=True)
class Home:
    """Where the tables of a lake are kept: what its settings say of it, and how pyiceberg loads them."""

    settings: str = ""
    tables: Callable[[Path], dict[str, Table]] = tables


def served(address: str, warehouse: str) -> Home:
    """A REST catalog, of which nobody is asked who he is, over local files."""

    def load(_root: Path) -> dict[str, Table]:
        catalog = RestCatalog("theirs", uri=address, warehouse=warehouse)
        names = [name for layer in ("bronze", "silver", "gold") for name in catalog.list_tables(layer)]
        return {".".join(name[-2:]): catalog.load_table(name) for name in names}

    said = f'uri = "{address}"\nwarehouse = "{warehouse}"\n'
    return Home(f'catalog = "prod"\n\n[tool.lakeflow.catalogs.prod]\n{said}', load)


def killed_at_requests(killer: KillAt) -> None:
    """What a server is asked, and what it answers, are operations, too."""
    send = Session.send

    def sent(*given: Any, **more: Any) -> Any:
        killer._operation()
        answer = send(*given, **more)
        killer._operation()
        return answer

    Session.send = sent  # type: ignore[method-assign] # in this process, which ends with the command


class Life:
    def __init__(self, seed: int, home: Home) -> None:
        self.home = home
        self.chance = Random(seed)
        self.folder = Path(tempfile.mkdtemp())
        self.root, self.answer = self.folder / "lake", self.folder / "answer.json"
        self.root.mkdir()
        self.changes = 1
        self.killed = 0
        self.main: dict[str, tuple[Any, ...]] = {}
        self.apart: dict[str, set[int]] = {name: set() for name in PLACES[1:]}
        """Snapshots that stood on a branch of an environment, and that none of its promotes has brought to main."""

    def begin(self) -> None:
        project(self.root, self.home.settings)
        self.command("main", lambda lake: lake.materialize(), NEVER)

    def act(self) -> None:
        """One command, by chance: most are runs, without which there is nothing to promote or to take back."""
        place, name = self.chance.choice(PLACES), self.chance.choice(PLACES[1:])
        death = self.chance.choice([NEVER, self.chance.randint(1, 60), self.chance.randint(60, 170)])
        self.change(self.chance.choice(CHANGES))
        match self.chance.choice(VERBS):
            case "run":
                words = self.chance.choice([(), ("silver.orders+",)])
                self.command(place, lambda lake: lake.materialize(*words), death)
            case "retry":
                self.command(place, lambda lake: lake.retry(), death)
            case "rollback":
                self.command(place, _roll_back, death)
            case "promote":
                self.command("main", lambda lake: lake.environments.promote(name), death, promoted=name)
            case "collect":
                self.command("main", lambda lake: lake.collect_garbage(older_than=timedelta()), death, moves=False)
            case verb:
                self.command("main", lambda lake: getattr(lake.environments, verb)(name), death, moves=False)

    def change(self, what: str) -> None:
        """Other code, another file, or a check by which what runs make from now on is held, or is not any more."""
        self.changes += 1
        match what:
            case "code":
                change(self.root, {"layers/silver/orders.sql": SILVER.format(factor=self.changes)})
            case "file":
                change(self.root, {f"data/orders/{self.changes}.csv": f"id,city\n{self.changes + 2},oslo\n"})
            case "strict" | "mild":
                wanted = "where id > 1" if what == "strict" else "where false"
                change(self.root, {"checks/silver/orders.small.sql": f"select id from silver.orders {wanted}"})

    def readers_of_main_see_nothing_of_an_environment(self) -> None:
        seen = {one[0] for one in self.main.values()}
        for name, apart in self.apart.items():
            assert not seen & apart, f"readers of main see a snapshot of {name} that was not promoted"

    def command(
        self, place: str, act: Callable[[Lake], object], death: int, *, promoted: str = "", moves: bool = True
    ) -> None:
        """Only a command on main may change what readers of main see, and only a promote brings them what it names."""

        def work() -> None:
            killer = KillAt(death, self.root / ".lakeflow", torn=bool(death % 2))
            killer.install()
            killed_at_requests(killer)
            with lakeflow.open(self.root, settings={"env": place}) as lake, suppress(LakeflowError):
                act(lake)

        before = self.main
        dead = killed(work, self.answer)
        sys.stderr.write(f"{place} {promoted} {'killed' if dead else 'ended'} at {death}\n")
        self.main = {name: seen_of(table) for name, table in self.home.tables(self.root).items()}
        if place != "main" or not moves:
            assert self.main == before, f"{place}: readers of main see something else"
        if promoted:
            self.apart[promoted] -= {one[0] for one in self.main.values()}
        self._look_apart()
        self.readers_of_main_see_nothing_of_an_environment()
        self.killed += dead
        if dead or promoted:
            self._require(_kept_promises)

    def _look_apart(self) -> None:
        for table in self.home.tables(self.root).values():
            on_main = {move.snapshot_id for move in table.metadata.snapshot_log}
            for ref, at in table.metadata.refs.items():
                if (name := named_by(ref)) and at.snapshot_id not in on_main:
                    self.apart[name].add(at.snapshot_id)

    def _require(self, look: Callable[[Lake], list[str]]) -> None:
        def work() -> list[str]:
            with lakeflow.open(self.root, settings={"env": "main"}) as lake:
                return look(lake)

        status = forked(work, self.answer)
        assert (status, said := self.answer.read_text()) == (0, "[]"), said

    def end(self) -> None:
        self._require(_ended_well)
        assert all(set(table.metadata.refs) == {"main"} for table in self.home.tables(self.root).values())
        rmtree(self.folder)


def _roll_back(lake: Lake) -> None:
    last = next((run for run in lake.runs() if run.state is RunState.PUBLISHED), None)
    if last is not None:
        lake.rollback(last.id)


def _kept_promises(lake: Lake) -> list[str]:
    broken = [str(found) for found in lake.doctor() if found.level is Level.PROBLEM]
    return [*promises(lake), *map(str, lake.verify().remarks), *broken]


def _ended_well(lake: Lake) -> list[str]:
    """Whatever happened: what waits is discarded, all is built, promoted and dropped, and nothing is left of it."""
    change(Path(lake.project.root), {"checks/silver/orders.small.sql": "select id from silver.orders where false"})
    with lakeflow.open(lake.project.root, settings={"env": "main"}) as again:
        again.materialize()
        for one in again.environments.list():
            with suppress(LakeflowError):
                again.environments.promote(one.name)
            again.environments.drop(one.name)
        for run in again.waiting():
            again.discard(run.id)
        left = [str(step.asset) for step in again.plan("silver.orders+").steps]
        return [*left, *_kept_promises(again)]


def rehearse(home: Home) -> None:
    life = Life(0, home)
    project(life.root, home.settings)

    def whole() -> None:
        with lakeflow.open(life.root) as lake:
            lake.materialize("bronze.orders")
        with lakeflow.open(life.root, settings={"env": "a"}) as lake:
            lake.materialize()
        with lakeflow.open(life.root) as lake:
            lake.environments.promote("a")
            _kept_promises(lake)

    rehearsed(whole, life.answer)
    rmtree(life.folder)


def main() -> None:
    lives, steps, *served_at = sys.argv[1:]
    address, *warehouses = served_at or [""]
    homes = [served(address, name) for name in warehouses] or [Home()] * (int(lives) + 1)
    rehearse(homes[0])
    for seed, home in enumerate(homes[1 : int(lives) + 1], 1):
        life = Life(seed, home)
        life.begin()
        for _ in range(int(steps)):
            life.act()
        life.end()
        sys.stdout.write(f"{life.killed}\n")


if __name__ == "__main__":
    main()
