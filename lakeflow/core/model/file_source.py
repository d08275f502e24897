"""Which outside files a bronze asset lands, and their format: declared by the author, never guessed.

Importing this file is cheap on purpose: files of a project do it through `from lakeflow import files`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack

from lakeflow.core.column_names import PROVENANCE, RESERVED, twins
from lakeflow.core.errors import SchemaError
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


@dataclass(frozen=True)
class FileSource:
    """Files that land once each; `once` says when two files are the same.

    `globs` are relative to the root. `columns` maps each column, in the order of the file, to its type as Iceberg or
    DuckDB spell it; an empty type means text, or in Parquet the file's own type. `header` says whether a CSV file
    begins with its column names; `by_position` replaces these by the names of `columns`. Before the header `skip` lines
    are left out. Lines that begin with `comment` are left out anywhere.
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
        return {name: value for name, value in everything.items() if name in _OF_FORMAT[self.format]}


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
            (the sign that begins one) and, as for JSON, `encoding` ("utf-8").

    """
    if unknown := next((name for name in fields if name not in FIELDS), None):
        hint = did_you_mean(unknown, FIELDS, f"the fields are {', '.join(FIELDS)}")
        raise TypeError(f"files() has no field {unknown!r}: {hint}")
    return {"files": globs, "format": format, **fields}


_OF_CSV: Final = ("delimiter", "quote", "escape", "encoding", "header", "skip", "comment")
FIELDS: Final = ("files", "folder", "format", "columns", "once", *_OF_CSV)
_ANY: Final = frozenset({"files", "folder", "format", "columns", "once"})
_OF_FORMAT: Final[Mapping[Format, frozenset[str]]] = {
    Format.CSV: frozenset(FIELDS),
    Format.NDJSON: _ANY | {"encoding"},
    Format.JSON: _ANY | {"encoding"},
    Format.PARQUET: _ANY,
}
Wrong = tuple[str, str]
"""A message and a hint."""


def read_source(raw: Mapping[str, Any]) -> tuple[FileSource | None, tuple[Wrong, ...]]:
    """The source that `files(…)` or a header's `[source]` declares, or None and everything that is wrong with it."""
    wrong = tuple(_wrongs(raw))
    return (None, wrong) if wrong else (_source(raw), ())


def _source(raw: Mapping[str, Any]) -> FileSource:
    quote, header = raw.get("quote", '"'), raw.get("header", True)
    return FileSource(
        globs=_globs(raw) or (),
        format=Format(raw["format"]),
        columns=_named(raw) or {},
        delimiter=raw.get("delimiter", ","),
        quote=quote,
        escape=raw.get("escape", quote),
        encoding=raw.get("encoding", "utf-8"),
        header=bool(header),
        once=Once(raw.get("once", Once.NAME)),
        by_position=not isinstance(header, bool),
        skip=raw.get("skip", 0),
        comment=raw.get("comment", ""),
    )


def _wrongs(raw: Mapping[str, Any]) -> Iterator[Wrong]:
    for name in raw:
        if name not in FIELDS:
            yield f"source has an unknown field {name!r}", did_you_mean(name, FIELDS, f"it has {', '.join(FIELDS)}")
    if not _globs(raw):
        yield "source names no files", 'write folder = "data/landing" and files = "*.csv"'
    if any("**" in part and part != "**" for glob in _globs(raw) or () for part in glob.split("/")):
        yield "** in the files of source stands beside other letters", 'write "**/*.csv": ** is a whole folder name'
    if raw.get("format") not in list(Format):
        yield f"source has format {raw.get('format')!r}", f"the formats are {', '.join(Format)}"
    else:
        yield from _wrong_fields(raw, Format(raw["format"]))
    if raw.get("once", Once.NAME) not in list(Once):
        yield f"once is {raw['once']!r}", 'write once = "content", or drop it: a file is its name and content'
    yield from _wrong_dialect(raw)


def _globs(raw: Mapping[str, Any]) -> tuple[str, ...] | None:
    value = raw.get("files")
    values = (value,) if isinstance(value, str) else value
    if (
        not isinstance(raw.get("folder", ""), str)
        or not isinstance(values, list | tuple)
        or not all(isinstance(each, str) and each for each in values)
    ):
        return None
    folder = raw.get("folder", "")
    return tuple(f"{folder.rstrip('/')}/{each}" if folder else each for each in values)


def _wrong_fields(raw: Mapping[str, Any], format_: Format) -> Iterator[Wrong]:
    for name in raw:
        if name in FIELDS and name not in _OF_FORMAT[format_]:
            yield (
                f"{name} means nothing for {format_}",
                f"drop it; {format_} takes {', '.join(sorted(_OF_FORMAT[format_]))}",
            )
    columns = _named(raw)
    if columns is None:
        yield (
            "columns of source has the wrong type",
            'write columns = ["id", "total"], or {id = "long", total = "double"}',
        )
    elif not columns and format_ is not Format.PARQUET:
        yield "source declares no columns", "name them all, in the order of the file: nothing is guessed"
    else:
        yield from _wrong_columns(columns, _titles(raw) or raw.get("columns", {}))


def _titles(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that the header must have, by position; none where the file's header gives its own names."""
    header = raw.get("header")
    is_list = isinstance(header, list | tuple) and all(isinstance(each, str) for each in header)
    return tuple(header or ()) if is_list else ()


def _named(raw: Mapping[str, Any]) -> Mapping[str, str] | None:
    """All columns with their types; where the header is given by position, those that are declared besides it."""
    declared, titles = _columns(raw.get("columns", {})), _titles(raw)
    if declared is None or not titles:
        return declared
    return {**{name: declared.get(name, "") for name in titles}, **declared}


def _columns(value: object) -> Mapping[str, str] | None:
    """A list gives names, and every column is text; a mapping gives types too."""
    if isinstance(value, list | tuple) and all(isinstance(each, str) and each for each in value):
        return dict.fromkeys(value, "")
    if isinstance(value, Mapping) and all(isinstance(side, str) for pair in value.items() for side in pair):
        return {str(name): str(type_) for name, type_ in value.items()}
    return None


def _wrong_columns(columns: Mapping[str, str], written: Sequence[str] | Mapping[str, str]) -> Iterator[Wrong]:
    from lakeflow.core.model.type_names import parse_type  # noqa: PLC0415  only the few who declare types pay for it

    if found := twins(written):
        yield f"source names columns {found[0]!r} and {found[1]!r}", "name every column once; letter case is ignored"
    for name in written:
        if name.lower() in {*PROVENANCE, *RESERVED}:
            yield f"source cannot have a column {name!r}", f"{', '.join(PROVENANCE)} are added to every landed row"
    for name, type_ in columns.items():
        try:
            if type_:
                parse_type(type_)
        except SchemaError as error:
            yield f"column {name!r} of source: {error.message}", error.hint or ""


def _wrong_dialect(raw: Mapping[str, Any]) -> Iterator[Wrong]:
    if not _is_character(raw.get("delimiter", ",")):
        yield "delimiter is not one character", 'write delimiter = ";"'
    for name in ("quote", "escape"):
        if raw.get(name, "") != "" and not _is_character(raw[name]):
            yield f"{name} is not one character", f"write {name} = '\"', or an empty text for none"
    if not isinstance(raw.get("header", True), bool) and not _titles(raw):
        hint = 'drop it where the file begins with its column names, or name them by position: header = ["id", "total"]'
        yield "header is neither true nor false nor a list of names", hint
    elif (titles := _titles(raw)) and (strange := [name for name in _named(raw) or () if name not in titles]):
        yield f"columns of source has {strange[0]!r}, which header does not name", "name it in header, at its place"
    if not isinstance(raw.get("skip", 0), int) or isinstance(raw.get("skip"), bool) or raw.get("skip", 0) < 0:
        yield "skip is no number of lines", "write skip = 2 where two lines stand before the header"
    if "comment" in raw and not _is_character(raw["comment"]):
        yield "comment is not one character", 'write comment = "#" where lines that begin so are no rows'
    if not _is_encoding(raw.get("encoding", "utf-8")):
        yield (
            f"unknown encoding {raw.get('encoding')!r}",
            'write encoding = "latin-1", or another name that Python knows',
        )


def _is_character(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1 and value not in "\r\n"


def _is_encoding(value: object) -> bool:
    try:
        return isinstance(value, str) and isinstance("a".encode(value), bytes)
    except LookupError:
        return False
