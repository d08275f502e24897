"""Azurite: Azure's blobs in memory, where `make azurite` or somebody else has installed it."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from typing import Final

from lakeflow.adapters.objects.filesystems import filesystem_of
from lakeflow.core.settings.storage import Storage
from tests.servers.kept import CannotStartError, Kept, folder, keep, ports, wait_until

_PROGRAM: Final = "azurite-blob"
_MADE: Final = Path(__file__).parents[2] / ".venv-servers" / "azurite" / "node_modules" / ".bin" / _PROGRAM
_ACCOUNT: Final = "devstoreaccount1"
_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The one that its manual names: it is no secret."""


class Azurite:
    def __init__(self) -> None:
        self._numbers = count(1)
        for port in ports():
            self._port = port
            self._kept = self._started(port)
            try:
                wait_until(lambda: "successfully listens" in self._kept.words, self._kept, "Azurite")
            except CannotStartError as error:
                reason = error
                continue
            return
        raise CannotStartError(str(reason))

    @property
    def storage(self) -> Storage:
        """As a lake's settings reach it."""
        return Storage(endpoint=f"http://127.0.0.1:{self._port}", account_name=_ACCOUNT, account_key=_KEY)

    def container(self) -> str:
        """The location of a new, empty one."""
        name = f"container-{next(self._numbers)}"
        location = f"abfss://{name}@{_ACCOUNT}.dfs.core.windows.net"
        filesystem_of(f"{location}/any", self.storage)[0].create_dir(name)
        return location

    def end(self) -> None:
        self._kept.end()

    def _started(self, port: int) -> Kept:
        where = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
        return keep([_program(), "--inMemoryPersistence", "--skipApiVersionCheck", *where], folder("azurite"))


def is_installed() -> bool:
    return bool(_program())


def _program() -> str:
    """Where it is; nothing where it is not there."""
    return str(_MADE) if _MADE.exists() else shutil.which(_PROGRAM) or ""


def start() -> Azurite:
    return Azurite()
