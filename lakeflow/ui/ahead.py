"""The lake is looked at again when it has changed, while somebody reads its pages, so that requests seldom wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Final

from lakeflow.core.errors import LakeflowError
from lakeflow.ui.kept import SeenLake

EVERY: Final = 0.5
"""Seconds between two looks at whether anything has changed."""
_IDLE: Final = 300.0
"""So many seconds after the last request nobody reads any more."""
_SHARE: Final = 4
"""A look is made at most for this part of the time: it takes processor time from the runs that change the lake."""


@contextmanager
def kept_ahead(kept: SeenLake, looks: ThreadPoolExecutor, every: float = EVERY) -> Iterator[None]:
    """Look on `looks`, the thread that the lake belongs to, for as long as the `with` lasts."""
    ended = Event()
    thread = Thread(target=_follow, args=(kept, looks, every, ended.wait), name="ahead", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _follow(kept: SeenLake, looks: ThreadPoolExecutor, every: float, ended: Callable[[float], bool]) -> None:
    pause = 0.0
    while not ended(pause):
        began = kept.clock()
        if kept.asked is not None and began - kept.asked < _IDLE:
            with suppress(LakeflowError):  # the next page says why
                looks.submit(kept.ahead).result()
        pause = max(every, (_SHARE - 1) * (kept.clock() - began))
