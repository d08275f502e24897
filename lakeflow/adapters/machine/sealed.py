"""Files that only this user's own lakeflow can have written: each begins with an HMAC over its name and its text.

A later run trusts a cache without looking further, and the cache's folder may be shared, or restored by a CI job from
an unknown source. So the key is elsewhere, in a file that nobody else can read. Without a key, nothing is cached and no
cached text is believed.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

_KEY_BYTES: Final = 32
_MOST_BYTES: Final = 256 << 20
"""A file larger than this is not one of lakeflow's."""


class UnusableKeyError(Exception):
    """Why the key may not be used, in a sentence."""


def key_file(environ: Mapping[str, str], system: str = sys.platform) -> Path | None:
    """The file of the user's key, outside every cache; None where the user has no home."""
    state, home = Path(environ.get("XDG_STATE_HOME", "")), Path(environ.get("HOME", ""))
    if system != "darwin" and state.is_absolute():
        return state / "lakeflow" / "cache.key"
    below = "Library/Application Support" if system == "darwin" else ".local/state"
    return home / below / "lakeflow" / "cache.key" if home.is_absolute() else None


def fault_of_key(environ: Mapping[str, str]) -> str:
    """Why the user's key cannot be used; empty where it can, or where it is not made yet."""
    path = key_file(environ)
    if path is None:
        return "this user has no home folder to keep a key in"
    try:
        if path.exists():
            _key(path)
    except UnusableKeyError as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}"
    return ""


def read_sealed(path: Path) -> str | None:
    """The text of the file; None for one that is missing, damaged, or was not sealed under this name by this user."""
    content = read_sealed_bytes(path)
    with suppress(ValueError):
        return None if content is None else content.decode("utf-8")
    return None


def read_sealed_bytes(path: Path) -> bytes | None:
    """The content of the file, as `read_sealed`."""
    key = _key_outside(path.parent)
    if key is None:
        return None
    with suppress(OSError, ValueError):
        found, _, content = _read(path, _MOST_BYTES).partition(b"\n")
        if hmac.compare_digest(found, _seal(key, path.name, content).encode()):
            return content
    return None


def write_sealed(path: Path, text: str) -> None:
    """Write the file whole or not at all. Without a key nothing is written. OSError when it fails."""
    write_sealed_bytes(path, text.encode())


def write_sealed_bytes(path: Path, content: bytes) -> None:
    """Write the file, as `write_sealed`."""
    key = _key_outside(path.parent)
    if key is None:
        return
    new = _new(path, f"{_seal(key, path.name, content)}\n".encode() + content)
    try:
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _key_outside(folder: Path) -> bytes | None:
    """The key, if it lies outside the cache. A key inside proves nothing: whoever brings the cache brings the key."""
    path = key_file(os.environ)
    if path is None or path.resolve().is_relative_to(folder.resolve()):
        return None
    try:
        return _key(path)
    except (OSError, UnusableKeyError):
        return None


@cache
def _key(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
    _require_private(path.parent, path.parent.stat(), 0o022)
    key = _read(path, _KEY_BYTES)
    _require_private(path, path.lstat(), 0o077)
    if len(key) != _KEY_BYTES:
        raise UnusableKeyError(f"{path} is no key of {_KEY_BYTES} bytes")
    return key


def _make(path: Path) -> None:
    """Make a secret. If several processes make one at the same time, the first one counts."""
    new = _new(path, secrets.token_bytes(_KEY_BYTES))
    try:
        with new.open("rb") as file:
            os.fsync(file.fileno())  # a half-written cache is noticed; a half-written key would stay
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink(missing_ok=True)


def _new(path: Path, content: bytes) -> Path:
    """Write the content beside the path, under a name that nobody can have taken before, or linked elsewhere."""
    new = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
    return new


def _require_private(path: Path, found: os.stat_result, others: int) -> None:
    if found.st_uid != os.geteuid():
        raise UnusableKeyError(f"{path} belongs to another user")
    if stat.S_IMODE(found.st_mode) & others:
        raise UnusableKeyError(f"{path} is open to other users (mode {stat.S_IMODE(found.st_mode):04o})")


def _read(path: Path, most: int) -> bytes:
    """Read a plain file of at most so many bytes; OSError for anything else: a pipe would block for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            raise OSError(f"{path} is no file of ours")
        return file.read(most + 1)


def _seal(key: bytes, name: str, content: bytes) -> str:
    return hmac.new(key, f"{name}\0".encode("utf-8", "surrogatepass") + content, sha256).hexdigest()
