"""A run on a cluster, one process of which is killed with SIGKILL at each chosen moment, and what is left afterwards.

Each asset is one point: so long after its session starts, or after it is at work, its victim dies. They are written one
after the other, so that each dies at its own moment. None reads another, so what becomes of one says nothing of the
next.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import TYPE_CHECKING

import psutil
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import StaticTable

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


class Stage(StrEnum):
    """Of a step: until there is a session that computes it, and from then on."""

    START = "start"
    WORK = "work"


@dataclass(frozen=True)
class Point:
    """`share` of the time that a stage takes where nobody disturbs it, or as soon after it as there is such a victim. A
    session starts where the one before it is gone.
    """

    victim: Victim
    share: float
    stage: Stage = Stage.WORK

    def __str__(self) -> str:
        return f"{self.victim} at {self.share:.2f} of its {self.stage}"


@dataclass
class Lake:
    """The assets that have been published so far, and what they hold, on a cluster. `seconds` are those of a stage that
    nobody disturbs; `processes`, `read` and `died` what was seen of the run at work: its processes, what its readers
    read, and the assets at whose points somebody died.
    """

    root: Path
    cluster: Cluster
    seconds: dict[Stage, float] = field(default_factory=lambda: {Stage.START: 5.0, Stage.WORK: 1.0})
    marks: dict[str, int] = field(default_factory=dict)
    processes: set[psutil.Process] = field(default_factory=set)
    read: set[tuple[str, int]] = field(default_factory=set)
    died: set[str] = field(default_factory=set)
    run: psutil.Process | None = None
    newest: Works | None = None
    worked: set[Path] = field(default_factory=set)
    looked: set[tuple[str, str]] = field(default_factory=set)

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
        """Everything once, to know how long each stage of a step takes where nothing is killed."""
        self.define(names, 1)
        took: dict[Stage, list[float]] = {Stage.START: [], Stage.WORK: []}
        works: dict[str, Works | None] = {}
        for asset, phase in self._run({}):
            if phase == "writing" and asset.startswith("silver."):
                works[asset] = self.newest
            elif phase == "auditing" and (step := works.get(asset)):
                took[Stage.START].append(step.begun - step.since)
                took[Stage.WORK].append(monotonic() - step.begun)
        self.marks = dict.fromkeys(names, 1)
        assert self.rows(names) == self.marks
        self.seconds = {Stage.START: took[Stage.START][0], Stage.WORK: median(took[Stage.WORK])}

    @property
    def runs(self) -> bool:
        return self.run is not None and _is_at_work(self.run)

    @property
    def at_work(self) -> set[Path]:
        """The scratch folder of each step for which there is a session."""
        return set((self.root / ".lakeflow" / "spill").glob("spark-*/*"))

    def killed(self, points: Mapping[str, Point], mark: int, names: Sequence[str]) -> dict[str, str]:
        """How the step of each asset ended when its victim died at its moment, and then the next run did all; nobody's
        promise may be broken.
        """
        self.define(names, mark)
        self.died.clear()
        list(self._run(points))
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

    def look(self) -> None:
        """Keep which snapshot of each table another reader is given at this moment. Only what has changed is read."""
        for name, place in self.pointers() - self.looked:
            self.looked.add((name, place))
            if found := StaticTable.from_metadata(place).current_snapshot():
                self.read.add((name, found.snapshot_id))

    def pointers(self) -> set[tuple[str, str]]:
        """Each table by its name, and the file that tells its snapshots."""
        place = self.root / ".lakeflow" / "catalog.db"
        if not place.exists():
            return set()
        with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=60)) as catalog:
            made = "select count(*) from sqlite_master where name = 'iceberg_tables'"
            if catalog.execute(made).fetchone() == (0,):
                return set()
            tables = "select table_name, metadata_location from iceberg_tables where table_namespace = 'silver'"
            return set(catalog.execute(tables).fetchall())

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

    def _run(self, points: Mapping[str, Point]) -> Iterator[tuple[str, str]]:
        """Run everything; each asset and the phase that it begins. A victim dies so long after its asset began."""
        words = [sys.executable, "-P", "-m", "lakeflow.cli", "materialize", "--events"]
        killers = []
        with (self.root / "stderr").open("w") as told:
            run = subprocess.Popen(words, cwd=self.root, stdout=subprocess.PIPE, stderr=told, text=True)
        assert run.stdout is not None
        self.run = process = psutil.Process(run.pid)
        for line in run.stdout:
            if not line.endswith("\n"):
                break  # it died while it said this
            event = json.loads(line)
            if event["event"] == "step_phase" and event["phase"] == "writing":
                point, works = points.get(event["asset"].partition(".")[2]), Works(self)
                if point is not None:
                    killer = threading.Thread(target=self._kill, args=(event["asset"], point, process, works))
                    killer.start()
                    killers.append(killer)
            self.processes |= _below(process) | set(self.cluster.executors)
            self.look()
            if event["event"] != "step_phase":
                continue
            yield event["asset"], event["phase"]
        run.wait()
        run.stdout.close()
        for killer in killers:
            killer.join()

    def _kill(self, asset: str, point: Point, run: psutil.Process, works: Works) -> None:
        begun = works.since if point.stage is Stage.START else works.begun
        sleep(max(0.0, begun + point.share * self.seconds[point.stage] - monotonic()))
        while asset not in self.died and _is_at_work(run):
            with suppress(psutil.NoSuchProcess):
                self.processes |= _below(run)
                for found in _FIND[point.victim](self, run)[:1]:
                    found.kill()
                    self.died.add(asset)
            sleep(0.2)
        if point.victim is Victim.WORKER and asset in self.died:
            self.cluster.add_worker()


class Works:
    """Waits for the session that computes a step which begins now; `begun` says when it was there, or the run over. The
    step may be at work already: its folder is the one that no step before it had.
    """

    def __init__(self, lake: Lake) -> None:
        self.since = monotonic()
        self._lake = lake
        self._begun = 0.0
        lake.newest = self
        self._waits = threading.Thread(target=self._wait, daemon=True)
        self._waits.start()

    @property
    def begun(self) -> float:
        self._waits.join()
        return self._begun

    def _wait(self) -> None:
        lake = self._lake
        while lake.newest is self and lake.runs:
            if new := lake.at_work - lake.worked:
                lake.worked |= new
                break
            sleep(0.02)
        self._begun = monotonic()


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
