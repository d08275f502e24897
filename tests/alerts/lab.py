"""A lake that alerts a local HTTP server, and what that server got."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import lakeflow

BAD = "select 1 as id, 1048.4 as wind"
FILES = {
    "layers/bronze/weather.sql": BAD,
    "layers/silver/weather.sql": '/*\nkey = ["id"]\nwrite = "upsert"\n*/\nselect id, wind from bronze.weather',
    "layers/gold/windiest.sql": "select max(wind) as wind from silver.weather",
    "checks/silver/weather.possible.sql": "select id from silver.weather where wind > 200",
}
MENDED = {
    "layers/silver/weather.sql": FILES["layers/silver/weather.sql"].replace("wind from", "least(wind, 99) as wind from")
}
WORSE = {
    "layers/silver/weather.sql": FILES["layers/silver/weather.sql"].replace("wind from", "wind / 'x' as wind from")
}


class Receiver:
    """A server that takes what is posted, or answers with the status that `answers` gives: 0 hangs up without one."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.raw = b""
        self.answers: Callable[[int], int] = lambda _: 200
        self.delay = 0.0
        self._tries = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.raw += str(self.headers).encode() + body
                receiver._tries += 1
                time.sleep(receiver.delay)
                status = receiver.answers(receiver._tries)
                if status == 200:
                    receiver.got.append((self.path, json.loads(body)))
                if status:
                    self.send_response(status)
                    self.end_headers()
                else:
                    self.connection.close()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a hung up client is no news
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def tries(self) -> int:
        return self._tries

    @property
    def titles(self) -> list[str]:
        """What a webhook was told, in order."""
        return [said["title"] for _, said in self.got if "title" in said]

    @property
    def events(self) -> list[tuple[str, str]]:
        """What PagerDuty was told, in order: the action and its key without the lake's id."""
        named = (said for _, said in self.got if "event_action" in said)
        return [(said["event_action"], said["dedup_key"].split(":", 2)[2]) for said in named]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()


def entry(to: str, *on: str, **more: str) -> str:
    lines = [f"on = {json.dumps(on)}"] if on else []
    lines += [f"{key} = {json.dumps(value)}" for key, value in {**more, "to": to}.items()]
    return "\n".join(("[[tool.lakeflow.alerts]]", *lines, ""))


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def lake_with(root: Path, *entries: str) -> Path:
    """A lake whose bronze is published already, with these alerts."""
    write(root, {**FILES, "pyproject.toml": "[tool.lakeflow]\n"})
    with lakeflow.open(root) as lake:
        lake.materialize("bronze.weather")
    write(root, {"pyproject.toml": "\n".join(("[tool.lakeflow]", *entries))})
    return root
