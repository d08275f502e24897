"""An object store that is a folder: what tests need of one where no server is, with everything that can go wrong."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lakeflow.core.ports.store_files import SeenFile, StoreSecret


@dataclass(frozen=True)
class _Opened:
    path: Path
    size: int
    before: Callable[[str], None]

    def read_at(self, length: int, at: int) -> bytes:
        self.before("read")
        with self.path.open("rb") as file:
            file.seek(at)
            return file.read(length)


def _nothing(_: str) -> None:
    """Neither waits nor fails."""


@dataclass
class FolderStore:
    """Implements `StoreFiles`: `s3://bucket/a` is the file `bucket/a` in the folder. `before` is told of each request,
    and may wait or fail; `asked` has them all.
    """

    folder: Path
    before: Callable[[str], None] = _nothing
    asked: list[str] = field(default_factory=list)

    def path(self, location: str) -> Path:
        return self.folder / location.partition("://")[2]

    def opened(self, location: str) -> _Opened:
        self._ask("open")
        return _Opened(self.path(location), self.path(location).stat().st_size, self._ask)

    def upload(self, path: str, location: str) -> None:
        self._ask("upload")
        self.path(location).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, self.path(location))

    def download(self, location: str, path: str) -> str:
        self._ask("download")
        shutil.copyfile(self.path(location), path)
        return self.digest(location)

    def digest(self, location: str) -> str:
        self._ask("digest")
        return hashlib.sha256(self.path(location).read_bytes()).hexdigest()

    def matching(self, pattern: str) -> Sequence[str]:
        pattern = f"{pattern}/*" if pattern.endswith("**") else pattern
        found = self.folder.glob(pattern.partition("://")[2])
        return sorted(f"s3://{path.relative_to(self.folder)}" for path in found if path.is_file())

    def seen(self, location: str) -> SeenFile:
        self._ask("seen")
        status = self.path(location).stat()
        return SeenFile(location, status.st_size, f"{status.st_ino}/{status.st_mtime_ns}")

    def remove(self, location: str) -> None:
        self._ask("remove")
        self.path(location).unlink(missing_ok=True)

    def remove_all(self, prefix: str) -> None:
        begin = self.path(prefix)
        for found in begin.parent.glob(f"{begin.name}*"):
            shutil.rmtree(found, ignore_errors=True)

    def secrets(self) -> Sequence[StoreSecret]:
        return ()

    def all(self) -> list[str]:
        return list(self.matching("s3://**/*"))

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        self.before(what)
