"""A run on a cluster, one process of which is killed with SIGKILL at each chosen moment, and what is left afterwards.

Each asset is one point: so long after it begins, its victim dies. They are written one after the other, so that each
dies at its own moment, and none reads another, so that what becomes of one says nothing of the next.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import psutil
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError

import lakeflow
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Ruling, RunState
from tests.faults.zygote import promises
from tests.spark.cluster import Cluster, runs

if TYPE_CHECKING:
    from pyiceberg.table import Table

ROWS = 1000
CONF = """[tool.lakeflow]
parallel = 1
[tool.lakeflow.spark]
master = "{master}"
idle_timeout = 300
"spark.driver.memory" = "512m"
"spark.executor.memory" = "512m"
"spark.sql.shuffle.partitions" = 2
"spark.driver.extraJavaOptions" = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"spark.executor.extraJavaOptions" = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""
SPARK = """/*
engine = "spark"
key = ["id"]
*/
select id, count(*) as n, {mark} as mark from (select /*+ repartition(2) */ distinct id from bronze.raw) group by id
"""
BESIDE = """/*
key = ["mark"]
*/
select mark, count(*) as n from silver.{first} group by mark
"""


_ENDS = frozenset({RunState.PUBLISHED, RunState.FAILED, RunState.ABANDONED})


class Victim(StrEnum):
    """Who dies: the run itself, the process that has Spark's driver, the driver, an executor, or a worker."""

    RUN = "run"
    CHILD = "child"
    DRIVER = "driver"
    EXECUTOR = "executor"
    WORKER = "worker"


@dataclass(frozen=True)
class Point:
    """`share` of the time that an undisturbed step takes, or as soon after it as there is such a victim."""

    victim: Victim
    share: float


@dataclass
class Lake:
    """The assets that have been published so far, and what they hold, on a cluster. `seconds` are those of a step that
    nobody disturbs; `processes`, `read` and `died` what was seen of the run at work: its processes, what its readers
    read, and the assets at whose points somebody died.
    """

    root: Path
    cluster: Cluster
    seconds: float = 2.0
    marks: dict[str, int] = field(default_factory=dict)
    processes: set[psutil.Process] = field(default_factory=set)
    read: set[tuple[str, int]] = field(default_factory=set)
    died: set[str] = field(default_factory=set)

    def define(self, names: Sequence[str], mark: int) -> None:
        """Code that gives other rows than before, in each of these assets."""
        conf = CONF.format(master=self.cluster.url)
        texts = {"pyproject.toml": conf, "layers/bronze/raw.sql": f"select i as id from range({ROWS}) t(i)"}
        texts |= {f"layers/silver/{name}.sql": SPARK.format(mark=mark) for name in names}
        texts["layers/gold/beside.sql"] = BESIDE.format(first=names[0])
        for name, text in texts.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)

    def undisturbed(self, names: Sequence[str]) -> None:
        """Everything once, to know how long a step takes where nothing is killed."""
        self.define(names, 1)
        started: dict[str, float] = {}
        took = []
        for asset, phase in self._run({}, names):
            if phase == "writing":
                started[asset] = monotonic()
            elif phase == "auditing" and asset.startswith("silver."):
                took.append(monotonic() - started[asset])
        self.marks = dict.fromkeys(names, 1)
        assert self.rows(names) == self.marks
        self.seconds = sorted(took)[len(took) // 2]

    def killed(self, points: Mapping[str, Point], mark: int, names: Sequence[str]) -> dict[str, str]:
        """How the step of each asset ended when its victim died at its moment, and then the next run did all; nobody's
        promise may be broken.
        """
        self.define(names, mark)
        self.died.clear()
        list(self._run(points, names))
        self.leaves_nothing_running()
        with lakeflow.open(self.root) as lake:
            assert promises(lake) == []
            self.shows_nothing_unruled(lake)
            run = lake.runs(1)[0]
            assert run.state in _ENDS, run.state
            ended = {step.asset.name: str(step.state or "unfinished") for step in run.steps}
        for name, seen in self.rows(names).items():
            assert seen in (self.marks.get(name), mark), name
            assert ended.get(name) != "published" or seen == mark, name
        self.repaired({**self.marks, **dict.fromkeys(names, mark)})
        died = {asset.partition(".")[2] for asset in self.died}
        return {name: ended.get(name, "unfinished") if name in died else "nobody died" for name in points}

    def repaired(self, marks: dict[str, int]) -> None:
        """What is missing the next run writes: the rows of an undisturbed run, each once."""
        with lakeflow.open(self.root) as lake:
            if lake.runs(1)[0].state is not RunState.PUBLISHED:
                lake.retry()
            self.marks = marks
            assert self.rows(marks) == self.marks
            assert promises(lake) == []
            states = {run.state for run in lake.runs()}
            assert states <= _ENDS | {RunState.SUPERSEDED}, states
            lake.collect_garbage()
            tables = lake._world.catalog.load(lake._world.catalog.keys()).values()
            assert not [ref for table in tables for ref in table.refs if ref.startswith("audit_")]
        assert not list((self.root / ".lakeflow" / "spill").glob("spark-*/*"))
        self.leaves_nothing_running()

    def rows(self, names: Iterable[str]) -> dict[str, int | None]:
        """The mark of each table's rows, which has to be one, as another reader finds it; None where there is none."""
        with self.reader() as tables:
            found = {name: tables(name) for name in names}
            return {name: _mark(table.scan().to_arrow()) if table else None for name, table in found.items()}

    def look(self, names: Iterable[str]) -> None:
        """Keep which snapshot of each table another reader is given at this moment."""
        if (self.root / ".lakeflow" / "catalog.db").exists():
            with self.reader() as tables:
                self.read |= {
                    (name, found.snapshot_id)
                    for name in names
                    if (table := tables(name)) is not None and (found := table.current_snapshot())
                }

    @contextmanager
    def reader(self) -> Iterator[Callable[[str], Table | None]]:
        state = self.root / ".lakeflow"
        catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=f"{state}/warehouse")

        def table(name: str) -> Table | None:
            with suppress(NoSuchTableError):
                found = catalog.load_table(f"silver.{name}")
                return found if found.current_snapshot() else None  # a table that no run has published is empty
            return None

        try:
            yield table
        finally:
            catalog.engine.dispose()

    def shows_nothing_unruled(self, lake: lakeflow.Lake) -> None:
        """All that was read while the run was at work had been ruled publish."""
        keys = {name: AssetKey.parse(f"silver.{name}") for name, _ in self.read}
        verdicts = lake._world.ledger.verdicts(sorted(keys.values()))
        ruled = {
            name: {v.snapshot_id for v in verdicts[key] if v.ruling is Ruling.PUBLISH} for name, key in keys.items()
        }
        assert [found for found in self.read if found[1] not in ruled[found[0]]] == []
        self.read.clear()

    def leaves_nothing_running(self) -> None:
        _, alive = psutil.wait_procs(self.processes, timeout=120)
        assert not alive, alive
        until = monotonic() + 120
        while self.cluster.executors and monotonic() < until:
            sleep(0.2)
        assert not self.cluster.executors
        self.processes.clear()

    def _run(self, points: Mapping[str, Point], names: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Run everything; each asset and the phase that it begins. A victim dies so long after its asset began."""
        words = [sys.executable, "-P", "-m", "lakeflow.cli", "materialize", "--events"]
        timers = []
        with (self.root / "stderr").open("w") as told:
            run = subprocess.Popen(words, cwd=self.root, stdout=subprocess.PIPE, stderr=told, text=True)
        assert run.stdout is not None
        process = psutil.Process(run.pid)
        for line in run.stdout:
            if not line.endswith("\n"):
                break  # it died while it said this
            event = json.loads(line)
            self.processes |= _below(process) | set(self.cluster.executors)
            self.look(names)
            if event["event"] != "step_phase":
                continue
            point = points.get(event["asset"].partition(".")[2])
            if point is not None and event["phase"] == "writing":
                timer = threading.Timer(point.share * self.seconds, self._kill, (event["asset"], point, process))
                timer.start()
                timers.append(timer)
            yield event["asset"], event["phase"]
        run.wait()
        run.stdout.close()
        for timer in timers:
            timer.cancel()
            timer.join()

    def _kill(self, asset: str, point: Point, run: psutil.Process) -> None:
        while asset not in self.died and _is_at_work(run):
            with suppress(psutil.NoSuchProcess):
                self.processes |= _below(run)
                for found in _FIND[point.victim](self, run)[:1]:
                    found.kill()
                    self.died.add(asset)
            sleep(0.2)
        if point.victim is Victim.WORKER:
            self.cluster.add_worker()


def _is_at_work(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _below(process: psutil.Process) -> set[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return set(process.children(recursive=True))
    return set()


def _drivers(_: Lake, run: psutil.Process) -> list[psutil.Process]:
    return [each for each in _below(run) if runs(each, "SparkSubmit")]


def _children(lake: Lake, run: psutil.Process) -> list[psutil.Process]:
    return [parent for driver in _drivers(lake, run) if (parent := driver.parent()) is not None]


_FIND: Mapping[Victim, Callable[[Lake, psutil.Process], Sequence[psutil.Process]]] = {
    Victim.RUN: lambda _, run: [run],
    Victim.CHILD: _children,
    Victim.DRIVER: _drivers,
    Victim.EXECUTOR: lambda lake, _: lake.cluster.executors,
    Victim.WORKER: lambda lake, _: [each for each in lake.cluster.workers if each.is_running()][:1],
}


def _mark(rows: pa.Table) -> int:
    assert sorted(rows["id"].to_pylist()) == list(range(ROWS))
    assert set(rows["n"].to_pylist()) == {1}
    (mark,) = set(rows["mark"].to_pylist())
    return int(mark)
