"""Answers of HTTP as bytes: taken apart, and made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.servers.proxy import Request


def parts(answer: bytes) -> tuple[str, dict[str, str], bytes]:
    """The first line, the headers by their names in small letters, and the body in one piece."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.pop("transfer-encoding", "").lower() == "chunked":
        body = _joined(body)
    return first, headers, body


def made(first: str, headers: dict[str, str], body: bytes) -> bytes:
    said = {**headers, "content-length": str(len(body)), "connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"{first}\r\n{lines}\r\n".encode("latin-1") + body


def without(answer: bytes, *names: str) -> bytes:
    """The answer as a server or a proxy gives it that forgets these headers."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    kept = [line for line in lines if line.partition(":")[0].strip().lower() not in names]
    return "\r\n".join(kept).encode("latin-1") + b"\r\n\r\n" + body


def refused(status: int, code: str) -> bytes:
    """As S3 says no."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>no</Message></Error>'.encode()
    return made(f"HTTP/1.1 {status} Refused", {"content-type": "application/xml"}, body)


def _joined(chunks: bytes) -> bytes:
    body = b""
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        body, chunks = body + rest[:length], rest[length + 2 :] if length else b""
    return body


class Cache:
    """Answers a GET of a table so many times as it did before."""

    def __init__(self, times: int) -> None:
        self.times, self.kept = times, dict[str, tuple[bytes, int]]()

    def __call__(self, request: Request, answer: bytes) -> bytes:
        if request.method != "GET" or "/tables/" not in request.path:
            return answer
        kept, told = self.kept.get(request.path, (answer, self.times))
        self.kept[request.path] = (answer, 0) if told >= self.times else (kept, told + 1)
        return self.kept[request.path][0]
