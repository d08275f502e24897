"""Which modules are installed as libraries, and so are no part of a project."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


def is_library(name: str) -> bool:
    """Is the module of that name installed where no project keeps its code? One that is only linked there is not."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    places = [] if spec is None else [spec.origin or "", *(spec.submodule_search_locations or ())]
    return any(not _INSTALLED.isdisjoint(Path(place).parts) for place in places)
