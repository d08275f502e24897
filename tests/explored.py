"""Properties: `make test` tries a few examples of each, `make test-long` all."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

SHARE: Final = "LAKEFLOW_TEST_EXAMPLES"
"""The share of its examples that a property tries, 0.5 being half of them. `make test-long`, which runs what is marked
`explored` once more, sets it to `all` where nothing else is said.
"""

DEFAULT: Final = 100
"""Examples of a property that says no number."""

Test = TypeVar("Test", bound=Callable[..., Any])


def examples(number: int, few: int | None = None) -> int:
    """So many where all are asked for, else `few` of them: a fifth, but five at least, where nothing is said."""
    few = min(number, max(5, number // 5)) if few is None else few
    share = os.environ.get(SHARE, "0").replace("all", "1")
    return max(few, round(number * float(share)))


def explored(number: int, few: int | None = None) -> Callable[[Test], Test]:
    """A test of a property with so many examples, from which no health check keeps it."""

    def decorate(test: Test) -> Test:
        decorated: Test = lives(examples(number, few))(test)
        return decorated

    return decorate


def lives(number: int, steps: int = 50) -> settings:
    """So many examples; of a state machine, each of so many steps."""
    return settings(
        max_examples=number, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )


def mark(items: list[pytest.Item]) -> None:
    """Each property is `explored`, whoever wrote it and however many examples it has."""
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("explored")
