"""How long somebody in a browser waits for the pages of a wide and old lake: that of `benchmarks.looking`.

`python -m benchmarks.pages [ROUNDS] [FOLDER]`. `lakeflow ui` is a process of its own; each figure is the least of so
many rounds, and beside it stands the processor time that the server took for it, which other work on the machine does
not lengthen as much.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Final
from urllib.request import Request, urlopen

import lakeflow
from benchmarks.looking import make

PAGES: Final = (
    "/",
    "/lineage",
    "/assets/gold.t900",
    "/assets/gold.t900/snapshots",
    "/assets/gold.t900/checks",
    "/runs",
)
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, order=True)
class Taken:
    wall: float
    processor: float
    kilobytes: float = 0.0


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[str]
    address: str

    def timed(self, path: str) -> Taken:
        """What a page takes, and how much of it goes over the line."""
        began, used = perf_counter(), self._used()
        asked = Request(self.address.rstrip("/") + path, headers={"accept-encoding": "gzip"})
        with urlopen(asked) as answer:
            body = answer.read()
        return Taken(perf_counter() - began, self._used() - used, len(body) / 1e3)

    def memory(self) -> float:
        """Megabytes that the server has taken, without the files of libraries that are mapped into it."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1e3  # type: ignore[index] # Linux always says it

    def _used(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def main(rounds: int, folder: Path) -> None:
    if not (folder / ".lakeflow").exists():
        make(folder)
    say = sys.stdout.write
    say(f"{'seconds, the least of ' + str(rounds):44} {'wall':>6} {'processor':>10} {'kB':>7}\n")
    started = [_started(folder) for _ in range(rounds)]
    for name, at in (("address said", 0), ("first page there", 1)):
        say(f"{'start: ' + name:44} {min(each[at] for each in started):6.2f}\n")
    with _served(folder) as server:
        for path in PAGES:
            say(_line(path, [server.timed(path) for _ in range(rounds + 1)]))
        for name, change in (("a publish", _publish), ("a change of a file", _edit)):
            for pause, when in ((0, "at once"), (3, "3 s later")):
                say(_line(f"/ after {name}, {when}", [_after(server, folder, change, pause) for _ in range(rounds)]))
        say(f"{'memory, MB':44} {server.memory():6.0f}\n")


def _line(name: str, taken: list[Taken]) -> str:
    least = min(taken)
    return f"{name:44} {least.wall:6.3f} {min(each.processor for each in taken):10.2f} {least.kilobytes:7.1f}\n"


def _after(server: Server, folder: Path, change: Callable[[Path], None], pause: float) -> Taken:
    change(folder)
    sleep(pause)
    return server.timed("/")


def _publish(folder: Path) -> None:
    with lakeflow.open(folder) as lake:
        assert lake.materialize("bronze.t0", force=True) is not None


def _edit(folder: Path) -> None:
    path = folder / "layers" / "gold" / "t900.sql"
    path.write_text(path.read_text(encoding="utf-8") + "-- seen\n", encoding="utf-8")


def _started(folder: Path) -> tuple[float, float]:
    began = perf_counter()
    with _served(folder) as server:
        said = perf_counter() - began
        server.timed("/")
        return said, perf_counter() - began


@contextmanager
def _served(folder: Path) -> Iterator[Server]:
    command = [sys.executable, "-m", "lakeflow.cli", "-C", str(folder), "ui", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield Server(process, process.stderr.readline().split()[0])
        finally:
            process.send_signal(signal.SIGTERM)


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if len(sys.argv) > 2:
        main(rounds, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(rounds, Path(made))
