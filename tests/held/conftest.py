from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.external.lab import make
from tests.held.shop import BAD, FILES, deliver, run, states


@pytest.fixture(scope="package")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A lake whose silver orders were held for one bad order that came after a good day, and a copy of it."""
    root = tmp_path_factory.mktemp("held") / "lake"
    make(root, FILES)
    run(root)
    deliver(root, "orders/2.csv", BAD)
    found, _ = run(root)
    assert states(found) == {"bronze.orders": "published", "silver.orders": "held", "gold.sales": "skipped"}
    return root, shutil.copytree(root, root.parent / "copy")


@pytest.fixture
def held(_kept: tuple[Path, Path]) -> Path:
    """That lake, as if no test had changed it; its tables know where it stands, so it stands there again."""
    root, copy = _kept
    shutil.rmtree(root)
    return shutil.copytree(copy, root)
