"""One rule for the names of columns, whether they land, come from code or are declared.

Readers disagree on letter case (trap T16). DuckDB compares letters only in the Unicode form in which they were written.
Iceberg's libraries look a nested field up as `a.b`, so a column with that name hides the field, or makes the table
impossible to load. Two names that are alike for one reader therefore count as one name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from unicodedata import category, normalize

from lakeflow.core.errors import SchemaError

FILE: Final = "_source_file"
ROW: Final = "_source_row"
LOADED_AT: Final = "_loaded_at"
PROVENANCE: Final = (FILE, ROW, LOADED_AT)
"""The columns that every landed row gets: its file (relative to the root), its ordinal in the file (from 1), the time
of the load.
"""

OLD_NAMES: Final[Mapping[str, str]] = {"_file": FILE, "_row": ROW}
"""The names of two of these columns in early releases. Spark cannot read a table with a column `_file`."""

RESERVED: Final = frozenset(
    {
        "_file",
        "_pos",
        "_deleted",
        "_spec_id",
        "_partition",
        "_row_id",
        "_last_updated_sequence_number",
        "_change_type",
        "_change_ordinal",
        "_commit_snapshot_id",
    }
)
"""Iceberg's metadata columns (spec, "Reserved Field IDs"): Spark refuses to read a table that has one of them."""
_LOWER: Final = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
RENAME: Final = "give one of them another name"
_ALIKE: Final = "; letter case, white space around a name and the form of an accent do not tell columns apart"


def alike(name: str) -> str:
    """The form in which names are compared: two names with the same form are one name for some reader. Letter case,
    Unicode form and surrounding white space do not count, nor does the dot of an i: to Java `I`, `i`, `İ` and `ı` are
    one letter.
    """
    folded = normalize("NFC", normalize("NFC", name).casefold()).strip()
    return folded.replace("i\u0307", "i").replace("\u0131", "i")


def is_same(one: str, other: str) -> bool:
    """Are both the same name to DuckDB? When it casts a struct, a field whose name has another form becomes NULL."""
    return one == other or one.translate(_LOWER) == other.translate(_LOWER)


def twins(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two names that are alike."""
    seen: dict[str, str] = {}
    for name in names:
        if alike(name) in seen:
            return seen[alike(name)], name
        seen[alike(name)] = name
    return None


def refuse_twins(names: Sequence[str], within: str = "") -> None:
    """SchemaError for two names of one level that are alike; `within` is the column that holds them."""
    if found := twins(names):
        inside = f" in {within!r}" if within else ""
        raise SchemaError(f"two columns{inside} are named {found[0]!r} and {found[1]!r}", hint=RENAME + _ALIKE)


def fault_of(name: str) -> str:
    """Why no column may have the name; empty when a column may."""
    if not name.strip():
        return "has no name"
    if any(category(letter) in {"Cc", "Cs"} for letter in name):
        return "has a name with a control character in it"
    return ""


def hint_of_renamed(text: str) -> str | None:
    """A hint for an error that names a provenance column by its old name, or by its new name in an old table."""
    found = set(re.findall(r"(?<![\w.])_(?:source_)?(?:file|row)(?![\w.])", text))
    for name in sorted(found & OLD_NAMES.keys()):
        return f"write {OLD_NAMES[name]}: the column {name} of landed rows is called so now"
    if found:
        return "a table of an earlier release gets these names with its next publish: run the asset that lands it first"
    return None
