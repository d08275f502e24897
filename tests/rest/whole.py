"""Whole lakes on a REST server, opened as a user opens them; and what lies in the server's folders.

`python -m tests.rest.whole ROOT WHAT PLACE` does it in a process that is killed at that one of its operations: each
request, each answer, and each removal of a file.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import requests
from pyarrow.fs import FileSelector, FileSystem, LocalFileSystem

from lakeflow.adapters.objects import Places
from tests.care.lab import NOW
from tests.external.lab import opened
from tests.rest.lab import RestLab
from tests.servers.endpoints import Rest


def settings_of(server: Rest) -> str:
    """What `[tool.lakeflow]` says, and the tables after it. The secrets are variables of `secrets_of`."""
    said = (
        f'catalog = "prod"\n\n[tool.lakeflow.catalogs.prod]\nuri = "{server.uri}"\nwarehouse = "{server.warehouse}"\n'
    )
    if (store := server.store) is None:
        return said
    if server.credential:
        said += f'prefix = "{server.warehouse}"\ncredential = "${{LAKE_CREDENTIAL}}"\nscope = "catalog"\n'
    keys = f'access_key_id = "{store.access_key}"\nsecret_access_key = "${{STORE_SECRET}}"\n'
    return f'{said}\n[tool.lakeflow.storage]\nendpoint = "{store.uri}"\nregion = "{store.region}"\n{keys}'


def awaited(server: Rest, folder: Path) -> Rest:
    """The server, once it knows its warehouse."""
    folder.mkdir(exist_ok=True)
    lab = RestLab(folder, server)
    lab.wait()
    lab.close()
    return server


def secrets_of(server: Rest) -> dict[str, str]:
    return {"LAKE_CREDENTIAL": server.credential, "STORE_SECRET": server.store.secret_key} if server.store else {}


class Ground:
    """The files of a server's warehouse, by pyarrow's own client."""

    def __init__(self, server: Rest) -> None:
        found = server.store.filesystem() if server.store else LocalFileSystem()
        assert isinstance(found, FileSystem)
        self.client = found
        self.root = server.location.partition("://")[2]

    def files(self) -> dict[str, int]:
        """Name below the warehouse → bytes."""
        found = self.client.get_file_info(FileSelector(self.root, recursive=True, allow_not_found=True))
        return {one.path.removeprefix(f"{self.root}/"): one.size for one in found if one.is_file}

    def put(self, name: str, content: bytes = b"somebody's") -> None:
        with self.client.open_output_stream(f"{self.root}/{name}") as stream:
            stream.write(content)


class Countdown:
    """Kills this process at its n-th operation; 0 kills never."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def passes(self) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        true: Callable[..., Any] = getattr(owner, name)

        def counted(*args: Any, **more: Any) -> Any:
            self.passes()
            answer = true(*args, **more)
            self.passes()
            return answer

        setattr(owner, name, counted)


def collect(root: Path) -> None:
    with opened(root) as lake:
        lake.collect_garbage(older_than=NOW, most=1.0)


def materialize(root: Path) -> None:
    with opened(root) as lake:
        lake.materialize()


WHATS: Final[dict[str, Callable[[Path], None]]] = {"collect": collect, "materialize": materialize}


def main() -> None:
    root, what, place = sys.argv[1:]
    countdown = Countdown(int(place))
    countdown.around(requests.Session, "request")
    countdown.around(Places, "remove")
    WHATS[what](Path(root))
    sys.stdout.write(f"{countdown.count}\n")


if __name__ == "__main__":
    main()
