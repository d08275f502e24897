"""Source files of an object store on the local disk, each proven to be what was found when the load was planned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from lakeflow.adapters.duckdb.land.unpacked import PACKED, refuse_large
from lakeflow.adapters.duckdb.names import is_in_store
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import FileSource, Format
from lakeflow.core.plan.landing import FoundFile
from lakeflow.core.ports.store_files import StoreFiles

_BEGINNING: Final = 4 << 20
"""Bytes of a text that are fetched for its header: more than a line may have."""


def local_source(root: Path, file: FoundFile, source: FileSource, target: Path, stores: StoreFiles | None) -> Path:
    """The file, or its copy beside `target`. AssetError when an object is not what was found before."""
    if not is_in_store(file.name):
        return root / file.name
    refuse_large(file.name, file.size, source)
    copy = _beside(target, file.name)
    with _told(file.name):
        digest = _known(stores).download(file.name, str(copy))
    if digest != file.hash:
        raise AssetError(
            f"{file.name} changed while it was read",
            hint="let its writer finish, or deliver other content under another name, then run it again",
        )
    return copy


def beginning(root: Path, file: FoundFile, source: FileSource, target: Path, stores: StoreFiles | None) -> Path:
    """The same for somebody who reads a header alone: of a long text that is not packed, the copy has just the
    beginning.
    """
    short = file.size <= _BEGINNING or source.format is Format.PARQUET or _suffix(file.name)
    if not is_in_store(file.name) or short:
        return local_source(root, file, source, target, stores)
    copy = _beside(target, file.name)
    with _told(file.name):
        copy.write_bytes(_known(stores).opened(file.name).read_at(_BEGINNING, 0))
    return copy


def _beside(target: Path, name: str) -> Path:
    return target.with_name(f"{target.name}-fetched{_suffix(name)}")


def _suffix(name: str) -> str:
    """The end of the name that says how it is packed."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in PACKED else ""


def _known(stores: StoreFiles | None) -> StoreFiles:
    assert stores is not None, "whatever lands from a store was made with it"
    return stores


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise AssetError(f"{name} is gone", hint="deliver it again, then run it again") from None
    except OSError as error:
        hint = getattr(error, "hint", "look at the store, then run it again")
        raise AssetError(f"{name} cannot be read: {error.strerror or error}", hint=hint) from error
