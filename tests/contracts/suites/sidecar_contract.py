"""What every catalog promises of the small documents beside a table."""

from __future__ import annotations

import pytest

from lakeflow.core.errors import LakeError
from lakeflow.core.ports.catalog import Catalog
from tests.contracts.suites.examples import ALPHA, SCHEMA


class SidecarContract:
    """Part of `CatalogContract`, whose fixture it uses."""

    def test_a_sidecar_is_kept_as_it_was_under_a_name_of_its_own(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)
        texts = ['{"files":["data/ü,\'.csv"]}', "{}"]
        names = [catalog.write_sidecar(table, "landed", text) for text in texts]
        assert [catalog.read_sidecar(table, name) for name in names] == texts
        assert all(name.startswith("landed-") for name in names)
        assert len(set(names)) == 2

    def test_a_sidecar_that_is_gone_is_never_taken_for_an_empty_one(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)
        with pytest.raises(LakeError, match="alpha"):
            catalog.read_sidecar(table, "landed-none")
