"""A lake that lands files, driven by its command line."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lakeflow
from tests.cli import process

CSV = """/*
[source]
folder = "drops"
files = {files}
format = "csv"
columns = ["id", "total"]
{more}
*/
select * from source
"""


@dataclass(frozen=True)
class Lake:
    root: Path

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def asset(self, more: str = "", files: str = '"*"') -> None:
        """`bronze.orders` from drops/, as CSV; `more` are further lines of its source."""
        self.write("layers/bronze/orders.sql", CSV.format(files=files, more=more))

    def source(self, text: str) -> None:
        """`bronze.orders` with this `[source]`."""
        self.write("layers/bronze/orders.sql", f"/*\n[source]\n{text}\n*/\nselect * from source\n")

    def drop(self, name: str, content: str | bytes) -> Path:
        return self.write(f"drops/{name}", content)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return process.here(*words, cwd=self.root)

    def materialize(self) -> subprocess.CompletedProcess[str]:
        return self.run("materialize")

    def load(self) -> list[tuple[str | None, ...]]:
        """Materialize, which must succeed, and the rows that readers then see."""
        done = self.materialize()
        assert done.returncode == 0, done.stdout + done.stderr
        return self.rows()

    def rows(self, *columns: str) -> list[tuple[str | None, ...]]:
        """What readers of bronze.orders see, without the time, by file and row."""
        with lakeflow.open(self.root) as lake:
            shown = lake.show("bronze.orders", limit=100_000)
        found = [dict(zip(shown.columns, row, strict=True)) for row in shown.values]
        wanted = columns or tuple(name for name in shown.columns if name != "_loaded_at")
        ordered = sorted(found, key=lambda row: (str(row["_source_file"]), int(row["_source_row"] or 0)))
        return [tuple(row[name] for name in wanted) for row in ordered]

    def json(self, *words: str) -> dict[str, Any]:
        done = self.run(*words, "--output", "json")
        answer: dict[str, Any] = json.loads(done.stdout)
        return dict(answer["data"])

    def reasons(self) -> str:
        return self.run("plan").stdout

    def refused(self, *says: str, secret: str = "") -> None:
        """The load ends errored, says this, and readers see what they saw."""
        before = self.main()
        done = self.materialize()
        screen = done.stdout + done.stderr
        assert done.returncode == 1, screen
        assert "Traceback" not in screen
        for each in says:
            assert each in screen, screen
        assert not secret or secret not in screen, screen
        assert self.main() == before
        spill = self.root / ".lakeflow" / "spill"
        assert not spill.exists() or not list(spill.glob("landing-*"))

    def main(self) -> int | None:
        """The snapshot that readers see."""
        with lakeflow.open(self.root) as lake:
            return next((row.snapshot_id for row in lake.snapshots("bronze.orders") if row.ref == "main"), None)
