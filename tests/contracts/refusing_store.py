"""A server that speaks as much of S3 as it takes to refuse, or to leave a header out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lakeflow.core.settings.storage import Storage

_ERROR = "<?xml version='1.0'?><Error><Code>{0}</Code><Message>{1}</Message></Error>"
_LIST = (
    "<?xml version='1.0'?><ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated><Contents>"
    "<Key>lake/a</Key><Size>3</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>"
)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    length: bool = True


def refusal(status: int, code: str, message: str) -> Answer:
    return Answer(status, _ERROR.format(code, message).encode())


LISTING = Answer(200, _LIST.encode())
Choose = Callable[[str, str], Answer]
"""By method and path."""


@contextmanager
def store_that(choose: Choose) -> Iterator[Storage]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = choose(self.command, self.path)
            self.send_response(said.status)
            if said.length:
                self.send_header("Content-Length", str(len(said.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said.body)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _answer  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        uri = f"http://127.0.0.1:{server.server_address[1]}"
        yield Storage(endpoint=uri, access_key_id="key-1", secret_access_key="secret-1", session_token="token-1")
        server.shutdown()
        thread.join()
