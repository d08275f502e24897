"""Schemas and tables that a stage changes with care, or refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping

import pytest

from lakeflow.adapters.iceberg.commit.commits import TableCommit
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable
from lakeflow.core.errors import SchemaError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.locations import local_path
from lakeflow.core.ports.objects import Scratch
from tests.iceberg import foreign
from tests.iceberg.lab import COLUMNS, FLIGHTS, Lab, staging, wall_clock

_NARROW = Schema((Field("n", Primitive("int")),))
_WIDE = Schema((Field("n", Primitive("long"), 1),))
_VECTORIZED = "read.parquet.vectorization.enabled"


def _narrow(lab: Lab) -> Table:
    table = lab.catalog.create(FLIGHTS, _NARROW)
    files = lab.write(table, {"n": [1]}, table.schema)
    return lab.publish(lab.catalog.stage(table, staging(table, files)))


def _change(lab: Lab, *updates: u.Update) -> Table:
    def plan(found: Mapping[AssetKey, LoadedTable], _: Scratch) -> list[TableCommit]:
        return [TableCommit(found[FLIGHTS], updates)]

    return lab.catalog._commits.run([FLIGHTS], plan)[FLIGHTS]


def test_widening_under_older_files_tells_old_readers_to_be_careful(lab: Lab) -> None:
    """Iceberg-Java up to 1.10 fails on older int files under a long column, vectorized (trap T16)."""
    table = _narrow(lab)
    files = lab.write(table, {"n": [2**40]}, _WIDE)
    staged = lab.catalog.stage(table, staging(table, files, "r2", schema=_WIDE))
    assert staged.properties[_VECTORIZED] == "false"
    lab.publish(staged, "r2")
    assert sorted(foreign.rows(lab, FLIGHTS)["n"].to_pylist()) == [1, 2**40]


def test_widening_that_replaces_all_files_needs_no_care(lab: Lab) -> None:
    table = _narrow(lab)
    files = lab.write(table, {"n": [2**40]}, _WIDE)
    staged = lab.catalog.stage(table, staging(table, files, "r2", WriteMode.REPLACE, _WIDE))
    assert _VECTORIZED not in staged.properties


def test_names_that_differ_by_letter_case_alone_are_refused(lab: Lab) -> None:
    table = lab.catalog.create(FLIGHTS, COLUMNS)
    schema = Schema((*table.schema.fields, Field("ID", Primitive("int"), 3)))
    with pytest.raises(SchemaError, match="two columns are named 'id' and 'ID'"):
        lab.catalog.stage(table, staging(table, (), schema=schema))


def test_comments_of_columns_survive_a_schema_change(lab: Lab) -> None:
    lab.catalog = type(lab.catalog)(lab.database, str(lab.warehouse), wall_clock)
    lab.catalog.create(FLIGHTS, COLUMNS)
    with foreign.opened(lab, FLIGHTS) as theirs, theirs.update_schema() as update:
        update.update_column("id", doc="the number of the flight")
    table = lab.table()
    schema = Schema((*table.schema.fields, Field("note", Primitive("string"), 3)))
    staged = lab.catalog.stage(table, staging(table, (), schema=schema))
    newest = json.loads(local_path(staged.version).read_text())["schemas"][-1]
    assert newest["fields"][0]["doc"] == "the number of the flight"


def test_a_superseded_snapshot_that_carries_a_tag_is_kept(lab: Lab) -> None:
    base = lab.land([1]).main
    old = lab.stage([100], "held").refs["audit_held"]
    tagged = _change(lab, u.SetBranch("kept", old))
    lab.land([2], "r2")
    rebased = lab.catalog.restage(tagged, "audit_held", base)
    assert rebased.refs["kept"] == old in rebased.snapshots
    assert rebased.refs["audit_held"] != old


def test_one_table_is_made_however_many_make_it(lab: Lab) -> None:
    uuids: list[str] = []
    threads = [
        threading.Thread(target=lambda: uuids.append(lab.catalog.create(FLIGHTS, COLUMNS).uuid)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(uuids) == 6
    assert len(set(uuids)) == 1
    assert len(list(lab.warehouse.rglob("*.metadata.json"))) == 1
