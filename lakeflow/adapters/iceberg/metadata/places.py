"""Tables that no catalog of ours knows yet: where their metadata stands, and whether they could be ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from lakeflow.adapters.iceberg.disk.fileio import local_path, to_location
from lakeflow.adapters.iceberg.metadata.metadata import Found
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey

_METADATA: Final = re.compile(r"v?(\d+)(-[^/]*)?(\.gz)?\.metadata\.json(\.gz)?")
_HINT: Final = "version-hint.text"


def metadata_location(key: AssetKey, place: str) -> str:
    """The location of a metadata file, out of its own path or that of its table's folder."""
    path = local_path(place)
    found = path if path.is_file() else metadata_file(path)
    if found is None:
        hint = "name a table's folder, one of its metadata files, or catalog.namespace.table"
        raise LakeError(f"{key}: there is no Iceberg metadata in {path}", hint=hint, asset=key)
    return to_location(str(found.absolute()))


def metadata_file(folder: Path) -> Path | None:
    """The newest metadata file of a table's folder: the one that its hint names, else the highest number, the latest
    of several.
    """
    directory = folder / "metadata"
    counted = [(int(match[1]), path) for path in _entries(directory) if (match := _METADATA.fullmatch(path.name))]
    if not counted:
        return None
    hinted = _hinted(directory)
    named = [path for number, path in counted if number == hinted]
    highest = max(number for number, _ in counted)
    return max(named or [path for number, path in counted if number == highest], key=lambda path: path.stat().st_mtime)


def refuse_unwritable(found: Found) -> None:
    """LakeError for a table that could be read and never be written to."""
    table = found.table
    if table.format_version != 2:
        raise LakeError(
            f"{table.key}: its format is v{table.format_version}; this release writes v2",
            hint="read it where it is: external tables may have any format",
            asset=table.key,
        )
    specs = {spec["spec-id"]: spec["fields"] for spec in found.json["partition-specs"]}
    if specs[found.json["default-spec-id"]]:
        raise LakeError(
            f"{table.key}: the table is partitioned, which this release does not write",
            hint="remove its partition fields with the engine that set them",
            asset=table.key,
        )


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _hinted(directory: Path) -> int | None:
    try:
        return int((directory / _HINT).read_text().strip())
    except (OSError, ValueError):
        return None
