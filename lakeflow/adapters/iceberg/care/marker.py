"""The file in a warehouse that names its lake. It is made once, however many processes begin at the same time."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lakeflow.adapters.iceberg.care.ground import MARKER, ground_of
from lakeflow.adapters.iceberg.disk.fileio import hint_of, reason
from lakeflow.adapters.objects import DISK
from lakeflow.core.care.ownership import WarehouseMarker
from lakeflow.core.errors import LakeError
from lakeflow.core.ports.locations import store_of
from lakeflow.core.ports.objects import Objects, StoreError


def read_mark(warehouse: str, objects: Objects = DISK) -> WarehouseMarker | None:
    """The marker; None where there is none. LakeError for one that cannot be read: then nobody knows whose the
    warehouse is.
    """
    place = f"{warehouse}/{MARKER}"
    try:
        if store_of(place) or not Path(place).is_symlink():
            return _parsed(objects.get(place))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except StoreError as error:
        raise LakeError(f"cannot read {place}: {reason(error)}", hint=hint_of(error, "")) from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _damaged(place, type(error).__name__) from error
    raise _damaged(place, "it is a link")


def make_mark(warehouse: str, mark: WarehouseMarker, objects: Objects = DISK) -> bool:
    """Make the marker durably, whole or not at all. False where another process was first."""
    final = f"{warehouse}/{MARKER}"
    with _explained(final):
        objects.make_folder(warehouse)
        if objects.excludes(final):
            return objects.put_new(final, _text(mark))
        return _made_alone(warehouse, mark, objects)


def _made_alone(warehouse: str, mark: WarehouseMarker, objects: Objects) -> bool:
    """In a store where two may make the same object at once, each first puts a claim beside it that bears its lake's
    id. Who sees no claim but its own makes the marker: whoever came later sees that claim, or the marker, and steps
    back. Of two that see each other none goes on.
    """
    final = f"{warehouse}/{MARKER}"
    ours = f"{final}.{mark.id}."
    own = f"{ours}{secrets.token_hex(4)}.stats"
    objects.put(own, _text(mark))
    try:
        claims = [one.location for one in objects.listed(warehouse) if _is_claim(one.location, final)]
        if objects.exists(final):
            return False
        if not all(one.startswith(ours) for one in claims):
            raise LakeError(
                f"another lake is claiming the warehouse {warehouse} at this moment, or was killed while it did",
                hint="repeat it; or `lakeflow adopt --warehouse` makes the warehouse this lake's",
            )
        objects.put(final, _text(mark))
    finally:
        with suppress(OSError):
            objects.remove(own)
    return True


def replace_mark(warehouse: str, mark: WarehouseMarker, objects: Objects = DISK) -> None:
    """Write the marker in place of whatever is there."""
    final = f"{warehouse}/{MARKER}"
    with _explained(final):
        objects.make_folder(warehouse)
        objects.put(final, _text(mark))
        if not objects.excludes(final):
            for one in list(objects.listed(warehouse)):
                if _is_claim(one.location, final):
                    objects.remove(one.location)


def mark_above(warehouse: str, id_: str | None, objects: Objects = DISK) -> WarehouseMarker | None:
    """The nearest marker of another lake in the folders above."""
    for folder in ground_of(warehouse, objects).above(warehouse):
        place = folder.rstrip("/")
        if objects.exists(f"{place}/{MARKER}") and (mark := read_mark(place, objects)) and mark.id != id_:
            return mark
    return None


def _is_claim(location: str, final: str) -> bool:
    return location.startswith(f"{final}.")


def _parsed(content: bytes) -> WarehouseMarker:
    said = json.loads(content)
    return WarehouseMarker(str(said["id"]), str(said["name"]), str(said["database"]))


def _text(mark: WarehouseMarker) -> bytes:
    said = {"format": "lakeflow.lake/1", "id": mark.id, "name": mark.name, "database": mark.database}
    return json.dumps(said, indent=2).encode()


def _damaged(place: str, why: str) -> LakeError:
    return LakeError(
        f"{place}, which says whose the warehouse is, cannot be read ({why})",
        hint="put it back from a copy; or `lakeflow adopt --warehouse` makes the warehouse this lake's",
    )


@contextmanager
def _explained(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        otherwise = "check the folder's permissions, and that its disk has room (`df -h`, and `df -i` for inodes)"
        raise LakeError(f"cannot write {place}: {reason(error)}", hint=hint_of(error, otherwise)) from error
