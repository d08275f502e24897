"""`/healthz` and `/metrics` on loopback, in a thread beside the loop. Nothing here changes anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from lakeflow.core.errors import UsageError
from lakeflow.serve.metrics import CONTENT_TYPE

LOOPBACK: Final = "127.0.0.1"
_PATIENCE: Final = 10.0
"""Seconds that a request may take to arrive."""


class Pages:
    """What the pages say: asked for at each request."""

    def __init__(self, health: Callable[[], dict[str, Any]], metrics: Callable[[], str]) -> None:
        self.health = health
        self.metrics = metrics


@contextmanager
def listening(port: int, answers: Pages) -> Iterator[int]:
    """Answer on that port of this machine alone, 0 for any; gives the port. UsageError where it is taken."""
    try:
        server = _Server((LOOPBACK, port), _Handler)
    except OSError as error:
        raise refused_port(LOOPBACK, port, error) from error
    server.answers = answers
    thread = Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refused_port(host: str, port: int, error: OSError) -> UsageError:
    return UsageError(
        f"port {port} of {host} cannot be listened on: {error.strerror}",
        hint="another `serve` may stand by there: give one of them `--port N`, or `--no-http`",
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answers: Pages

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hung up hears nothing, and neither does the log."""


class _Handler(BaseHTTPRequestHandler):
    server_version = "lakeflow"
    sys_version = ""
    timeout = _PATIENCE

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        answers, path = self.server.answers, self.path.partition("?")[0]
        if path == "/healthz":
            said = answers.health()
            well = said["status"] == "ok"
            self._say(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, "application/json", json.dumps(said))
        elif path == "/metrics":
            self._say(HTTPStatus.OK, CONTENT_TYPE, answers.metrics())
        else:
            self._say(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", "there are /healthz and /metrics\n")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _say(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as above
        """Requests are not logged: they come every few seconds."""
