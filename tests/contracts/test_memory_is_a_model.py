"""The catalog in memory stands in for the real one in fast tests, so both must answer alike to anything."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from lakeflow.core.errors import AssetError, ConflictError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Discard, Pin, Publish, Rollback
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import Staging, Table, WrittenFile
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.catalog import Catalog
from lakeflow.core.ports.entry import UNRECORDED
from tests.explored import examples, lives
from tests.iceberg import foreign
from tests.iceberg.lab import Lab, arrow_schema, wall_clock
from tests.memory import MemoryCatalog

KEYS = [AssetKey.parse(f"silver.{name}") for name in ("alpha", "beta")]
BRANCHES = ["audit_r1", "audit_r2"]
NARROW = Schema((Field("n", Primitive("long"), 1),))
WIDE = Schema((*NARROW.fields, Field("extra", Primitive("double"), 2)))
numbers = count()


class Side:
    """One of the two catalogs, with every main that it had, so that the n-th can be named on both."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.mains: list[int] = []
        self.known: list[int] = []

    def remember(self, key: AssetKey) -> None:
        self.known += [each for each in self.table(key).snapshots if each not in self.known]
        main = self.table(key).main
        if main is not None and main not in self.mains:
            self.mains.append(main)

    def table(self, key: AssetKey) -> Table:
        return self.catalog.load([key])[key]

    def write(self, table: Table, rows: int) -> tuple[WrittenFile, ...]:
        raise NotImplementedError

    def foreign_append(self, key: AssetKey, rows: int) -> None:
        raise NotImplementedError


class MemorySide(Side):
    def write(self, table: Table, rows: int) -> tuple[WrittenFile, ...]:
        return (WrittenFile(f"{table.location}/{next(numbers)}.parquet", rows, 1),) if rows else ()

    def foreign_append(self, key: AssetKey, rows: int) -> None:
        assert isinstance(self.catalog, MemoryCatalog)
        self.catalog.foreign_append(key, self.write(self.table(key), rows))


class IcebergSide(Side):
    def __init__(self, lab: Lab) -> None:
        super().__init__(lab.catalog)
        self.lab = lab

    def write(self, table: Table, rows: int) -> tuple[WrittenFile, ...]:
        return self.lab.write(table, {"n": list(range(rows))}, NARROW)

    def foreign_append(self, key: AssetKey, rows: int) -> None:
        schema = arrow_schema(self.table(key).schema)
        columns: dict[str, list[Any]] = {name: [None] * rows for name in schema.names}
        with foreign.opened(self.lab, key) as table:
            table.append(pa.table(columns, schema=schema))


def _create(side: Side, key: AssetKey) -> None:
    side.catalog.create(key, NARROW)


def answer(act: Callable[[], object]) -> str:
    try:
        act()
    except ConflictError as error:
        return f"conflict on {error.asset}"
    except AssetError:
        return "gone"
    return "done"


class BothCatalogs(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        lab = Lab(Path(self.folder.name), wall_clock)
        self.model = MemorySide(MemoryCatalog(wall_clock))
        self.real = IcebergSide(lab)
        for key in KEYS:
            self.both(partial(_create, key=key))

    def teardown(self) -> None:
        self.real.lab.database.close()
        self.folder.cleanup()

    def both(self, act: Callable[[Side], object]) -> None:
        """The same on both sides: the same answer, and then the same to be seen."""
        sides: tuple[Side, Side] = (self.model, self.real)
        said = [answer(partial(act, side)) for side in sides]
        assert said[0] == said[1]
        for key in KEYS if len(self.model.catalog.keys()) == len(KEYS) == len(self.real.catalog.keys()) else ():
            assert seen(self.model, key) == seen(self.real, key)
            self.model.remember(key)
            self.real.remember(key)

    def commit(self, change: Callable[[Table], list[Change]], keys: list[AssetKey]) -> None:
        self.both(
            lambda side: side.catalog.commit([one for key in keys for one in change(side.table(key))], UNRECORDED)
        )

    @rule(
        key=st.sampled_from(KEYS),
        branch=st.sampled_from(BRANCHES),
        mode=st.sampled_from(WriteMode),
        schema=st.sampled_from([NARROW, WIDE]),
        rows=st.integers(0, 3),
    )
    def stage(self, key: AssetKey, branch: str, mode: WriteMode, schema: Schema, rows: int) -> None:
        def act(side: Side) -> None:
            table = side.table(key)
            side.catalog.stage(table, Staging(branch, table.main, mode, schema, side.write(table, rows), {}))

        self.both(act)

    @rule(
        key=st.sampled_from(KEYS),
        mode=st.sampled_from(WriteMode),
        schema=st.sampled_from([NARROW, WIDE]),
        keep=st.integers(0, 3),
    )
    def land(self, key: AssetKey, mode: WriteMode, schema: Schema, keep: int) -> None:
        def act(side: Side) -> None:
            table = side.table(key)
            staged = side.catalog.stage(table, Staging("audit_x", table.main, mode, schema, side.write(table, 2), {}))
            publish = Publish(key, table.uuid, "audit_x", table.main, staged.refs["audit_x"], "{}", keep)
            side.catalog.commit([publish], UNRECORDED)

        self.both(act)

    @rule(key=st.sampled_from(KEYS), branch=st.sampled_from(BRANCHES))
    def stage_on_the_base_before(self, key: AssetKey, branch: str) -> None:
        def act(side: Side) -> None:
            table = side.table(key)
            base = table.published.parent_id if table.published else None
            side.catalog.stage(table, Staging(branch, base, WriteMode.REPLACE, NARROW, (), {}))

        self.both(act)

    @rule(
        keys=st.lists(st.sampled_from(KEYS), min_size=1, unique=True), which=st.integers(0, 1), keep=st.integers(0, 3)
    )
    def publish(self, keys: list[AssetKey], which: int, keep: int) -> None:
        def publishes(table: Table) -> list[Change]:
            branch, head = standing(table, which)
            base = table.snapshots[head].parent_id if head in table.snapshots else None
            return [Publish(table.key, table.uuid, branch, base, head, "{}", keep)]

        self.commit(publishes, keys)

    @rule(key=st.sampled_from(KEYS), which=st.integers(0, 1))
    def discard(self, key: AssetKey, which: int) -> None:
        self.commit(lambda table: [Discard(key, *standing(table, which))], [key])

    @rule(key=st.sampled_from(KEYS), steps=st.integers(0, 3))
    def roll_back(self, key: AssetKey, steps: int) -> None:
        def rollback(table: Table) -> list[Change]:
            line = [snapshot.id for snapshot in table.ancestry(table.main)]
            return [Rollback(key, line[0], line[steps] if steps < len(line) else None)] if line else []

        self.commit(rollback, [key])

    @rule(key=st.sampled_from(KEYS), nth=st.integers(0, 9))
    def rely_on(self, key: AssetKey, nth: int) -> None:
        def act(side: Side) -> None:
            if side.mains:
                side.catalog.commit([Pin(key, side.mains[nth % len(side.mains)])], UNRECORDED)

        self.both(act)

    @rule(key=st.sampled_from(KEYS), nth=st.integers(0, 9), whole=st.sampled_from(["scan", "scan_added", "near"]))
    def read(self, key: AssetKey, nth: int, whole: str) -> None:
        """Also a snapshot that was replaced, dropped or expired: it is gone on both sides."""

        def act(side: Side) -> None:
            table, mine = side.table(key), [each for each in side.known if each]
            if not mine:
                return
            at = mine[nth % len(mine)]
            if whole == "scan":
                side.catalog.scan(table, at)
            elif whole == "scan_added":
                side.catalog.scan_added(table, at, [at])
            else:
                side.catalog.scan_near(table, at, ["n"])

        self.both(act)

    @rule(key=st.sampled_from(KEYS), which=st.integers(0, 1))
    def restage(self, key: AssetKey, which: int) -> None:
        def act(side: Side) -> None:
            table = side.table(key)
            branch, head = standing(table, which)
            if head in table.snapshots:
                side.catalog.restage(table, branch, table.snapshots[head].parent_id)

        self.both(act)

    @rule(key=st.sampled_from(KEYS), rows=st.integers(1, 3))
    def another_engine_appends(self, key: AssetKey, rows: int) -> None:
        self.both(lambda side: side.foreign_append(key, rows))


def standing(table: Table, which: int) -> tuple[str, int]:
    """An open branch and its snapshot; one that does not exist where there is none."""
    branches = [ref for ref in BRANCHES if ref in table.refs]
    branch = branches[which % len(branches)] if branches else BRANCHES[which]
    return branch, table.refs.get(branch, 7)


def seen(side: Side, key: AssetKey) -> dict[str, object]:
    """All that a story can see of a table, ids and times aside."""
    table = side.table(key)
    return {
        "schema": table.schema.names if table.main else None,
        "proofs": len(table.proofs),
        "snapshots": len(table.snapshots),
        **{
            ref: {
                "line": [(one.operation, one.rows, one.added_rows, one.deleted_rows) for one in table.ancestry(head)],
                "columns": table.schema_of(head).names,
                "rows": side.catalog.scan(table, head).rows,
                "files": len(side.catalog.scan(table, head).files),
            }
            for ref, head in sorted(table.refs.items())
        },
    }


TestBothCatalogs = BothCatalogs.TestCase
TestBothCatalogs.settings = lives(examples(30), steps=12)
