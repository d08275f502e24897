"""A page as a value: what it shows, the command that answers the same, and that answer."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from lakeflow.ui.kept import Glance


@dataclass(frozen=True)
class Page:
    """`template` shows `values`. `command` are the words that answer the same, and `data` is that answer: it is made
    only where somebody asks for it. `at` is the moment of the look that it was made of. `asks` is what is asked of rows
    besides, where that does not take long: it gives more values.
    """

    template: str
    title: str
    command: tuple[str, ...]
    data: Callable[[], Mapping[str, Any]] = field(repr=False)
    values: Mapping[str, Any] = field(default_factory=lambda: EMPTY, repr=False)
    status: int = 200
    at: datetime | None = None
    asks: Callable[[Glance], Mapping[str, Any]] | None = field(default=None, repr=False)


def typed(words: tuple[str, ...], environment: str = "") -> str:
    """The words as somebody types them. All commands that pages show may be said of an environment."""
    return shlex.join(("lakeflow", *words, *(("--env", environment) if environment else ())))
