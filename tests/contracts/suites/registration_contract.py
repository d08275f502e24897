"""What every catalog promises of whole tables: adopted, renamed and dropped, each as asserted and with its record."""

from __future__ import annotations

import pytest

from lakeflow.core.errors import ConflictError, LakeError
from lakeflow.core.model.changes import Adopt, Drop, Registration, Rename
from lakeflow.core.model.table import Table
from lakeflow.core.ports.catalog import Catalog
from lakeflow.core.ports.entry import Transaction
from tests.contracts.suites.examples import ALPHA, BETA, GAMMA, SCHEMA, RecordFailedError, nothing
from tests.recording import Doing


class RegistrationContract:
    """Part of `CatalogContract`, whose fixture it uses."""

    def test_a_dropped_table_is_gone_and_can_be_adopted_under_another_name(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)
        catalog.register([Drop(ALPHA, table.version, table.uuid)], nothing)
        assert catalog.keys() == frozenset()
        found = catalog.inspect(BETA, table.version)
        assert (found.key, found.uuid) == (BETA, table.uuid)
        assert catalog.keys() == frozenset()
        catalog.register([Adopt(BETA, found.version, found.uuid)], nothing)
        assert catalog.load([ALPHA, BETA])[BETA].uuid == table.uuid

    def test_a_renamed_table_is_the_same_under_its_new_name_only(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)
        catalog.register([Rename(ALPHA, BETA, table.version, table.uuid)], nothing)
        after = catalog.load([ALPHA, BETA])
        assert after.keys() == {BETA}
        assert (after[BETA].uuid, after[BETA].version) == (table.uuid, table.version)

    def test_a_name_that_was_given_up_makes_a_table_of_its_own(self, catalog: Catalog) -> None:
        old = catalog.create(ALPHA, SCHEMA)
        catalog.register([Rename(ALPHA, BETA, old.version, old.uuid)], nothing)
        new = catalog.create(ALPHA, SCHEMA)
        assert new.uuid != old.uuid
        assert catalog.data_directory(new) != catalog.data_directory(catalog.load([BETA])[BETA])

    @pytest.mark.parametrize("kind", ["adopt", "rename", "drop"])
    def test_what_does_not_hold_is_a_conflict_and_changes_nothing(self, catalog: Catalog, kind: str) -> None:
        table, taken = catalog.create(ALPHA, SCHEMA), catalog.create(BETA, SCHEMA)
        with pytest.raises(ConflictError, match="beta" if kind != "drop" else "gamma"):
            catalog.register([_bad(kind, table, taken)], nothing)
        assert catalog.keys() == {ALPHA, BETA}

    def test_when_recording_fails_nothing_changes(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)

        def fail(_transaction: Transaction | None) -> None:
            raise RecordFailedError

        with pytest.raises(RecordFailedError):
            catalog.register([Rename(ALPHA, BETA, table.version, table.uuid)], Doing(fail))
        assert catalog.keys() == {ALPHA}

    def test_where_no_table_is_none_is_found(self, catalog: Catalog) -> None:
        with pytest.raises(LakeError, match="alpha"):
            catalog.inspect(ALPHA, "/nowhere/at/all")


def _bad(kind: str, table: Table, taken: Table) -> Registration:
    """Onto a name that is taken, or of a table that is not there."""
    if kind == "adopt":
        return Adopt(taken.key, table.version, table.uuid)
    return Rename(table.key, taken.key, table.version, table.uuid) if kind == "rename" else Drop(GAMMA, "nowhere")
