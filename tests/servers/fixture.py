"""The fixture `servers`: each server starts when a test first asks for it, and serves all tests of this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final, Literal

import pytest

from tests.servers import azure, google, java_rest, moto, postgres, seaweedfs
from tests.servers.azure import Azurite
from tests.servers.endpoints import Endpoint, Rest
from tests.servers.google import GoogleStorage
from tests.servers.java_rest import JavaRest
from tests.servers.kept import CannotStartError
from tests.servers.moto import Moto
from tests.servers.postgres import Postgres
from tests.servers.proxy import Proxy
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.slowed import slowed

REQUIRED: Final = "LAKEFLOW_TEST_SERVERS"
"""Set to `required`, a machine where one cannot start fails these tests; else they are skipped there."""
RestKind = Literal["seaweedfs", "java", "java-s3"]


class Servers:
    """Where one cannot start, the test that asks is skipped with the reason, or fails."""

    def __init__(self) -> None:
        self._started: dict[str, Any] = {}
        self._at_end = ExitStack()

    def postgres(self) -> Postgres:
        started: Postgres = self._once("postgres", postgres.start)
        return started

    def s3(self) -> Endpoint:
        """A store on disk, as large as a test needs."""
        return self._seaweedfs().s3

    def moto(self) -> Endpoint:
        """A store in memory that also speaks Glue at the same address; slower, and closer to Amazon's answers."""
        started: Moto = self._once("moto", moto.start)
        return started.s3

    def google(self) -> GoogleStorage:
        """Google Cloud Storage, in memory."""
        started: GoogleStorage = self._once("google", google.start)
        return started

    def azure(self) -> Azurite:
        """Azure's blobs, in memory. `make servers` does not install it, so its tests may be skipped anywhere."""
        if not azure.is_installed():
            pytest.skip("Azurite is not installed: `make azurite`")
        started: Azurite = self._once("azure", azure.start)
        return started

    def rest(self, kind: RestKind = "seaweedfs") -> Rest:
        """A catalog with a warehouse that is empty. SeaweedFS keeps it in its S3, Java in local files or in that S3."""
        if kind == "seaweedfs":
            return self._seaweedfs().rest()
        store = self.s3() if kind == "java-s3" else None
        started: JavaRest = self._once(kind, lambda: java_rest.start(store))
        return started.rest()

    def proxy(self, uri: str) -> Proxy:
        """Between a test and a server; the caller closes it (`with servers.proxy(uri) as proxy`)."""
        return Proxy(uri)

    def slowed(self, uri: str, seconds: float) -> str:
        """The same server behind so much latency a request, made in a process that takes no time from this one."""
        kept, slower = slowed(uri, seconds)
        self._at_end.callback(kept.end)
        return slower

    def end(self) -> None:
        self._at_end.close()

    def _seaweedfs(self) -> SeaweedFS:
        started: SeaweedFS = self._once("seaweedfs", seaweedfs.start)
        return started

    def _once(self, name: str, start: Callable[[], Any]) -> Any:
        if name not in self._started:
            try:
                self._started[name] = start()
                self._at_end.callback(self._started[name].end)
            except CannotStartError as error:
                self._started[name] = error
        if isinstance(self._started[name], CannotStartError):
            _cannot(str(self._started[name]))
        return self._started[name]


def _cannot(reason: str) -> None:
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"servers are required here: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    started = Servers()
    yield started
    started.end()


def mark(items: list[pytest.Item]) -> None:
    """What asks for a server is marked so, at whatever remove it asks."""
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.servers)
