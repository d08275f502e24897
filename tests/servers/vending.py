"""A REST catalog that hands out keys for its tables, as Polaris and Unity do: SeaweedFS's catalog, with a session of
SeaweedFS's own STS for each table that somebody loads. The keys open that table and nothing else. When a test says so,
or somebody asks for `/end`, the store refuses all that were handed out before.
"""

from __future__ import annotations

import json
import re
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from xml.etree import ElementTree as Xml

from lakeflow.adapters.iceberg.rest.signing import Signer
from tests.servers.answers import made, parts, refused
from tests.servers.endpoints import Endpoint, Rest
from tests.servers.proxy import Proxy, Request

_LOAD = re.compile(r"/v1/[^/]+/namespaces/([^/]+)/tables/([^/?]+)(?:\?snapshots=\w+)?")  # Java says how many
_DELEGATION = b"x-iceberg-access-delegation: vended-credentials"


@dataclass(frozen=True)
class Handed:
    table: str
    keys: dict[str, str] = field(repr=False)


class Vending:
    """`seconds` is how long keys are said to be good; `handed` are all that were handed out, `late` are the requests
    with those that had ended.
    """

    def __init__(self, server: Rest, seconds: float) -> None:
        assert server.store is not None
        self.server, self.store, self.seconds = server, server.store, seconds
        self.handed: list[Handed] = []
        self.late: list[Request] = []
        self.front, self._door = Proxy(server.uri), Proxy(server.store.uri)
        self.front.alter, self.front.instead, self._door.instead = self._with_keys, self._told_to_end, self._too_late
        self._ended: set[bytes] = set()
        self.uri, self.door = self.front.uri, self._door.uri

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.front.close()
        self._door.close()

    def end_keys(self) -> None:
        self._ended = {one.keys["SessionToken"].encode() for one in self.handed}

    def _told_to_end(self, request: Request) -> bytes | None:
        if request.path != "/end":
            return None
        self.end_keys()
        return made("HTTP/1.1 200 OK", {}, b"")

    def _with_keys(self, request: Request, answer: bytes) -> bytes:
        found = _LOAD.fullmatch(request.path)
        if request.method != "GET" or not found or _DELEGATION not in request.head.lower():
            return answer
        first, headers, body = parts(answer)
        if " 200 " not in f"{first} ":
            return answer
        said = json.loads(body)
        keys, until = session(self.store, *places_of(said)), time.time() + self.seconds
        self.handed.append(Handed(f"{found[1]}.{found[2]}", keys))
        config = {
            "s3.access-key-id": keys["AccessKeyId"],
            "s3.secret-access-key": keys["SecretAccessKey"],
            "s3.session-token": keys["SessionToken"],
            "s3.session-token-expires-at-ms": str(int(until * 1000)),
            "s3.endpoint": self.door,
            "client.region": self.store.region,
        }
        return made(first, headers, json.dumps({**said, "config": config}).encode())

    def _too_late(self, request: Request) -> bytes | None:
        """The servers' own sessions last a quarter of an hour at least."""
        lines = (line.partition(b":") for line in request.head.split(b"\r\n"))
        tokens = {value.strip() for name, _, value in lines if name.lower() == b"x-amz-security-token"}
        if tokens & self._ended:
            self.late.append(request)
            return refused(403, "ExpiredToken")
        return None


def places_of(said: dict[str, Any]) -> tuple[str, str]:
    """Where the table's files are: SeaweedFS keeps metadata where it would have put the table."""
    return str(said["metadata"]["location"]), str(said["metadata-location"]).rpartition("/")[0]


def session(store: Endpoint, *locations: str) -> dict[str, str]:
    """Keys of a session that may do anything below the locations, and nothing elsewhere."""
    places = [location.removeprefix("s3://").rstrip("/") for location in locations]
    bucket = places[0].partition("/")[0]
    below = [f"arn:aws:s3:::{place}{end}" for place in places for end in ("", "/*")]
    listing = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [f"arn:aws:s3:::{bucket}"]}
    return assumed(store, ["s3:*"], below, listing)


def assumed(store: Endpoint, actions: list[str], resources: list[str], *more: dict[str, Any]) -> dict[str, str]:
    """Keys of a session that may do these things there."""
    first = {"Effect": "Allow", "Action": actions, "Resource": resources}
    policy = {"Version": "2012-10-17", "Statement": [first, *more]}
    form = {"Action": "AssumeRole", "RoleSessionName": "lake", "DurationSeconds": "900", "Version": "2011-06-15"}
    body = urllib.parse.urlencode({**form, "Policy": json.dumps(policy)}).encode()
    signer = Signer("us-east-1", "sts", store.access_key, store.secret_key)
    headers = {**signer.headers("POST", f"{store.uri}/", body, datetime.now(UTC))}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    with urllib.request.urlopen(urllib.request.Request(f"{store.uri}/", body, headers), timeout=60) as answer:
        found = Xml.fromstring(answer.read())
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    return {name: str(found.findtext(f".//{{*}}{name}")) for name in names}
