"""Many processes on one lake: publishers, one who collects garbage, one who rolls back, one who reads, and a killer.

Started by `test_crowd.py` as `python -m tests.faults.crowd <folder> <seconds> <seed>`, with `<folder>/pyproject.toml`.
Each process is a fork with a checkout of its own, and tells in a file what it tries and what was acknowledged, before
anybody else can know of it. The parent kills them with SIGKILL, starts others in their place, and prints what became of
all. No process that forks opens the lake.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from lakeflow.core.errors import BusyError, ConflictError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunState
from lakeflow.core.view.findings import Level
from lakeflow.lake.lake import Lake
from tests.faults.zygote import _disagreeing, _unruled, open_lake, rehearsed

TABLES: Final = ("bronze.a", "bronze.b", "bronze.c")
PUBLISHERS: Final = 8
_KEYS: Final = [AssetKey.parse(table) for table in TABLES]
_WAIT: Final = 600.0
_PAUSES: Final = (0.1, 1.0)
"""Seconds between two kills, at least and at most."""


@dataclass
class Teller:
    """What one process says, each line whole when it is said."""

    path: Path

    def __call__(self, *words: object) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps([str(word) for word in words]) + "\n")


def lay_down(root: Path, batch: str) -> Path:
    """A checkout of the project, whose assets append this batch."""
    (root / "layers" / "bronze").mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        name = table.partition(".")[2]
        text = f"/*\nwrite = 'append'\n*/\nselect '{batch}' as batch"
        (root / "layers" / "bronze" / f"{name}.sql").write_text(text)
    return root


@contextmanager
def opened(folder: Path, name: str, batch: str) -> Iterator[Lake]:
    root = lay_down(folder / name, batch)
    shutil.copy(folder / "pyproject.toml", root)
    with open_lake(root) as lake:
        yield lake


def publish(folder: Path, name: str, say: Teller, until: float) -> None:
    number = 0
    while number == 0 or time.monotonic() < until:
        batch = f"{name}-{number}"
        with opened(folder, name, batch) as lake:
            say("tries", batch)
            run = lake.materialize(force=True, wait=_WAIT)
            assert run is not None
            say("published" if run.state is RunState.PUBLISHED else "ended", batch, run.id, run.state, run.reason)
        number += 1


def collect(folder: Path, name: str, say: Teller, until: float) -> None:
    """Files of any age: the lease of a table protects what a run writes there."""
    while time.monotonic() < until:
        with opened(folder, name, "none") as lake:
            gone = lake.collect_garbage(older_than=timedelta())
        say("collected", sum(len(one.files) for one in gone))
        time.sleep(0.2)


def take_back(folder: Path, name: str, say: Teller, until: float) -> None:
    """The latest run, as often as nobody else is at work and it still is the latest."""
    chance = random.Random(name)
    while time.monotonic() < until:
        with opened(folder, name, "none") as lake:
            for _ in range(200):
                time.sleep(chance.uniform(0.005, 0.05))
                latest = next((run for run in lake.runs(5) if run.state is RunState.PUBLISHED), None)
                if latest is None:
                    continue
                say("takes", latest.id)
                try:
                    lake.rollback(latest.id)
                except (BusyError, UsageError, ConflictError) as error:
                    say("leaves", latest.id, error.message)
                    continue
                say("took", latest.id)
                time.sleep(1.0)
                break


def read(folder: Path, name: str, say: Teller, until: float) -> None:
    with opened(folder, name, "none") as lake:
        while time.monotonic() < until:
            tables = lake._world.catalog.load(_KEYS)
            rows = [at.rows if (table := tables.get(key)) and (at := table.published) else 0 for key in _KEYS]
            say("saw", *rows)
            time.sleep(0.02)


ROLES: Final[Mapping[str, Callable[[Path, str, Teller, float], None]]] = {
    **{f"w{number}": publish for number in range(PUBLISHERS)},
    "gc": collect,
    "back": take_back,
    "reader": read,
}


@dataclass
class Crowd:
    folder: Path
    until: float
    chance: random.Random
    born: Counter[str] = field(default_factory=Counter)
    alive: dict[str, int] = field(default_factory=dict)
    kills: int = 0

    def start(self, role: str) -> None:
        self.born[role] += 1
        name = f"{role}.{self.born[role]}"
        pid = os.fork()
        if pid == 0:
            say = Teller(self.folder / "said" / name)
            try:
                ROLES[role](self.folder, name, say, self.until)
                os._exit(0)
            except BaseException:  # noqa: BLE001 - a fork must never return into its parent's stack
                say("failed", traceback.format_exc())
                os._exit(1)
        self.alive[role] = pid

    def kill_and_replace(self) -> None:
        role = self.chance.choice([role for role in ROLES if role != "reader"])
        os.kill(self.alive[role], signal.SIGKILL)
        os.waitpid(self.alive[role], 0)
        self.kills += 1
        self.start(role)

    def live(self) -> None:
        for role in ROLES:
            self.start(role)
        while self.kills == 0 or time.monotonic() < self.until:
            time.sleep(self.chance.uniform(*_PAUSES) * PUBLISHERS / 4)
            self.kill_and_replace()
        for pid in self.alive.values():
            os.waitpid(pid, 0)


def began(folder: Path) -> str:
    """The tables, with one row each."""
    with opened(folder, "first", "first-0") as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state is RunState.PUBLISHED, run
        assert lake.collect_garbage(older_than=timedelta()) is not None
        return run.id


def ended(folder: Path) -> dict[str, Any]:
    """The lake after one more run, which settles what the dead left."""
    with opened(folder, "last", "last-0") as lake:
        run = lake.materialize(force=True)
        assert run is not None
        assert run.state is RunState.PUBLISHED, run
        lake.collect_garbage(older_than=timedelta())
    with opened(folder, "last", "last-0") as lake:
        looked = lake.verify(deep=True)
        wrong = [*_unruled(lake), *_disagreeing(lake), *map(str, looked.faults)]
        wrong += [one.message for one in lake.doctor() if one.level is Level.PROBLEM]
        return {
            "last": run.id,
            "wrong": wrong,
            "runs": {each.id: str(each.state) for each in lake.runs(1_000_000)},
            "intents": len(lake._world.ledger.intents().open),
        }


def main() -> None:
    folder, seconds, seed = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    (folder / "said").mkdir()
    answer = folder / "answer.json"
    first = rehearsed(lambda: began(folder), answer)
    crowd = Crowd(folder, time.monotonic() + seconds, random.Random(seed))
    crowd.live()
    told = rehearsed(lambda: ended(folder), answer)
    said = [
        [path.name, *json.loads(line)]
        for path in sorted((folder / "said").iterdir())
        for line in path.read_text().splitlines()
    ]
    sys.stdout.write(json.dumps({**told, "first": first, "kills": crowd.kills, "said": said}))


if __name__ == "__main__":
    main()
