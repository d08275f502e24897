"""How stores are reached, on its way to a child process: by the child's environment, never in arguments.

A child takes it out of its environment at once, so that what the child starts does not inherit it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Final

from lakeflow.adapters.objects.files import ArrowFiles
from lakeflow.core.settings.storage import Storage

_VARIABLE: Final = "LAKEFLOWS_STORAGE"
_TAKEN: Final[list[Storage]] = []


def handed(storage: Storage) -> dict[str, str]:
    """What a child's environment must hold."""
    return {_VARIABLE: json.dumps({name: said for name, said in asdict(storage).items() if said})}


def taken() -> ArrowFiles | None:
    """The files of the stores that this process was handed; None where it was handed none."""
    if (text := os.environ.pop(_VARIABLE, None)) is not None:
        _TAKEN[:] = [Storage(**json.loads(text))]
    return HandedFiles(lambda: _TAKEN[0]) if _TAKEN else None


class HandedFiles(ArrowFiles):
    """Files that a child can have, too: in a message to it goes no key, and it takes what it was handed."""

    def __reduce__(self) -> tuple[object, ...]:
        return taken, ()
