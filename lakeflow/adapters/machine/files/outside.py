"""All outside files of a lake, wherever they lie: on the disk by their paths, in object stores by their locations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from lakeflow.adapters.machine.files import source_files
from lakeflow.adapters.machine.files.source_files import Hashes
from lakeflow.adapters.machine.files.store_sources import bytes_in_store, find_in_store, has_changed
from lakeflow.core.errors import AssetError
from lakeflow.core.plan.landing import FoundFile
from lakeflow.core.ports.locations import store_of
from lakeflow.core.ports.store_files import StoreFiles
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class OutsideFiles:
    """Relative paths start at `root`; `stores` has what lies in object stores, where something does."""

    root: Path
    hashes: Hashes
    stores: StoreFiles | None = None

    def find(self, globs: Sequence[str]) -> tuple[FoundFile, ...]:
        """All files that the globs match, by name, with their content hashes."""
        near = source_files.find_files(self.root, self.hashes, [glob for glob in globs if not store_of(glob)])
        far = (file for glob in dict.fromkeys(globs) if store_of(glob) for file in self._far(glob))
        return tuple(sorted({file.name: file for file in (*near, *far)}.values(), key=lambda file: file.name))

    def changed(self, files: Sequence[FoundFile]) -> tuple[str, ...]:
        """The names of the files whose content is another one now, or that are gone."""
        near = source_files.changed_files(self.root, [file for file in files if not store_of(file.name)])
        far = (file.name for file in files if store_of(file.name) and has_changed(self._known(), file))
        return (*near, *far)

    def digest(self, globs: Sequence[str]) -> str:
        """The digest over names and content of all files that the globs match; empty when one matches nothing.
        AssetError when a file cannot be read.
        """
        near = [glob for glob in globs if not store_of(glob)]
        if len(near) == len(globs):
            return source_files.read_digest(self.root, globs)
        digest = hashlib.sha256(source_files.read_digest(self.root, near).encode())
        for glob in globs:
            found = self._far(glob) if store_of(glob) else None
            if found == ():
                return ""
            for file in found or ():
                if file.problem:
                    raise AssetError(f"{file.name}: {file.problem}", hint="look at the store, then run it again")
                digest.update(f"{file.name}\0{file.hash}".encode())
        return digest.hexdigest()

    def bytes_of(self, globs: Sequence[str]) -> int:
        """How much the files are that the globs match. What cannot be told counts as nothing: whoever reads it says
        why.
        """
        near = source_files.bytes_of(self.root, [glob for glob in globs if not store_of(glob)])
        far = dict.fromkeys(glob for glob in globs if store_of(glob))
        return near + sum(bytes_in_store(self.stores, glob) for glob in far if self.stores is not None)

    def _far(self, glob: str) -> tuple[FoundFile, ...]:
        return find_in_store(self._known(), self.hashes, glob)

    def _known(self) -> StoreFiles:
        assert self.stores is not None, "a lake that names a store has its files"
        return self.stores
