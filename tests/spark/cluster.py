"""A standalone cluster on loopback: one master and workers, each a process that says when it is ready."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil

_EXECUTOR = "CoarseGrainedExecutorBackend"
_CLASS = "org.apache.spark.deploy"
_MASTER = re.compile(r"Starting Spark master at (spark://\S+)")
_WORKER = re.compile(r"(Successfully registered with master)")


@dataclass
class Cluster:
    """A master by its URL, and its workers in the order in which they came."""

    url: str
    folder: Path
    stack: ExitStack
    master: psutil.Process
    workers: list[psutil.Process] = field(default_factory=list)

    def add_worker(self) -> None:
        """One more, with one core; ready once it has registered."""
        place = self.folder / f"worker-{len(self.workers)}"
        worker = ["worker.Worker", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0", "-c", "1", "-m", "1g"]
        started = self.stack.enter_context(_process(place, [*worker, "-d", str(place), self.url], _WORKER, home()))
        self.workers.append(started.process)

    def vanish(self) -> None:
        """The master, the workers and their executors die at once."""
        for each in (self.master, *self.executors, *self.workers):
            each.kill()

    @property
    def executors(self) -> list[psutil.Process]:
        return [below for worker in self.workers for below in _below(worker) if runs(below, _EXECUTOR)]


def _below(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return list(process.children(recursive=True))
    return []


def runs(process: psutil.Process, name: str) -> bool:
    """Is it there, and is this in its command?"""
    with suppress(psutil.Error):
        return name in " ".join(process.cmdline())
    return False


@contextmanager
def cluster(folder: Path, workers: int = 2, place: str = "") -> Iterator[Cluster]:
    """Once all workers have registered. `place` is where Spark is, if not in this environment."""
    with ExitStack() as stack:
        master = ["master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
        started = stack.enter_context(_process(folder / "master", master, _MASTER, place or home()))
        found = Cluster(started.said, folder, stack, started.process)
        for _ in range(workers):
            found.add_worker()
        yield found


@dataclass(frozen=True)
class Started:
    process: psutil.Process
    said: str


def home() -> str:
    """Where Spark is in this environment."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return spec.submodule_search_locations[0]


@contextmanager
def _process(folder: Path, words: list[str], ready: re.Pattern[str], home: str) -> Iterator[Started]:
    own = {"SPARK_HOME": home, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    own |= {"SPARK_WORKER_DIR": str(folder), "SPARK_DAEMON_MEMORY": "256m", "SPARK_NO_DAEMONIZE": "1"}
    command = [f"{home}/bin/spark-class", f"{_CLASS}.{words[0]}", *words[1:]]
    with process(folder, command, ready, own) as started:
        yield started


@contextmanager
def process(folder: Path, command: list[str], ready: re.Pattern[str], own: Mapping[str, str]) -> Iterator[Started]:
    """What the process says when it is ready. Its log goes on into nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    begun = subprocess.Popen(
        command, env={**os.environ, **own}, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    drain = None
    try:
        assert begun.stdout is not None
        said = []
        for line in begun.stdout:
            said.append(line)
            if found := ready.search(line):
                break
        else:
            raise AssertionError("".join(said))
        drain = subprocess.Popen(["cat"], stdin=begun.stdout, stdout=subprocess.DEVNULL)
        yield Started(psutil.Process(begun.pid), found[1])
    finally:
        begun.kill()
        begun.wait()
        if begun.stdout is not None:
            begun.stdout.close()
        if drain is not None:
            drain.wait()
