"""One lake for all tests of this folder, put back before each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prepared import Prepared
from tests.verify.lab import make


@pytest.fixture(scope="session")
def prepared_plain(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("verify"), make)


@pytest.fixture
def plain(prepared_plain: Prepared) -> Path:
    return prepared_plain.again()
