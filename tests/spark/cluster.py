"""A standalone cluster on loopback: one master and workers, each a process that says when it is ready."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

_CLASS = "org.apache.spark.deploy"
_MASTER = re.compile(r"Starting Spark master at (spark://\S+)")
_WORKER = re.compile(r"(Successfully registered with master)")


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[str]:
    """The URL of the master, once all workers have registered."""
    with ExitStack() as stack:
        master = ["master.Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
        url = stack.enter_context(_process(folder / "master", master, _MASTER))
        for number in range(workers):
            place = folder / f"worker-{number}"
            worker = ["worker.Worker", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0", "-c", "1", "-m", "1g"]
            stack.enter_context(_process(place, [*worker, "-d", str(place), url], _WORKER))
        yield url


@contextmanager
def _process(folder: Path, words: list[str], ready: re.Pattern[str]) -> Iterator[str]:
    """What the process says when it is ready. Its log goes on into nothing."""
    folder.mkdir(parents=True)
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    home = spec.submodule_search_locations[0]
    own = {"SPARK_HOME": home, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    own |= {"SPARK_WORKER_DIR": str(folder), "SPARK_DAEMON_MEMORY": "256m", "SPARK_NO_DAEMONIZE": "1"}
    command = [f"{home}/bin/spark-class", f"{_CLASS}.{words[0]}", *words[1:]]
    process = subprocess.Popen(
        command, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    drain = None
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if found := ready.search(line):
                break
        else:
            raise AssertionError("".join(said))
        drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        yield found[1]
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        if drain is not None:
            drain.wait()
