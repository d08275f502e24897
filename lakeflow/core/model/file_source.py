"""Which outside files a bronze asset lands, and their format: declared by the author, never guessed.

Importing this file is cheap on purpose: files of a project do it through `from lakeflow import files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack

from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean

LANDED_ROWS: Final = "source"
"""The name of the table from which an asset's SELECT reads the rows of landed files."""


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"
    PARQUET = "parquet"


class Once(StrEnum):
    """How a file that has landed is recognised: by name and content, or by content alone."""

    NAME = "name"
    CONTENT = "content"


class Extra(StrEnum):
    """What becomes of a column that a file has and its contract does not name."""

    ERROR = "error"
    LAND = "land"
    IGNORE = "ignore"


class OnMalformed(StrEnum):
    """What a row that is not as declared does: it stops the load, or it is put apart in the asset's quarantine."""

    STOP = "stop"
    QUARANTINE = "quarantine"


@dataclass(frozen=True)
class Caps:
    """The most bytes of a line of CSV, an object of JSON, a cell, a file, and what that unpacks to; 0: no bound."""

    line: int = 2_000_000
    object: int = 16 << 20
    cell: int = 0
    file: int = 0
    expanded: int = 0


NO_CAPS: Final = Caps()


@dataclass(frozen=True)
class FileSource:
    """Files that land once each; `once` says when two files are the same.

    `globs` are relative to the root. `columns` maps each column, in the order of the file, to its type as Iceberg or
    DuckDB spell it; an empty type means text, or in Parquet the file's own type. `header` says whether a CSV file
    begins with its column names; `by_position` replaces these by the names of `columns`. Before the header `skip` lines
    are left out. Lines that begin with `comment` are left out anywhere.

    Files need not have the `optional` columns. `renames` maps a column to its older names, newest first. `versions` are
    contracts of other files, each a whole source; a version with `since` or `until` holds for the files whose names
    sort from the one on and before the other. A file with more than `max_fraction` malformed rows stops the load.
    `caps` are those of the lake, once files land.
    """

    globs: tuple[str, ...]
    format: Format
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: str = "utf-8"
    header: bool = True
    once: Once = Once.NAME
    by_position: bool = False
    skip: int = 0
    comment: str = ""
    optional: tuple[str, ...] = ()
    renames: Mapping[str, tuple[str, ...]] = EMPTY
    extra: Extra = Extra.ERROR
    since: str = ""
    until: str = ""
    versions: tuple[FileSource, ...] = ()
    on_malformed: OnMalformed = OnMalformed.STOP
    max_fraction: float = 1.0
    caps: Caps = NO_CAPS

    def within(self, caps: Caps) -> FileSource:
        """The same source with the caps of a lake."""
        return replace(self, caps=caps, versions=tuple(version.within(caps) for version in self.versions))

    @property
    def puts_apart(self) -> bool:
        """Do malformed rows go to the asset's quarantine?"""
        return self.on_malformed is OnMalformed.QUARANTINE

    @property
    def names_columns(self) -> bool:
        """Do the files themselves say what their columns are called?"""
        return self.format is not Format.CSV or (self.header and not self.by_position)

    @property
    def is_prepared(self) -> bool:
        """Is each file copied without the lines that are no rows?"""
        return bool(self.skip or self.comment)

    @property
    def has_header_line(self) -> bool:
        """Do the lines that are read begin with a header?"""
        return self.header and not self.is_prepared

    @property
    def is_json(self) -> bool:
        return self.format in {Format.NDJSON, Format.JSON}

    def data_fields(self) -> dict[str, Any]:
        """Everything that can change the rows of a file, for the code version; columns keep their order."""
        everything = {
            "files": list(self.globs),
            "format": self.format.value,
            "columns": [list(column) for column in self.columns.items()],
            "delimiter": self.delimiter,
            "quote": self.quote,
            "escape": self.escape,
            "encoding": self.encoding,
            "header": list(self.columns) if self.by_position else self.header,
            **{name: value for name in ("skip", "comment") if (value := getattr(self, name))},
        }
        return {name: value for name, value in everything.items() if name in OF_FORMAT[self.format]} | self._drift()

    def _drift(self) -> dict[str, Any]:
        """What is declared of files that differ. Without a word on them, the code version is what it was before."""
        declared = {
            "optional": sorted(self.optional),
            "renames": {name: list(older) for name, older in sorted(self.renames.items())},
            "extra": "" if self.extra is Extra.ERROR else self.extra.value,
            "since": self.since,
            "until": self.until,
            "versions": [version.data_fields() for version in self.versions],
            "on_malformed": self.on_malformed.value if self.puts_apart else "",
            "max_fraction": self.max_fraction if self.max_fraction < 1 else 0,
        }
        return {name: value for name, value in declared.items() if value}


class FileFields(TypedDict, total=False):
    """What can be declared about outside files besides their place and format."""

    folder: str
    once: Literal["name", "content"]
    columns: Sequence[str] | Mapping[str, str]
    delimiter: str
    quote: str
    escape: str
    header: bool | Sequence[str]
    skip: int
    comment: str
    encoding: str
    optional: Sequence[str]
    renames: Mapping[str, str | Sequence[str]]
    extra: Literal["error", "land", "ignore"]
    since: str
    until: str
    versions: Sequence[Mapping[str, Any]]
    on_malformed: Literal["stop", "quarantine"]
    max_fraction: float


FilesDeclared: TypeAlias = Mapping[str, object]
"""What `files(…)` passes to `@asset(source=…)`. It is judged when the project is loaded."""


def files(  # the words of a declaration, all but the first by keyword
    *globs: str,
    format: Literal["csv", "ndjson", "json", "parquet"],  # noqa: A002  the format's word
    **fields: Unpack[FileFields],
) -> FilesDeclared:
    """The files that a bronze asset lands: `@asset(source=files("data/landing/*.csv", format="csv", columns=[…]))`.

    Nothing is judged here but a misspelled field: faults of all files are reported together at load.

    Args:
        *globs: paths relative to the project's root; `*`, `?`, `[…]` and `**` as in a shell.
        format: `csv`, `ndjson` (one JSON object a line), `json` (an array of objects) or `parquet`. A name that ends in
            `.gz` or `.zip` is unpacked.
        **fields: `folder` stands before every glob. `once="content"` skips bytes that landed under another name.
            `columns` names all columns in order: a list (text), or a dict of name → type. For CSV `delimiter` (","),
            `quote` ('"'), `escape` (the quote), `header` (True, or names by position), `skip` (lines), `comment`
            (the sign that begins one) and, as for JSON, `encoding` ("utf-8"). Of files that differ: `optional` columns,
            `renames` (today's name → older ones), `extra` ("error", "land" or "ignore" what is not declared), and
            `versions`, each a dict of what is otherwise for the files `since` and `until` a name.
            `on_malformed="quarantine"` puts malformed rows apart, at most a `max_fraction` of a file's.

    """
    if unknown := next((name for name in fields if name not in FIELDS), None):
        hint = did_you_mean(unknown, FIELDS, f"the fields are {', '.join(FIELDS)}")
        raise TypeError(f"files() has no field {unknown!r}: {hint}")
    return {"files": globs, "format": format, **fields}


_OF_CSV: Final = ("delimiter", "quote", "escape", "encoding", "header", "skip", "comment")
_OF_CONTRACT: Final = ("columns", "optional", "renames", "extra", "since", "until")
FIELDS: Final = (
    "files",
    "folder",
    "format",
    "once",
    *_OF_CONTRACT,
    "versions",
    "on_malformed",
    "max_fraction",
    *_OF_CSV,
)
VERSION_FIELDS: Final = (*_OF_CONTRACT, *_OF_CSV)
"""What a version of the contract may declare."""
_ANY: Final = frozenset(FIELDS) - frozenset(_OF_CSV)
OF_FORMAT: Final[Mapping[Format, frozenset[str]]] = {
    Format.CSV: frozenset(FIELDS),
    Format.NDJSON: _ANY | {"encoding"},
    Format.JSON: _ANY | {"encoding"},
    Format.PARQUET: _ANY,
}
