"""Kills a command at its n-th operation, and what is typed next as well, and judges what is left each time.

Started by `test_kill_commands.py` as `python -m tests.faults.sweep <folder> <command> <first> <stride>`; prints one
JSON object for each kill. All work is done in forks of this process, so that everything is imported once.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyiceberg.catalog.sql

from lakeflow.core.model.run import RunState
from lakeflow.core.model.table import Table
from lakeflow.lake.lake import Lake
from tests.faults.commands import COMMANDS, Command
from tests.faults.zygote import KillAt, forked, killed, open_lake, promises, rehearsed

_TRIES = 3
"""So often may a command be typed after a kill until it has ended well."""


class Sweep:
    def __init__(self, folder: Path, command: Command) -> None:
        self._root, self._kept, self._left = folder / "lake", folder / "kept", folder / "left"
        self._answer, self._command = folder / "answer.json", command

    def prepare(self) -> dict[str, Any]:
        """What is to be seen before the command, after it, and at each publish between the two."""
        self._root.mkdir()
        rehearsed(lambda: self._command.prepare(self._root), self._answer)
        shutil.copytree(self._root, self._kept)
        whole = rehearsed(self._whole, self._answer)
        return {"stages": [seen(self._kept), *whole["stages"]], "operations": whole["operations"]}

    def kill(self, place: int, *, torn: bool) -> bool:
        """Of the command itself, from the start. False when it has fewer operations."""
        self._bring(self._kept)
        return killed(lambda: self._run_until(self._command.act, place, torn=torn), self._answer)

    def kill_again(self, place: int) -> bool:
        """Of what is typed next, on what a kill left: recovery dies too."""
        if not self._left.exists():
            shutil.copytree(self._root, self._left)
        self._bring(self._left)
        torn = bool(place % 2)
        return killed(lambda: self._run_until(self._command.again, place, torn=torn), self._answer)

    def forget(self) -> None:
        shutil.rmtree(self._left, ignore_errors=True)

    def judge(self) -> dict[str, Any]:
        """What a reader sees, then what is typed next until all is well, and the promises before and after."""
        status = forked(lambda: recovered(self._root, self._command), self._answer)
        answer: dict[str, Any] = json.loads(self._answer.read_text())
        if status:
            raise SystemExit(str(answer["error"]))
        return answer

    def _whole(self) -> dict[str, Any]:
        counter, stages = KillAt(0, self._root / ".lakeflow", torn=False), list[Any]()
        counter.install()
        with open_lake(self._root) as lake:
            self._observed(lake, stages)
            self._command.act(lake)
        return {"operations": counter.count, "stages": [*stages, seen(self._root)]}

    def _observed(self, lake: Lake, stages: list[Any]) -> None:
        catalog = lake._world.catalog
        commit = catalog.commit

        def watched(*arguments: Any) -> Any:
            done = commit(*arguments)
            stages.append(seen(self._root))
            return done

        catalog.__dict__["commit"] = watched

    def _run_until(self, act: Callable[[Lake], object], place: int, *, torn: bool) -> None:
        KillAt(place, self._root / ".lakeflow", torn=torn).install()
        with open_lake(self._root) as lake:
            act(lake)

    def _bring(self, state: Path) -> None:
        shutil.rmtree(self._root)
        shutil.copytree(state, self._root, symlinks=True)


def seen(root: Path) -> dict[str, list[str]]:
    """The rows of each published table, as a reader sees them that knows nothing of lakeflow; our own columns aside."""
    state = root / ".lakeflow"
    catalog = pyiceberg.catalog.sql.SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=str(state))
    found = {}
    try:
        for space in catalog.list_namespaces():
            for name in catalog.list_tables(space):
                rows = catalog.load_table(name).scan().to_arrow().to_pylist()
                found[".".join(name)] = sorted(
                    str({key: row[key] for key in sorted(row) if not key.startswith("_")}) for row in rows
                )
    finally:
        catalog.engine.dispose()
    return {name: rows for name, rows in found.items() if rows}


def mains(lake: Lake) -> set[int]:
    return {snapshot.id for table in tables(lake) for snapshot in table.ancestry(table.main)}


def tables(lake: Lake) -> list[Table]:
    return list(lake._world.catalog.load(lake._world.catalog.keys()).values())


def recovered(root: Path, command: Command) -> dict[str, Any]:
    first = seen(root)
    with open_lake(root) as lake:
        were, broken = mains(lake), promises(lake)
        well = any(command.again(lake) for _ in range(_TRIES))
        broken += promises(lake)
        runs = lake.runs(99)
        open_ = {run.branch for run in runs if run.state in {RunState.PUBLISHED, RunState.DISCARDED}}
        branches = {ref for table in tables(lake) for ref in table.refs}
        standing = lake._world.ledger.standing()
        leases = [held for held in standing.held if not standing.dead(held)]  # those of the dead go with the next run
        lost = set() if command.lets_go else were - mains(lake)
    return {
        "seen": first,
        "well": well,
        "broken": broken,
        "after": seen(root),
        "running": [run.id for run in runs if run.state is RunState.RUNNING],
        "branches": sorted(open_ & branches),
        "leases": len(leases),
        "lost": len(lost),
    }


def kills(sweep: Sweep, first: int, stride: int, operations: int) -> Iterator[dict[str, Any]]:
    for place in range(first, operations + 1, stride):
        if not sweep.kill(place, torn=bool(place % 2)):
            return
        yield {"at": place, **sweep.judge()}


def kills_of_recovery(sweep: Sweep, first: int, stride: int, operations: int) -> Iterator[dict[str, Any]]:
    """After a kill in the middle, where most has been begun and nothing is published."""
    for middle in (operations // 3, 2 * operations // 3):
        if not sweep.kill(middle, torn=False):
            continue
        place = first
        while sweep.kill_again(place):
            yield {"at": middle, "again": place, **sweep.judge()}
            place += stride
        sweep.forget()


def main() -> None:
    folder, name, first, stride = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    sweep = Sweep(folder, next(command for command in COMMANDS if command.name == name))
    known = sweep.prepare()
    print(json.dumps(known), flush=True)
    for found in kills(sweep, first, stride, known["operations"]):
        print(json.dumps(found), flush=True)
    for found in kills_of_recovery(sweep, first, stride, known["operations"]):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
