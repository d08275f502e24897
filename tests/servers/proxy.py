"""An HTTP proxy in the middle that is slow, loses requests and answers, delivers late, or twice.

    with servers.proxy(server.uri) as proxy:
        proxy.choose = lambda request: Fault.LOST_ANSWER if request.method == "POST" else None

It asks for one answer a connection, so that what ends a connection ends an answer.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
_LONGEST_HEAD: Final = 1 << 20


class Fault(Enum):
    LOST_REQUEST = "the server never sees it, and the client's connection ends"
    LOST_ANSWER = "the server did it, and the client's connection ends"
    LATE = "the client's connection ends, and the server sees it when the test says `deliver_late()`"
    DOUBLED = "the server sees it twice, and the client sees the first answer"
    REPEATED = "the server sees it twice, and the client sees the second answer"
    UNAVAILABLE = "the server never sees it, and the client is told 503"
    BROKEN = "the server did it, and the client is told 502"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    """With the query."""
    body: bytes = field(repr=False)
    head: bytes = field(repr=False)
    """As it is sent on."""
    fault: Fault | None = None
    status: int | None = None
    """What the server answered first, None while it did not."""


class Proxy:
    """`choose` says for each request what goes wrong, and `latency`, in seconds, comes before each; `instead` is
    answered in the server's place, and `alter` makes another answer of the server's. All may be set at any time. `seen`
    is what came, in the order in which it ended.
    """

    def __init__(self, uri: str, latency: float = 0.0) -> None:
        parts = urlsplit(uri)
        self._to = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._path = parts.path
        self.latency = latency
        self.choose: Callable[[Request], Fault | None] = lambda request: None
        self.instead: Callable[[Request], bytes | None] = lambda request: None
        self.alter: Callable[[Request, bytes], bytes] = lambda request, answer: answer
        self.seen: list[Request] = []
        self._late: list[Request] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._soon(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}{self._path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def deliver_late(self) -> list[int]:
        """Let the server have what came late, in order, and say what it answers to nobody."""
        late, self._late = self._late, []
        return [_status(self._soon(self._fetch(request))) for request in late]

    def close(self) -> None:
        self._soon(self._closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _soon(self, what: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LONGEST_HEAD)

    async def _closed(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, OSError):
            request = await _request(reader, writer)
            await asyncio.sleep(self.latency)
            told = self.instead(request)
            writer.write(await self._answered(request) if told is None else told)
            await writer.drain()
        writer.close()

    async def _answered(self, request: Request) -> bytes:
        """What the client is told; nothing where its connection just ends."""
        request = replace(request, fault=self.choose(request))
        answer, told = b"", b""
        match request.fault:
            case Fault.LATE:
                self._late.append(request)
            case Fault.LOST_REQUEST:
                pass
            case Fault.UNAVAILABLE:
                told = _said(503)
            case Fault.DOUBLED | Fault.REPEATED:
                answer = await self._fetch(request)
                second = await self._fetch(request)
                told = answer if request.fault is Fault.DOUBLED else second
            case _:
                answer = await self._fetch(request)
                told = {Fault.LOST_ANSWER: b"", Fault.BROKEN: _said(502), None: answer}[request.fault]
        self.seen.append(replace(request, status=_status(answer) if answer else None))
        return self.alter(request, told) if told else told

    async def _fetch(self, request: Request) -> bytes:
        reader, writer = await asyncio.open_connection(*self._to)
        try:
            writer.write(request.head + request.body)
            await writer.drain()
            # Some servers close without a word, and the client would send its next request where nobody listens.
            return (await reader.read()).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = await _chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = first.split(" ", 2)
    kept = [line for line in lines if line.partition(":")[0].strip().lower() not in {"connection", "expect"}]
    sent = "\r\n".join([first, *kept, "Connection: close", "", ""])
    return Request(method, path, body, sent.encode("latin-1"))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """As they came, with their sizes."""
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        body += line + await reader.readexactly(int(line.split(b";")[0], 16) + 2)
        if int(line.split(b";")[0], 16) == 0:
            return body


def _said(status: int) -> bytes:
    return f"HTTP/1.1 {status} By the proxy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


if __name__ == "__main__":  # python -m tests.servers.proxy URI SECONDS: slow, in a process of its own
    slow = Proxy(sys.argv[1], float(sys.argv[2]))
    sys.stdout.write(f"port={slow.port}.\n")
    sys.stdout.flush()
    threading.Event().wait()
