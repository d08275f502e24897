"""Short ways to spell assets, tables, facts and steps in the tests of the core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Asset, Project, SqlCode
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome, Severity, Suite
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.run import CheckResult, Ruling, StepRecord, VerdictRecord
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import MAIN, Snapshot, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.facts import Facts

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SCHEMA = Schema((Field("value", Primitive("long"), 1),), 0)
PASSED = CheckResult("value_not_null", Outcome.PASSED)
FAILED = CheckResult("value_not_null", Outcome.FAILED, failed_rows=2)
WARNED = CheckResult("value_small", Outcome.FAILED, Severity.WARNING, failed_rows=9)
ERRORED = CheckResult("value_known", Outcome.ERRORED, Severity.INFO, detail="no such table")


def key(text: str) -> AssetKey:
    return AssetKey.parse(text)


def keys(text: str) -> tuple[AssetKey, ...]:
    return tuple(map(key, text.split()))


def asset(name: str, upstreams: str = "", **fields: Any) -> Asset:
    """An asset whose upstreams are the words of `upstreams`; bronze appends, the rest replaces."""
    here = key(name)
    mode = WriteMode.APPEND if here.layer is Layer.BRONZE else WriteMode.REPLACE
    code = SqlCode("select 1", f"layers/{here.layer}/{here.name}.sql", 1)
    inputs = {str(upstream): upstream for upstream in keys(upstreams)}
    return Asset(**{"key": here, "code": code, "write": mode, "inputs": inputs, "code_version": "code-1", **fields})


def project(*assets: Asset, suites: Mapping[str, Suite] | None = None) -> Project:
    return Project("/lake", {one.key: one for one in assets}, {key(k): s for k, s in (suites or {}).items()})


def suite(digest: str, references: str = "", published: str = "") -> Suite:
    file = CheckFile(CheckKind.ROWS, "checks/x.sql", "", references=keys(references), published=keys(published))
    return Suite((file,), digest)


def snapshot(id_: int, parent: int | None = None, operation: str = "append", **summary: str) -> Snapshot:
    return Snapshot(id_, parent, NOON + timedelta(minutes=id_), operation, summary, 0)


def made(  # a snapshot that lakeflow wrote
    id_: int, parent: int | None = None, *, rows: int = 10, operation: str = "append", **fields: Any
) -> Snapshot:
    said = Provenance(**{"run": "r1", "attempt": 1, "asset": "x", "code_version": "code-1", **fields})
    counts = {"total-records": str(rows)}
    return Snapshot(id_, parent, NOON + timedelta(minutes=id_), operation, {**counts, **said.summary()}, 0)


def table(name: str, *snapshots: Snapshot, main: int | None = None, **refs: int) -> Table:
    """A table whose main is the last of these snapshots, unless said."""
    head = main if main is not None else (snapshots[-1].id if snapshots else None)
    return Table(
        key=key(name),
        uuid=name,
        location=f"memory:{name}",
        version="v1",
        format_version=2,
        schema_id=0,
        schemas={0: SCHEMA},
        last_column_id=1,
        snapshots={one.id: one for one in snapshots},
        refs={**refs, **({} if head is None else {MAIN: head})},
    )


def facts(*tables: Table, verdicts: Iterable[VerdictRecord] = (), reads: Mapping[str, str] | None = None) -> Facts:
    said = tuple(verdicts)
    return Facts(
        tables={one.key: one for one in tables},
        verdicts={one.key: tuple(v for v in said if v.asset == one.key) for one in tables},
        reads_digests={key(name): digest for name, digest in (reads or {}).items()},
    )


def verdict(name: str, snapshot_id: int, ruling: Ruling = Ruling.PUBLISH, **fields: Any) -> VerdictRecord:
    return VerdictRecord(
        **{
            "asset": key(name),
            "snapshot_id": snapshot_id,
            "ruling": ruling,
            "run": "r1",
            "attempt": 1,
            "at": NOON,
            "code_version": "code-1",
            **fields,
        }
    )


def step(name: str, *checks: CheckResult, **fields: Any) -> StepRecord:
    return StepRecord(asset=key(name), checks=checks, **fields)


def columns(*fields: tuple[str, Any]) -> Schema:
    """Produced columns, ids unassigned: `("a", "int")` or `("a", <a type>)`."""
    return Schema(tuple(Field(name, Primitive(kind) if isinstance(kind, str) else kind) for name, kind in fields))


def names(found: Sequence[AssetKey] | Iterable[AssetKey]) -> list[str]:
    return [str(one) for one in found]
