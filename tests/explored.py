"""Properties whose examples take long: `make test` tries a few of them, `make test-long` all."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings

ALL: Final = "LAKEFLOW_TEST_EXAMPLES"
"""Set to `all` by `make test-long`, which runs what is marked `explored` once more."""

Test = TypeVar("Test", bound=Callable[..., Any])


def examples(number: int) -> int:
    """So many where all are asked for, else a fifth of them, but five at least."""
    return number if os.environ.get(ALL) == "all" else min(number, max(5, number // 5))


def explored(number: int) -> Callable[[Test], Test]:
    """A test of a property with so many examples."""

    def decorate(test: Test) -> Test:
        of_this = settings(max_examples=examples(number), deadline=None, suppress_health_check=list(HealthCheck))
        marked: Test = pytest.mark.explored(of_this(test))
        return marked

    return decorate
