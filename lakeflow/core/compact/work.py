"""What there is to compact in a table: which data files are written anew, and whether its manifests are worth merging.

What a compaction leaves has no more to compact: a file that is large enough stays, files go only where fewer come, and
manifests only where half as many do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lakeflow.core.compact.stored import MovedFiles, Stored, StoredFile, StoredManifest
from lakeflow.core.model.layout import Partition
from lakeflow.core.values import dataclass

FILE_BYTES: Final = 512 * 1024 * 1024
"""Iceberg's own default for `write.target-file-size-bytes`."""
LEAST_BYTES: Final = 1024
"""The smallest target that is of any sense."""
MANIFEST_BYTES: Final = 8 * 1024 * 1024
"""Iceberg's own default for `commit.manifest.target-size-bytes`."""
_LARGE: Final = 0.75
"""A file of this share of the target size is large enough."""
_FEW: Final = 4
"""So many small manifests cost a reader next to nothing more than one."""


@dataclass(frozen=True)
class CompactWork:
    """What a compaction does. With `deletes` every data file is written anew, without the rows that these delete files
    hide. `manifests` says whether manifests alone are worth it, too.
    """

    groups: tuple[MovedFiles, ...] = ()
    deletes: int = 0
    manifests: bool = False

    def __bool__(self) -> bool:
        return bool(self.groups or self.deletes or self.manifests)

    @property
    def files(self) -> int:
        return sum(len(group.files) for group in self.groups)

    @property
    def bytes(self) -> int:
        return sum(group.bytes for group in self.groups)

    def files_after(self, target: int) -> int:
        """About how many files come in their place."""
        return sum(_needed(group.bytes, target) for group in self.groups)


def work(stored: Stored, target: int) -> CompactWork:
    """What is to be done, partition by partition, so that files have about `target` bytes.

    1. Rows that delete files hide are left out by writing everything anew; then no delete file is needed.
    2. Otherwise small files of a partition are written together, where fewer come of it.
    3. Many small manifests are merged, whatever becomes of the data files.

    Files lie as the table's own layout says, so where the layout asked about is another one, data files stay.
    """
    merges = merged_into(stored.manifests) * 2 <= sum(map(_is_small, stored.manifests)) >= _FEW
    if not stored.in_layout:
        return CompactWork(manifests=merges)
    if stored.deletes:
        return CompactWork(tuple(_groups(stored.files)), len(stored.deletes), merges)
    small = (file for file in stored.files if file.bytes < _LARGE * target)
    worth = (group for group in _groups(small) if _needed(group.bytes, target) < len(group.files))
    return CompactWork(tuple(worth), 0, merges)


def bins(manifests: Sequence[StoredManifest]) -> list[list[int]]:
    """The places of small manifests that become one, each of one partition spec and not larger than a manifest is."""
    found: list[list[int]] = []
    for spec in sorted({each.spec for each in manifests}):
        room = 0
        for place, each in enumerate(manifests):
            if each.spec != spec or not _is_small(each):
                continue
            if each.bytes > room:
                found.append([])
                room = MANIFEST_BYTES
            found[-1].append(place)
            room -= each.bytes
    return found


def merged_into(manifests: Sequence[StoredManifest]) -> int:
    """How many manifests the small ones become."""
    return len(bins(manifests))


def _is_small(manifest: StoredManifest) -> bool:
    return manifest.bytes < MANIFEST_BYTES


def _groups(files: Iterable[StoredFile]) -> Iterator[MovedFiles]:
    """The files by partition, in the order in which partitions come."""
    found: dict[Partition | None, list[StoredFile]] = {}
    for file in files:
        found.setdefault(file.partition, []).append(file)
    return (MovedFiles(tuple(each), partition) for partition, each in found.items())


def _needed(size: int, target: int) -> int:
    return max(1, -(-size // target))
