"""Tests with many cases: `make test` tries one case in so many, `make test-long` the others."""

from __future__ import annotations

from collections import Counter

import pytest


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
