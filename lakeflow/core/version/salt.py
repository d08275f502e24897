"""The salt of hashed columns: one secret for the whole lake, so that masked keys join. No table or text ever holds it.

Hashes are HMAC-SHA256 (RFC 2104). Only the salt's fingerprint may be known. It is in snapshots and in the code version
of what is hashed, so another salt counts as other code.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Final

from lakeflow.core.errors import ConfigError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Mask, Project
from lakeflow.core.values import dataclass
from lakeflow.core.version.fingerprint import fingerprint, salted

VARIABLE: Final = "LAKEFLOW_PII_SALT"
_SHORTEST: Final = 16
"""Characters. E-mail addresses and telephone numbers can be tried by the million, so a short salt is found together
with them.
"""
_BLOCK: Final = 64
"""The bytes of a block of SHA-256, and of a key of its HMAC."""


@dataclass(frozen=True)
class Salt:
    """The secret itself. It is left out of `repr`, and so out of every message."""

    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        return hmac.digest(self.secret, b"lakeflow: fingerprint of the salt", "sha256").hex()[:16]

    @property
    def pads(self) -> tuple[bytes, bytes]:
        """The inner and the outer key: the hash of `x` is SHA-256(outer, SHA-256(inner, x))."""
        long = len(self.secret) > _BLOCK
        key = (hashlib.sha256(self.secret).digest() if long else self.secret).ljust(_BLOCK, b"\0")
        return bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)


def read_salt(environ: Mapping[str, str]) -> Salt | None:
    """Read the salt from the environment. ConfigError, without any part of it, when it is too short to be a secret."""
    text = environ.get(VARIABLE, "")
    if text and len(text) < _SHORTEST:
        raise ConfigError(f"{VARIABLE} is shorter than {_SHORTEST} characters", hint=_HINT)
    return Salt(text.encode(errors="surrogateescape")) if text else None


_HINT: Final = (
    f"export {VARIABLE} as a secret text of at least {_SHORTEST} characters, the same wherever this lake is written"
)


def hashes(asset: Asset) -> bool:
    return Mask.HASH in asset.masks.values()


def with_salt(project: Project, environ: Mapping[str, str]) -> Project:
    """The project with the salt's fingerprint in all assets that hash. Without such assets no salt is read."""
    if not any(map(hashes, project.assets.values())) or not (salt := read_salt(environ)):
        return project
    of = salt.fingerprint
    return replace(project, assets={key: _salted(asset, of) for key, asset in project.assets.items()})


def _salted(asset: Asset, salt: str) -> Asset:
    if not hashes(asset):
        return asset
    source = salted(asset.source, salt)
    return replace(asset, salt=salt, source=source, code_version=fingerprint(source))


def require_salt(project: Project, keys: Iterable[AssetKey]) -> None:
    """ConfigError when one of these assets hashes a column and no salt is set."""
    for asset in (project.assets[key] for key in keys):
        if hashes(asset) and not asset.salt:
            raise _unsalted(asset)


def require_key(asset: Asset, salt: Salt | None) -> Salt:
    """The salt for an asset that hashes. ConfigError when there is none."""
    if salt is None:
        raise _unsalted(asset)
    return salt


def _unsalted(asset: Asset) -> ConfigError:
    columns = ", ".join(name for name, mask in asset.masks.items() if mask is Mask.HASH)
    return ConfigError(f"{VARIABLE} is not set, and {asset.key} hashes {columns} with it", hint=_HINT)
