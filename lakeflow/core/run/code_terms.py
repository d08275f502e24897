"""On what terms an asset's code runs: what it may take, where its files go, and who hears what it prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from lakeflow.core.errors import CodeError
from lakeflow.core.model.asset import UNLIMITED, Asset, Limits
from lakeflow.core.run.resources import Resources
from lakeflow.core.time.timeline import Window
from lakeflow.core.values import dataclass

Listener: TypeAlias = Callable[[tuple[str, ...]], None]
"""Is called with the lines that code prints, several at a time."""


def ignore(_lines: tuple[str, ...]) -> None:
    """A listener that hears nothing."""


@dataclass(frozen=True)
class Terms:
    """`folder` names the folder below the table's data for the files of this one try; empty: the engine picks one.

    `resources` is what the database engine may take of the machine; None: what it was made with. The code runs once for
    each of `windows`, whose bounds it is given, or once where there are none. `said` hears what the code prints,
    `traced` hears the traceback of what it raises. `input_bytes` are the bytes of the files that it reads, as far as
    that is known.
    """

    limits: Limits = UNLIMITED
    said: Listener = ignore
    traced: Listener = ignore
    folder: str = ""
    resources: Resources | None = None
    windows: tuple[Window, ...] = ()
    input_bytes: int = 0


FREELY: Final = Terms()


def too_late(asset: Asset, seconds: float) -> CodeError:
    """The error of code that took longer than its limit."""
    return CodeError(
        f"{asset.key}: it took longer than {seconds:g} s and was stopped ({asset.place})",
        hint="make it quicker, or raise timeout on the asset or in [tool.lakeflow]",
        asset=asset.key,
    )
