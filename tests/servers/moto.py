"""moto: S3 and Glue as Amazon answers, in memory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.servers.endpoints import Endpoint
from tests.servers.kept import CannotStartError, Kept, folder, keep, wait_until

_PYTHON: Final = Path(__file__).parents[2] / ".venv-servers" / "bin" / "python"
_SERVE: Final = """
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(f"port={server.port}.", flush=True)
server.serve_forever()
"""
_PORT: Final = re.compile(r"port=(\d+)\.")


class Moto:
    def __init__(self) -> None:
        if not (_PYTHON.with_name("moto_server")).exists():
            raise CannotStartError("moto is not installed: `make servers`")
        self._kept: Kept = keep([_PYTHON, "-c", _SERVE], folder("moto"))
        wait_until(lambda: _PORT.search(self._kept.words) is not None, self._kept, "moto")
        found = _PORT.search(self._kept.words)
        assert found
        self.s3 = Endpoint(f"http://127.0.0.1:{found[1]}", "motokey", "motosecret")

    def end(self) -> None:
        self._kept.end()


def start() -> Moto:
    return Moto()
