from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exact.lab import Lab, lab


@pytest.fixture(scope="session", name="lab")
def _lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("exact")) as opened:
        yield opened
