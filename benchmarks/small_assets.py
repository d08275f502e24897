"""What a small asset costs: milliseconds of plan, write, fork, audit and publish for each of many assets of a few rows.

A fixed cost of a run (its processes, its lease) shows in no line: what is counted is the difference between a run of
many and a run of few, both forced, in a lake that is built already. On an idle machine the wall shows processor time,
less what the audit worker does beside the run, and waits for the disk (ten syncs an asset).
`python -m benchmarks.small_assets [ASSETS]`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import lakeflow
from benchmarks.measure import processor
from lakeflow import wap

FEW = 5
REPEATS = 3
ROUTES = {
    "write": ("engine", ("produce", "equal")),
    "fork and commit": ("catalog", ("create", "stage")),
    "read tables": ("catalog", ("load", "scan")),
    "audit": ("auditor", ("audit",)),
    "publish": ("catalog", ("commit",)),
    "ledger": ("ledger", ("note", "save", "remember_code", "verdicts")),
}


def main(assets: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write_project(root, assets)
        few = [f"bronze.t{number}" for number in range(FEW)]
        for parallel in (1, 2):
            with lakeflow.open(root, settings={"parallel": str(parallel)}) as lake:
                clock = _Clock()
                lake.__dict__["_world"] = clock.watch(lake._world)  # noqa: SLF001 - a benchmark looks inside
                lake.materialize()
                planned, _, _ = _difference(lambda: lake.plan(force=True), lambda: lake.plan(*few, force=True), assets)
                whole, own, all_ = _difference(
                    lambda: lake.materialize(force=True), lambda: lake.materialize(*few, force=True), assets
                )
                print(f"{assets} assets of 3 rows, parallel = {parallel}: {whole:.1f} ms each, plan {planned:.2f} ms")
                print(
                    f"  processor time, which a busy machine does not stretch: {own:.1f} ms in the run's own process,"
                )
                print(f"  {all_:.1f} ms with the audit worker")
                for name, spent in clock.spent(assets).items():
                    print(f"  {name:16} {spent:6.1f} ms")


def _write_project(root: Path, assets: int) -> None:
    (root / "layers" / "bronze").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.lakeflow]\n")
    for number in range(assets):
        text = f"/*\nkey = ['id']\n*/\nselect i as id, 'row {number}' as name from range(3) t(i)"
        (root / "layers" / "bronze" / f"t{number}.sql").write_text(text)


Clocks = tuple[float, ...]


def _difference(many: Callable[[], Any], few: Callable[[], Any], assets: int) -> Clocks:
    """Milliseconds of an asset more: on the wall, of this process, of all its processes."""
    pairs = [zip(_seconds(many), _seconds(few), strict=True) for _ in range(REPEATS)]
    more = zip(*([one - other for one, other in pair] for pair in pairs), strict=True)
    return tuple(median(seconds) / (assets - FEW) * 1000 for seconds in more)


def _seconds(work: Callable[[], Any]) -> Clocks:
    before = _now()
    work()
    return tuple(after - then for after, then in zip(_now(), before, strict=True))


def _now() -> Clocks:
    return time.perf_counter(), time.process_time(), processor()


class _Clock:
    """Time spent in calls of the ports, by what they are for."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._steps = 0

    def watch(self, world: wap.World) -> wap.World:
        watched: dict[str, Any] = {}
        for name, (port, methods) in ROUTES.items():
            made = watched.get(port) or getattr(world, port)
            watched[port] = _Watched(made, {method: self._timed(name) for method in methods})
        engine, auditor = watched.pop("engine"), watched.pop("auditor")
        return replace(world, **watched, make_engine=lambda: engine, make_auditor=lambda: auditor)

    def spent(self, assets: int) -> dict[str, float]:
        """Milliseconds of a step, over all runs."""
        steps = assets + 2 * REPEATS * (assets + FEW)
        return {name: seconds / steps * 1000 for name, seconds in self._seconds.items()}

    def _timed(self, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def around(method: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                began = time.perf_counter()
                found = method(*args, **kwargs)
                self._seconds[name] += time.perf_counter() - began
                return self._held(found, name) if hasattr(found, "__enter__") else found

            return call

        return around

    @contextmanager
    def _held(self, running: Any, name: str) -> Iterator[Any]:
        """A context is open while others act; only entering, writing and leaving count."""
        began = time.perf_counter()
        with running as produced:
            self._seconds[name] += time.perf_counter() - began
            yield _Watched(produced, {"write": self._timed(name)})
            began = time.perf_counter()
        self._seconds[name] += time.perf_counter() - began


class _Watched:
    def __init__(self, port: Any, around: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]]) -> None:
        self._port = port
        self._around = around

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._around[name](found) if name in self._around else found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
