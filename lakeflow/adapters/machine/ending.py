"""Whether this process was asked to end once the steps at work are done. A signal concerns the whole process, and so
does the answer.
"""

from __future__ import annotations

from threading import Event

_asked = Event()


def ask() -> None:
    _asked.set()


def is_asked() -> bool:
    return _asked.is_set()


def forget() -> None:
    """Take it back: a process may serve again."""
    _asked.clear()
