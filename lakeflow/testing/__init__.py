"""Contract suites that every adapter of a port must pass; needs pytest.

    class TestMyCatalog(CatalogContract):
        @pytest.fixture
        def catalog(self, tmp_path): ...

Nothing else in lakeflow imports this package.
"""

import pytest

pytest.register_assert_rewrite(
    "lakeflow.testing.catalog_contract", "lakeflow.testing.externals_contract", "lakeflow.testing.ledger_contract"
)

from lakeflow.testing.catalog_contract import CatalogContract  # noqa: E402 - after the rewrite is registered
from lakeflow.testing.externals_contract import ExternalsContract  # noqa: E402
from lakeflow.testing.ledger_contract import Around, LedgerContract  # noqa: E402

__all__ = ["Around", "CatalogContract", "ExternalsContract", "LedgerContract"]
