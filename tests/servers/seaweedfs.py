"""SeaweedFS: S3, and an Iceberg REST catalog with commits of many tables over it."""

from __future__ import annotations

import json
import os
import secrets
import urllib.request
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from urllib.request import Request

from tests.servers.endpoints import Endpoint, Rest
from tests.servers.kept import CannotStartError, Kept, folder, keep, ports, wait_until

_PROGRAM: Final = Path(__file__).parents[2] / ".venv-servers" / "bin" / "weed"
_WAREHOUSES: Final = int(os.environ.get("LAKEFLOW_TEST_WAREHOUSES", "60"))
"""Each is made when the server starts: as many as the tests of one process use."""
_KEY: Final = "lakekey"


class SeaweedFS:
    def __init__(self) -> None:
        if not _PROGRAM.exists():
            raise CannotStartError("SeaweedFS is not installed: `make servers`")
        self._secret = secrets.token_urlsafe(18)
        self._kept, self._first = self._started_somewhere()
        self._warehouses = count(1)

    @property
    def s3(self) -> Endpoint:
        return Endpoint(f"http://127.0.0.1:{self._first}", _KEY, self._secret)

    def rest(self) -> Rest:
        """With a warehouse that no test had yet."""
        number = next(self._warehouses)
        assert number <= _WAREHOUSES, "tests use more warehouses than were made"
        name = f"warehouse-{number}"
        return Rest(self._catalog(self._first), name, f"s3://{name}", f"{_KEY}:{self._secret}", self.s3)

    def end(self) -> None:
        self._kept.end()

    @staticmethod
    def _catalog(first: int) -> str:
        return f"http://127.0.0.1:{first + 1}"

    def _started_somewhere(self) -> tuple[Kept, int]:
        for first in ports():
            kept = self._started(first)
            try:
                wait_until(lambda first=first: self._answers(first), kept, "SeaweedFS")  # type: ignore[misc]
                self._is_ours(first)
            except (CannotStartError, OSError) as error:
                kept.end()
                reason = error
                continue
            return kept, first
        raise CannotStartError(f"SeaweedFS does not start: {reason}")

    def _started(self, first: int) -> Kept:
        home = folder("seaweedfs")
        doors = ("s3.port", "s3.port.iceberg", "filer.port", "master.port", "volume.port", "admin.port")
        numbers = [f"-{door}={first + place}" for place, door in enumerate(doors)]
        warehouses = ",".join(f"warehouse-{number}" for number in range(1, _WAREHOUSES + 1))
        command = [str(_PROGRAM), "mini", f"-dir={home}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *numbers]
        command += ["-webdav=false", "-admin.ui=false", "-s3.port.lance=0", "-master.telemetry=false"]
        command += [f"-tableBucket={warehouses}", "-master.volumeSizeLimitMB=64"]
        keys = {"AWS_ACCESS_KEY_ID": _KEY, "AWS_SECRET_ACCESS_KEY": self._secret, "HOME": str(home)}
        return keep(command, home, keys | {"GOMAXPROCS": str(min(2, os.cpu_count() or 1))})

    def _answers(self, first: int) -> bool:
        """It makes the warehouses while it answers already, and hands out the configuration of any name."""
        uri = f"{self._catalog(first)}/v1"
        keys = {"client_id": _KEY, "client_secret": self._secret}
        said = {"grant_type": "client_credentials", "scope": "catalog", **keys}
        try:
            with urllib.request.urlopen(f"{uri}/oauth/tokens", urlencode(said).encode(), timeout=2) as answer:
                token = json.load(answer)["access_token"]
            last = f"{uri}/warehouse-{_WAREHOUSES}/namespaces"
            with urllib.request.urlopen(Request(last, headers={"Authorization": f"Bearer {token}"}), timeout=2):
                return True
        except OSError:
            return False

    def _is_ours(self, first: int) -> None:
        """OSError where another server has the port: it does not know our secret."""
        Endpoint(f"http://127.0.0.1:{first}", _KEY, self._secret).bucket()


def start() -> SeaweedFS:
    return SeaweedFS()
