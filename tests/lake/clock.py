"""A machine whose clock is wrong, or a person who looks later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest


def set_clock(patch: pytest.MonkeyPatch, clock: Callable[[], datetime]) -> None:
    """Let every lake ask this clock, until the patch is undone."""
    # These modules keep the clock that they find when they are imported, so that must not happen meanwhile.
    for module in ("diagnosis", "rescue"):
        import_module(f"lakeflow.lake.{module}")
    patch.setattr("lakeflow.lake.assembly.utc_now", clock)


@contextmanager
def later(by: timedelta) -> Iterator[None]:
    """Inside, every lake takes it for so much later."""
    with pytest.MonkeyPatch.context() as patch:
        set_clock(patch, lambda: datetime.now(UTC) + by)
        yield
