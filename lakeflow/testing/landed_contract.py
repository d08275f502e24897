"""What every catalog promises of the sets of files that landed."""

from __future__ import annotations

import pytest

from lakeflow.core.errors import LakeError
from lakeflow.core.landing import Landed
from lakeflow.core.ports import Catalog
from lakeflow.testing.examples import ALPHA, SCHEMA


class LandedContract:
    """Part of `CatalogContract`, whose fixture it uses."""

    def test_a_set_of_landed_files_is_kept_as_it_was_under_a_name_of_its_own(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)
        first = (Landed("data/a.csv", "aa", 3, 1), Landed("data/ü,'.csv", "bb", 0, 0))
        names = [catalog.write_landed(table, first), catalog.write_landed(table, first[:1])]
        assert catalog.read_landed(table, names[0]) == first
        assert catalog.read_landed(table, names[1]) == first[:1]

    def test_a_set_of_landed_files_that_is_gone_is_never_taken_for_an_empty_one(self, catalog: Catalog) -> None:
        table = catalog.create(ALPHA, SCHEMA)
        with pytest.raises(LakeError, match="alpha"):
            catalog.read_landed(table, "landed-none")
