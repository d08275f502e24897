"""What no commit does: write another format, race for ever, or put a branch where its rows would be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lakeflow.adapters.database.connected import Connected
from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import IcebergCatalog
from lakeflow.adapters.iceberg.commit.commits import Commits, present
from lakeflow.adapters.iceberg.metadata.metadata import MetadataFiles
from lakeflow.core.errors import ConflictError, LakeError
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.table import Table
from lakeflow.core.model.write_mode import WriteMode
from tests.iceberg.foreign import compact
from tests.iceberg.lab import COLUMNS, FLIGHTS, WEATHER, Lab, nothing, publishing, staging


def commits(lab: Lab) -> Commits:
    return Commits(lab.database, MetadataFiles(lab.warehouse), lab.clock)


@pytest.mark.parametrize("version", [1, 3])
def test_a_table_of_another_format_is_read_and_not_written(lab: Lab, version: int) -> None:
    lab.catalog.create(FLIGHTS, COLUMNS)
    ours = commits(lab)
    found = ours.read([FLIGHTS])[FLIGHTS]
    with pytest.raises(LakeError) as caught:
        ours.time_of(replace(found, table=replace(found.table, format_version=version)), 1)
    assert caught.value.message == (
        f"silver.flights: its format is v{version}; this release writes v2 and only reads others"
    )
    assert (caught.value.hint, caught.value.asset) == ("write it with the engine that made it", FLIGHTS)


def test_a_commit_is_dated_by_the_clock_but_never_before_the_last_one(lab: Lab) -> None:
    lab.catalog.create(FLIGHTS, COLUMNS)
    ours = commits(lab)
    found = ours.read([FLIGHTS])[FLIGHTS]
    now = int(lab.clock().timestamp() * 1000)
    assert ours.time_of(found, now) == now
    late = replace(found, json={**found.json, "last-updated-ms": now + 10**6})
    assert ours.time_of(late, now) == now + 10**6


def test_a_table_that_is_gone_is_a_conflict_that_says_to_plan_again() -> None:
    with pytest.raises(ConflictError) as caught:
        present(WEATHER, {})
    assert caught.value.message == "silver.weather: the table is gone"
    assert (caught.value.hint, caught.value.asset) == ("plan again: `lakeflow plan`", WEATHER)


@pytest.mark.long
def test_a_commit_that_loses_every_race_gives_up_and_changes_nothing(lab: Lab) -> None:
    staged = lab.stage([1])
    races: list[str] = []

    class AlwaysRaced(Database):
        @contextmanager
        def transaction(self) -> Iterator[Connected]:
            races.append(lab.stage([2], f"other{len(races)}").version)
            with super().transaction() as connection:
                yield connection

    raced = IcebergCatalog(AlwaysRaced(f"sqlite:///{lab.root / 'catalog.db'}"), str(lab.warehouse), lab.clock)
    with pytest.raises(ConflictError) as caught:
        raced.commit([publishing(staged)], nothing)
    assert caught.value.message == "silver.flights: other writers kept changing it while this commit was made"
    assert (caught.value.hint, caught.value.asset) == ("nothing was changed; run it again", FLIGHTS)
    assert len(races) == 10
    assert lab.table().main is None


def test_a_look_at_tables_tells_of_each_that_cannot_be_read_and_shows_the_others(lab: Lab) -> None:
    lab.land([1])
    broken = lab.land([1], key=WEATHER)
    path = lab.warehouse / broken.version.removeprefix(f"file://{lab.warehouse}/")
    path.write_text("no json")
    looked = commits(lab).look([FLIGHTS, WEATHER])
    assert (set(looked.tables), set(looked.broken)) == ({FLIGHTS}, {WEATHER})
    assert looked.tables[FLIGHTS] == lab.table()
    assert str(path) in looked.broken[WEATHER].message


def merged(lab: Lab, base: Table) -> Table:
    """What an upsert wrote on that main, held on a branch."""
    said = Provenance(run="held", attempt=1, asset="silver.flights", code_version="v1", write="upsert")
    held = replace(staging(base, (), "held", WriteMode.UPSERT), summary=said.summary())
    return lab.catalog.stage(base, held)


def test_a_merge_is_not_put_on_top_of_a_compaction(lab: Lab) -> None:
    base = lab.land([1])
    table = merged(lab, base)
    compact(lab, FLIGHTS)
    with pytest.raises(ConflictError) as caught:
        lab.catalog.restage(table, "audit_held", base.main)
    assert caught.value.message == (
        f"silver.flights: main moved: snapshot {table.refs['audit_held']} merged with snapshot {base.main} and must be "
        "written again"
    )


def test_a_branch_is_put_on_top_only_from_the_base_that_it_was_written_on(lab: Lab) -> None:
    first = lab.land([1])
    lab.land([2], "r2")
    held = lab.stage([100], "held")
    lab.land([3], "r3")
    with pytest.raises(ConflictError) as caught:
        lab.catalog.restage(held, "audit_held", first.main)
    assert caught.value.message == (
        f"silver.flights: snapshot {held.refs['audit_held']} was not written on snapshot {first.main}"
    )


def test_a_branch_that_moved_is_not_put_on_top(lab: Lab) -> None:
    base = lab.land([1])
    held = lab.stage([100], "held")
    with pytest.raises(ConflictError, match="branch audit_held moved: expected snapshot 7"):
        lab.catalog.restage(replace(held, refs={**held.refs, "audit_held": 7}), "audit_held", base.main)
    with pytest.raises(ConflictError, match="the table was replaced: expected table other"):
        lab.catalog.restage(replace(held, uuid="other"), "audit_held", base.main)
