"""A machine whose clock is wrong, or a person who looks later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest


@contextmanager
def later(by: timedelta) -> Iterator[None]:
    """Inside, every lake takes it for so much later."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lakeflow.lake.assembly.utc_now", lambda: datetime.now(UTC) + by)
        yield
