"""Wakes somebody when a file in a folder changes, by the library watchfiles where that is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event, Thread
from typing import Final

_TOGETHER: Final = 400
"""Milliseconds in which changes count as one."""


class FolderWatch:
    """Calls `wake` after each change below the folders that are watched, other than in those that are `silent`."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._watched: frozenset[Path] = frozenset()
        self._done = Event()
        self._thread: Thread | None = None

    def follow(self, places: Iterable[Path], silent: Iterable[Path] = ()) -> bool:
        """Watch these files and folders, as far as they exist, in place of those before. False: nobody can, since
        watchfiles is not installed.
        """
        try:
            import watchfiles  # noqa: PLC0415 - the extra `serve`
        except ImportError:
            return False
        wanted = frozenset(place.resolve() for place in places if place.exists())
        if wanted == self._watched:
            return True
        self.close()
        self._watched, self._done = wanted, Event()
        if wanted:
            own = tuple(place.resolve() for place in silent)
            changes = watchfiles.watch(
                *wanted,
                watch_filter=lambda _, path: not any(Path(path).is_relative_to(folder) for folder in own),
                debounce=_TOGETHER,
                stop_event=self._done,
                rust_timeout=1_000,
                raise_interrupt=False,
                ignore_permission_denied=True,
            )
            self._thread = Thread(target=self._listen, args=(changes,), name="watch", daemon=True)
            self._thread.start()
        return True

    def close(self) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._watched = frozenset()

    def _listen(self, changes: Iterable[object]) -> None:
        try:
            for _ in changes:
                self._wake()
        except (OSError, RuntimeError):  # a folder went away: who waits looks by itself now and then
            self._wake()
