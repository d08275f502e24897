"""Writes go to the local disk first, and from there to the store, each file under its last name and whole.

So no reader and no later run ever meets half of a file, however a write ends: what a killed one leaves lies in the
spill folder, which is swept, and a file that came to the store and is in no snapshot is garbage of its table.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from lakeflow.adapters.duckdb.instance.spill import OwnFolder
from lakeflow.adapters.duckdb.names import is_in_store
from lakeflow.core.errors import AssetError, ConfigError
from lakeflow.core.model.table import WrittenFile
from lakeflow.core.ports.store_files import StoreFiles
from lakeflow.core.run.write import Write, WriteResult
from lakeflow.core.values import dataclass

Placed: TypeAlias = Callable[..., tuple[tuple[WrittenFile, ...], ...]]
"""Takes groups of written files to where they belong, and gives them with their new paths."""

_AT_A_TIME: Final = 4


@dataclass(frozen=True)
class LocalFirst:
    """Where files of a store are written first: in folders of their own in `spill`. Without `files` none may be."""

    spill: Path
    files: StoreFiles | None = None

    @contextmanager
    def near(self, write: Write) -> Iterator[tuple[Write, Callable[[WriteResult], WriteResult]]]:
        """The same write into local folders, and what makes of its result the one that was asked for."""
        directories = (write.directory, *([write.refused.directory] if write.refused else []))
        with self._folders(directories) as places:
            refused = write.refused and replace(write.refused, directory=places[write.refused.directory])
            yield (
                replace(write, directory=places[write.directory], refused=refused),
                lambda result: self._of(places, result),
            )

    @contextmanager
    def folder(self, directory: str) -> Iterator[tuple[str, Placed]]:
        """A local folder in place of the directory, and what takes files from there to it."""
        with self._folders((directory,)) as places:
            yield places[directory], lambda *groups: self._placed(places, groups)

    @contextmanager
    def _folders(self, directories: Sequence[str]) -> Iterator[Mapping[str, str]]:
        """The folder to write to for each directory: a local one is its own."""
        far = [each for each in directories if is_in_store(each)]
        if not far:
            yield {each: each for each in directories}
            return
        own = OwnFolder(self.spill, "write")
        try:
            places = {each: own.path / str(number) for number, each in enumerate(far)}
            for place in places.values():
                place.mkdir(parents=True)
            yield {each: str(places.get(each, each)) for each in directories}
        finally:
            own.release()

    def _of(self, places: Mapping[str, str], result: WriteResult) -> WriteResult:
        files, refused = self._placed(places, (result.files, result.refused))
        return replace(result, files=files, refused=refused)

    def _placed(
        self, places: Mapping[str, str], groups: Sequence[tuple[WrittenFile, ...]]
    ) -> tuple[tuple[WrittenFile, ...], ...]:
        """On any failure none of the files stays. AssetError, naming the file, where the store does not take one."""
        homes = {os.path.realpath(near): far for far, near in places.items() if near != far}
        moved = {file.path: _home(file.path, homes) for group in groups for file in group} if homes else {}
        if moved:
            _upload(self._known(), moved)
        return tuple(tuple(replace(file, path=moved.get(file.path, file.path)) for file in group) for group in groups)

    def _known(self) -> StoreFiles:
        if self.files is None:
            raise ConfigError("this engine was made without a store", hint="open the lake again")
        return self.files


LOCAL: Final = LocalFirst(Path())


def _home(path: str, homes: Mapping[str, str]) -> str:
    """Where a local file belongs."""
    real = os.path.realpath(path)
    near, far = next((pair for pair in homes.items() if real.startswith(f"{pair[0]}/")), ("", ""))
    return f"{far.rstrip('/')}{real.removeprefix(near)}" if near else path


def _upload(files: StoreFiles, moved: Mapping[str, str]) -> None:
    def work(one: tuple[str, str]) -> None:
        try:
            files.upload(*one)
        except OSError as error:
            hint = getattr(error, "hint", "look at the store, then run it again")
            raise AssetError(f"cannot write {one[1]}: {error.strerror or error}", hint=hint) from error

    far = {near: place for near, place in moved.items() if near != place}
    try:
        with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="upload") as pool:
            list(pool.map(work, far.items()))
    except BaseException:
        for place in far.values():
            with suppress(OSError):  # what stays is garbage, and collected as such
                files.remove(place)
        raise


def remove_folders(files: StoreFiles | None, prefix: str) -> None:
    """Remove the folders whose paths begin so, as far as that can be done: what stays is garbage."""
    if is_in_store(prefix):
        assert files is not None, "what wrote to a store has it"
        with suppress(OSError):
            files.remove_all(prefix)
        return
    begin = Path(prefix)
    for folder in begin.parent.glob(f"{begin.name}*"):
        shutil.rmtree(folder, ignore_errors=True)
