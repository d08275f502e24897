"""Contract suites that every adapter of a port must pass; needs pytest.

    class TestMyCatalog(CatalogContract):
        @pytest.fixture
        def catalog(self, tmp_path): ...

Nothing else in lakeflow imports this package.
"""

import pytest

pytest.register_assert_rewrite(
    *(
        f"tests.contracts.suites.{name}_contract"
        for name in ("externals", "intents", "landed", "ledger", "moved_main", "publishing", "registration", "staging")
    )
)

from tests.contracts.suites.catalog_contract import CatalogContract  # noqa: E402 - after the rewrite is registered
from tests.contracts.suites.externals_contract import ExternalsContract  # noqa: E402
from tests.contracts.suites.intents_contract import WholeLedgerContract as LedgerContract  # noqa: E402
from tests.contracts.suites.ledger_contract import Around  # noqa: E402

__all__ = ["Around", "CatalogContract", "ExternalsContract", "LedgerContract"]
