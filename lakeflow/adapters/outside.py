"""The outside files that a root reads: their content is its fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from lakeflow.core.errors import AssetError


def read_digest(root: Path, globs: Sequence[str]) -> str:
    """Hex digest over names and content of all files that the globs match under `root`.

    Empty when one of them matches nothing: the asset then runs, and says what it misses.
    AssetError when a file cannot be read.
    """
    digest = hashlib.sha256()
    for pattern in globs:
        found = _matches(root, pattern)
        if not found:
            return ""
        for path in found:
            digest.update(f"{path.relative_to(root) if path.is_relative_to(root) else path}\0".encode())
            digest.update(_content(path))
    return digest.hexdigest()


def _matches(root: Path, pattern: str) -> list[Path]:
    absolute = Path(pattern)
    base, relative = (Path(absolute.anchor), pattern.lstrip("/")) if absolute.is_absolute() else (root, pattern)
    return sorted(path for path in base.glob(relative) if path.is_file())


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise AssetError(f"cannot read {path}: {error.strerror}", hint="check the file's permissions") from error
