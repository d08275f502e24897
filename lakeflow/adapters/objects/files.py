"""Large files of a store, through pyarrow's own client: read from any place, and brought to and from the local disk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from fnmatch import translate
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lakeflow.adapters.objects.failures import in_words
from lakeflow.adapters.objects.filesystems import filesystem_of
from lakeflow.core.ports.objects import StoreError
from lakeflow.core.ports.store_files import OpenedFile, SeenFile, StoreSecret
from lakeflow.core.settings.storage import StorageAt

if TYPE_CHECKING:
    from pyarrow import NativeFile
    from pyarrow.fs import FileInfo, FileSystem

_CHUNK: Final = 8 << 20
_WILD: Final = re.compile(r"[*?\[]")
_VERSIONS: Final = ("etag", "version", "x-amz-version-id", "x-goog-generation", "generation", "last-modified")
"""What stores call that which changes with an object's content, in lower case."""


class ArrowFiles:
    """Implements `StoreFiles`. `storage` has its variables replaced, and is asked for when a store is used first."""

    def __init__(self, storage: Callable[[], StorageAt]) -> None:
        self._storage = storage

    def opened(self, location: str) -> OpenedFile:
        files, path = self._at(location)
        with in_words(_bucket(path)):
            file = files.open_input_file(path)
            return _ArrowFile(file, path, int(file.size()), files)

    def upload(self, path: str, location: str) -> None:
        files, name = self._at(location)
        with Path(path).open("rb") as content, in_words(_bucket(name)):
            stream = files.open_output_stream(name, compression=None)  # else by the end of its name
            try:
                while chunk := content.read(_CHUNK):
                    stream.write(chunk)
            except BaseException:
                # A stream that is dropped makes the object of what it was given so far.
                with suppress(OSError):
                    stream.close()
                self.remove(location)
                raise
            stream.close()
            if (there := files.get_file_info([name])[0].size) != content.tell():
                self.remove(location)
                raise StoreError(
                    f"the store keeps {there} bytes of {content.tell()} of {name}", "look into its own log"
                )

    def download(self, location: str, path: str) -> str:
        digest = hashlib.sha256()
        with Path(path).open("xb") as copy:
            for chunk in self._chunks(location):
                digest.update(chunk)
                copy.write(chunk)
        return digest.hexdigest()

    def digest(self, location: str) -> str:
        digest = hashlib.sha256()
        for chunk in self._chunks(location):
            digest.update(chunk)
        return digest.hexdigest()

    def matching(self, pattern: str) -> Sequence[str]:
        scheme, _, rest = pattern.partition("://")
        place, *parts = rest.split("/")
        parts = [*parts, "*"] if parts and parts[-1] == "**" else parts
        return sorted(set(self._below(f"{scheme}://{place}", [part for part in parts if part])))

    def seen(self, location: str) -> SeenFile:
        files, path = self._at(location)
        with in_words(_bucket(path)), files.open_input_file(path) as file:
            told = {_text(name).lower(): _text(value) for name, value in (file.metadata() or {}).items()}
            version = "/".join(f"{name}={told[name]}" for name in _VERSIONS if told.get(name))
            return SeenFile(location, int(file.size()), version)

    def remove(self, location: str) -> None:
        files, path = self._at(location)
        with suppress(FileNotFoundError), in_words(_bucket(path)):
            files.delete_file(path)

    def remove_all(self, prefix: str) -> None:
        above, _, begin = prefix.rpartition("/")
        for entry in self._entries(above):
            if entry.base_name.startswith(begin):
                files, _ = self._at(above)
                with suppress(FileNotFoundError), in_words(_bucket(entry.path)):
                    files.delete_file(entry.path) if entry.is_file else files.delete_dir(entry.path)

    def secrets(self) -> Sequence[StoreSecret]:
        """For S3 alone, and where the settings say who we are: of the other stores DuckDB's client takes other keys."""
        said = self._storage().at("s3://")
        known = said.access_key_id and said.secret_access_key
        if not known and not said.anonymous:
            return ()
        keys = {"KEY_ID": said.access_key_id, "SECRET": said.secret_access_key, "SESSION_TOKEN": said.session_token}
        place: dict[str, str | bool] = {"REGION": said.region or ("us-east-1" if said.endpoint else "")}
        if said.endpoint:
            scheme, _, host = said.endpoint.partition("://")
            place |= {"ENDPOINT": host.rstrip("/"), "URL_STYLE": "path"} | (
                {"USE_SSL": False} if scheme == "http" else {}
            )
        told = {**({} if said.anonymous else keys), **place}
        return (StoreSecret("s3", "s3", {name: value for name, value in told.items() if value != ""}),)

    def _at(self, location: str) -> tuple[FileSystem, str]:
        return filesystem_of(location, self._storage())

    def _chunks(self, location: str) -> Iterator[bytes]:
        """The content piece by piece. StoreError where it ends before its size: it must not count as all of it."""
        files, path = self._at(location)
        with in_words(_bucket(path)), files.open_input_file(path) as file:
            left = int(file.size())
            while left:
                chunk = file.read(min(_CHUNK, left))
                if not chunk:
                    raise StoreError(f"{path} ends {left} bytes too early", "repeat it")
                left -= len(chunk)
                yield chunk

    def _entries(self, folder: str) -> list[FileInfo]:
        from pyarrow.fs import FileSelector  # noqa: PLC0415 - only what is in a store needs it

        files, path = self._at(folder)
        # pyarrow's client of Google's store shows no folder that is only a part of names.
        deep = files.type_name == "gcs"
        with in_words(_bucket(path)):
            found = files.get_file_info(FileSelector(path.rstrip("/"), allow_not_found=True, recursive=deep))
        return _first_below(path.rstrip("/"), found) if deep else list(found)

    def _below(self, folder: str, parts: Sequence[str]) -> Iterator[str]:
        if not parts:
            return
        part, rest = parts[0], parts[1:]
        if part == "**":
            for entry in self._entries(folder):
                if not entry.is_file:
                    yield from self._below(f"{folder}/{entry.base_name}", parts)
            yield from self._below(folder, rest)
        elif not _WILD.search(part) and rest:
            yield from self._below(f"{folder}/{part}", rest)
        else:
            wanted = re.compile(translate(part))
            for entry in self._entries(folder):
                if entry.base_name == part or wanted.match(entry.base_name):
                    here = f"{folder}/{entry.base_name}"
                    yield from self._below(here, rest) if rest else ([here] if entry.is_file else [])


class _ArrowFile:
    """Implements `OpenedFile`."""

    def __init__(self, file: NativeFile, path: str, size: int, files: FileSystem) -> None:
        self._files = files
        self._file = file
        self._path = path
        self.size = size

    def read_at(self, length: int, at: int) -> bytes:
        with in_words(_bucket(self._path), self._listed):
            found: bytes = self._file.read_at(length, at)
        return found

    def _listed(self) -> object:
        from pyarrow.fs import FileSelector  # noqa: PLC0415 - only where a read was refused

        return self._files.get_file_info(FileSelector(self._path.rpartition("/")[0]))


def _first_below(folder: str, found: Iterable[FileInfo]) -> list[FileInfo]:
    """What is right in the folder, of all that is somewhere below it: each folder once."""
    from pyarrow.fs import FileInfo, FileType  # noqa: PLC0415 - only what is in a store needs it

    names = {one.path: one for one in found}
    below = {path.removeprefix(f"{folder}/").partition("/")[::2] for path in names}
    folders = {f"{folder}/{name}" for name, rest in below if rest}
    files = [one for path, one in names.items() if "/" not in path.removeprefix(f"{folder}/") and path not in folders]
    return [*files, *(FileInfo(path, FileType.Directory) for path in sorted(folders))]


def _bucket(path: str) -> str:
    return path.partition("/")[0]


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
