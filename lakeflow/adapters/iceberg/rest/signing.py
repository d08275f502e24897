"""Signature version 4, with which Amazon's catalogs know who asks (AWS, "Create a signed request")."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Signer:
    """The keys of an account, and what they sign for: a region, and the name of a service."""

    region: str
    service: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    def headers(self, method: str, url: str, body: bytes, at: datetime) -> Mapping[str, str]:
        """The headers that such a request must have, `Authorization` among them."""
        parts, time = urlsplit(url), at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {"host": parts.netloc, "x-amz-date": time}
        if self.service != "service":  # the published examples of the algorithm sign nothing else
            signed["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
        if self.session_token:
            signed["x-amz-security-token"] = self.session_token
        names, scope = ";".join(sorted(signed)), f"{time[:8]}/{self.region}/{self.service}/aws4_request"
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        path = quote(parts.path or "/", safe="/-_.~")
        digest = hashlib.sha256(body).hexdigest()
        request = "\n".join((method, path, _query(parts.query), lines, names, digest))
        hashed = hashlib.sha256(request.encode()).hexdigest()
        signature = hmac.new(self._key(scope), f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}".encode(), "sha256")
        told = f"Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature.hexdigest()}"
        return {**signed, "Authorization": f"AWS4-HMAC-SHA256 {told}"}

    def _key(self, scope: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        return key


def _query(query: str) -> str:
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, True))
    return "&".join(f"{name}={value}" for name, value in pairs)
