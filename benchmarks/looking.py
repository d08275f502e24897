"""How long a person waits for a look at a wide and old lake: 1,000 assets and 10,000 runs, ten publishes of each table.
The last looks are those of a change of one asset, in an environment.

`python -m benchmarks.looking [ROUNDS] [FOLDER]`. The lake is made once, in FOLDER if one is named, without a data file:
tables are metadata, and runs are rows of the ledger, as so many runs would have left them. Then each command is timed
as in `benchmarks.startup`, as a process of its own.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import lakeflow
from benchmarks.startup import _time
from lakeflow.adapters.iceberg.commit import pointers
from lakeflow.adapters.iceberg.commit.numbers import MainMove, Numbered
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.metadata import MetadataFiles, sealed
from lakeflow.adapters.iceberg.metadata.types import schema_to_json, with_ids
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.run import (
    CheckResult,
    MoveNote,
    Ruling,
    RunRecord,
    RunState,
    StepRecord,
    StepState,
    VerdictRecord,
)
from lakeflow.core.model.schema import Field, Primitive, Schema, highest_id
from lakeflow.core.ports.locations import local_path, to_location
from lakeflow.core.version.fingerprint import ALGORITHM
from lakeflow.lake.lake import Lake

ASSETS: Final = 1_000
PUBLISHES: Final = 10
COMMANDS: Final = (
    *("list", "status", "log", "log --limit 10000", "log gold.t900 --since v5000", "lineage", "runs", "plan"),
    *("snapshots gold.t900", "impact bronze.t0"),
    "materialize",  # with nothing to do
)
ENVIRONMENT: Final = "pr_1"
CHANGED: Final = (f"plan --env {ENVIRONMENT}", f"status --env {ENVIRONMENT}", f"env show {ENVIRONMENT}")
"""Once the code of one asset is another."""
_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SCHEMA: Final = with_ids(Schema((Field("id", Primitive("long"), 1), Field("name", Primitive("string"), 2))))


@dataclass(frozen=True)
class Written:
    """One publish of one table, and the run that made it."""

    number: int
    key: AssetKey
    snapshot_id: int
    parent_id: int | None
    inputs: dict[str, int]
    code_version: str
    reads_digest: str

    @property
    def run(self) -> str:
        return f"r{self.number:09d}"

    @property
    def at(self) -> datetime:
        return _BEGAN + timedelta(minutes=self.number)


def main(rounds: int, folder: Path) -> None:
    if not (folder / ".lakeflow").exists():
        make(folder)
    print(f"{'seconds, the least of ' + str(rounds):32} {'wall':>6} {'processor':>10}")
    _look(folder, rounds, COMMANDS)
    with _one_changed(folder):
        _look(folder, rounds, CHANGED)


def _look(folder: Path, rounds: int, commands: Sequence[str]) -> None:
    command = [sys.executable, "-m", "lakeflow.cli", "-C", str(folder)]
    for each in commands:
        times = [_time([*command, *each.split()]) for _ in range(rounds)]
        print(f"{each:32} {min(times).wall:6.2f} {min(time.processor for time in times):10.2f}")


@contextmanager
def _one_changed(folder: Path) -> Iterator[None]:
    """An asset of the last layer has other code, for as long as that is looked at."""
    path = folder / "layers" / "gold" / f"t{ASSETS - 1}.sql"
    before = path.read_text()
    path.write_text(before.replace("a.id, b.name", "a.id, upper(b.name) as name"))
    try:
        yield
    finally:
        path.write_text(before)


def make(root: Path) -> None:
    """Write the project, then its tables and its ledger as so many runs would have left them."""
    for number in range(ASSETS):
        path = root / "layers" / _layer(number) / f"t{number}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        reads = "reads = ['rows.csv']\n" if number < 300 else ""
        path.write_text(f"/*\nkey = ['id']\n{reads}*/\n{_select(number)}\n")
    (root / "rows.csv").write_text("id\n0\n1\n2\n")
    (root / "pyproject.toml").write_text("[tool.lakeflow]\n")
    with lakeflow.open(root) as lake:
        lake._world.claim()  # noqa: SLF001 - a benchmark looks inside
        _fill(lake, list(_history(lake)))
        lake._world.within(ENVIRONMENT).make_environment()  # noqa: SLF001 - as above


def _layer(number: int) -> str:
    return "bronze" if number < 300 else "silver" if number < 700 else "gold"


def _select(number: int) -> str:
    """A bronze asset is made from a file; each other one reads an asset of the layer below, and gold two."""
    if number < 300:
        return f"select id, 'row {number}' as name from read_csv('rows.csv')"
    below = f"bronze.t{number - 300}" if number < 600 else f"bronze.t{number - 600}"
    if number >= 700:
        return f"select a.id, b.name from silver.t{number - 400} a join silver.t{number - 399} b using (id)"
    return f"select id, name from {below}"


def _history(lake: Lake) -> Iterator[Written]:
    """One publish after another, each table in turn, on what its inputs were then."""
    heads: dict[AssetKey, int] = {}
    number = 0
    in_order = sorted(lake.project.assets.items(), key=lambda named: (named[0].layer.rank, named[0]))
    reads = {key: lake._world.read_digest(asset) for key, asset in in_order if asset.reads}  # noqa: SLF001 - as above
    for turn in range(PUBLISHES):
        for place, (key, asset) in enumerate(in_order):
            number += 1
            snapshot = (turn + 1) * 1_000_000_000_000 + place * 7_919 + 1
            inputs = {str(each): heads[each] for each in sorted(asset.upstreams)}
            yield Written(number, key, snapshot, heads.get(key), inputs, asset.code_version, reads.get(key, ""))
            heads[key] = snapshot


def _fill(lake: Lake, history: list[Written]) -> None:
    catalog: Any = lake._world.catalog  # noqa: SLF001 - as above
    ledger: Any = lake._world.ledger  # noqa: SLF001 - as above
    database, warehouse = catalog._database, catalog._warehouse  # noqa: SLF001 - as above
    by_table: dict[AssetKey, list[Written]] = {}
    for one in history:
        by_table.setdefault(one.key, []).append(one)
    places = {key: _table(warehouse, key, some) for key, some in by_table.items()}
    with database.transaction() as connection:
        for key, place in places.items():
            pointers.insert(connection, key, place)
        for one in history:
            run, verdict = _recorded(one)
            ledger._save(connection, run, [verdict])  # noqa: SLF001 - one transaction for all runs


def _table(warehouse: str, key: AssetKey, history: list[Written]) -> str:
    """Write the table's last metadata, and return where it stands."""
    home = to_location(f"{warehouse}/{key.layer}/{key.name}")
    place, files = f"{home}/metadata/00001-{uuid4()}.metadata.json", MetadataFiles(warehouse)
    json = u.new_metadata(str(uuid4()), home, schema_to_json(_SCHEMA), highest_id(_SCHEMA), _ms(history[0].at))
    for one in history:
        json = u.applied(json, (u.AddSnapshot(_snapshot(home, one, json)),), place, _ms(one.at))
        found = files.remember(key, f"memory:{one.number}", json)
        note = MoveNote(Ruling.PUBLISH, one.run, "ada", planned=("forced",), passed=3, total=3)
        noted = Numbered(None, one.number, 1).noted(found.table, MainMove(one.snapshot_id, note), (), _ms(one.at))
        published = (u.SetBranch("main", one.snapshot_id), *noted)
        json = {**u.applied(json, published, place, _ms(one.at)), "metadata-log": []}
    path = local_path(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sealed(place, json)[1])
    return place


def _snapshot(home: str, one: Written, json: Any) -> dict[str, Any]:
    made = Provenance(
        *(one.run, 1, str(one.key), one.code_version),
        inputs=one.inputs,
        write="replace",
        version="0.1.0",
        fingerprint=ALGORITHM,
        reads_digest=one.reads_digest,
    )
    summary = {"operation": "overwrite", **made.summary(), "total-records": "3", "added-records": "3"}
    parent = {} if one.parent_id is None else {"parent-snapshot-id": one.parent_id}
    return {
        "snapshot-id": one.snapshot_id,
        **parent,
        "sequence-number": json["last-sequence-number"] + 1,
        "timestamp-ms": _ms(one.at),
        "manifest-list": f"{home}/metadata/snap-{one.snapshot_id}.avro",
        "summary": summary,
        "schema-id": json["current-schema-id"],
    }


def _recorded(one: Written) -> tuple[RunRecord, VerdictRecord]:
    checks = tuple(CheckResult(name, Outcome.PASSED, failed_rows=0, rows=3) for name in ("schema", "key", "rows"))
    step = StepRecord(
        one.key,
        reasons=("forced",),
        state=StepState.PUBLISHED,
        base_id=one.parent_id,
        snapshot_id=one.snapshot_id,
        rows=3,
        code_version=one.code_version,
        inputs=one.inputs,
        checks=checks,
        ended_at=one.at,
    )
    run = RunRecord(one.run, RunState.PUBLISHED, one.at, ended_at=one.at, steps=(step,), actor="ada")
    verdict = VerdictRecord(one.key, one.snapshot_id, Ruling.PUBLISH, one.run, 1, one.at, "ada", passed=3, total=3)
    made = {"code_version": one.code_version, "reads_digest": one.reads_digest, "inputs": one.inputs}
    return run, replace(verdict, **made)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if len(sys.argv) > 2:
        main(rounds, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(rounds, Path(made))
