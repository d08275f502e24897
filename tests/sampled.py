"""Tests with many cases: `make test` tries one case in so many, `make test-long` the others. And tests by the hour: of
those, a change is tried on one in so many, and a night on all.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Final

import pytest

EACH: Final = "LAKEFLOW_TEST_EACH"
"""Of the tests that a command names, run the first of each so many; all of them where nothing is said."""


def mark(items: list[pytest.Item]) -> None:
    """Of a test that is `sampled(4)`, the first case of each four stays, and the others are `long`."""
    seen: Counter[str] = Counter()
    for item in items:
        marker = item.get_closest_marker("sampled")
        if marker is None:
            continue
        test = item.nodeid.partition("[")[0]
        if seen[test] % marker.args[0]:
            item.add_marker("long")
        seen[test] += 1


def keep(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `LAKEFLOW_TEST_EACH` leaves out. The same ones each time, in every process."""
    each = int(os.environ.get(EACH, "1"))
    left = [item for place, item in enumerate(items) if place % each]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = items[::each]
