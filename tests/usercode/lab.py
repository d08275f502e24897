"""A lake whose assets are Python functions, opened in this process or driven by its command line."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lakeflow
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord, StepRecord
from lakeflow.core.run.events import Event
from tests.runs import ran

HEAD = """
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path
import duckdb
import pyarrow as pa
from lakeflow import Relation, asset, files
"""


@dataclass
class Lake:
    root: Path
    events: list[Event] = field(default_factory=list)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def code(self, text: str, name: str = "bronze/code") -> Path:
        """The assets of `layers/<name>.py`."""
        return self.write(f"layers/{name}.py", HEAD + textwrap.dedent(text))

    def open(self, **settings: str) -> lakeflow.Lake:
        return lakeflow.open(self.root, settings=settings)

    def run(self, *selection: str, before: Callable[[], Any] = lambda: None, **settings: str) -> RunRecord:
        """Open, then whatever happens `before`, then materialize."""
        with self.open(**settings) as lake:
            before()
            run = lake.materialize(*selection, observer=self.events.append)
            return ran(run)

    def log(self, run: RunRecord) -> str:
        with self.open() as lake:
            return "\n".join(lake.run_log(run.id))

    def rows(self, asset: str) -> list[tuple[Any, ...]]:
        with self.open() as lake:
            return sorted(lake.read(asset).fetchall())

    def data_files(self) -> list[Path]:
        return list((self.root / ".lakeflow" / "warehouse").glob("*/*/data/**/*.parquet"))

    def leftovers(self) -> list[Path]:
        """Files of processes that are gone."""
        state = self.root / ".lakeflow"
        return [*state.glob("logs/code-*"), *state.glob("spill/*")]


def step(run: RunRecord, name: str) -> StepRecord:
    found = run.step(AssetKey.parse(name))
    assert found is not None
    return found


def states(run: RunRecord) -> dict[str, str]:
    return {str(each.asset): str(each.state) for each in run.steps}
