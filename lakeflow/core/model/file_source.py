"""Which outside files a bronze asset lands, and how they are written: declared, never guessed.

Importing this file is cheap on purpose: files of a project do it through `from lakeflow import files`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from lakeflow.core.errors import SchemaError
from lakeflow.core.wording import did_you_mean

FILE: Final = "_file"
ROW: Final = "_row"
LOADED_AT: Final = "_loaded_at"
PROVENANCE: Final = (FILE, ROW, LOADED_AT)
"""Columns that every landed row gets: file (relative to the root), ordinal in it (from 1), time of the load."""

LANDED_ROWS: Final = "source"
"""The table from which the SELECT of an asset reads the rows that it lands."""


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


class Once(StrEnum):
    """What tells whether a file has landed: its name and content, or its content under whatever name."""

    NAME = "name"
    CONTENT = "content"


@dataclass(frozen=True)
class FileSource:
    """Files that land once each; `once` says what makes two of them the same.

    `globs` are relative to the root. `columns` maps each column, in the order of the file, to its type as Iceberg or
    DuckDB spell it; an empty type means text, or in Parquet what the file says. `header` says whether a CSV file
    begins with its column names.
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
            "header": self.header,
        }
        return {name: value for name, value in everything.items() if name in _OF_FORMAT[self.format]}


def files(  # the words of a declaration, all but the first by keyword
    *globs: str,
    format: Literal["csv", "ndjson", "parquet"],  # noqa: A002  the format's word
    **fields: Any,
) -> Mapping[str, Any]:
    """The files that a bronze asset lands: `@asset(source=files("data/landing/*.csv", format="csv", columns=[…]))`.

    Nothing is judged here but a misspelled field: faults of all files are reported together at load.

    Args:
        *globs: paths relative to the project's root; `*`, `?`, `[…]` and `**` as in a shell.
        format: `csv`, `ndjson` (one JSON object a line) or `parquet`. A name that ends in `.gz` or `.zip` is unpacked.
        **fields: `folder` stands before every glob. `once="content"` skips bytes that landed under another name.
            `columns` names all columns in order: a list (text), or a dict of
            name → type. For CSV `delimiter`
            (","), `quote` ('"'), `escape` (the quote), `header` (True) and, as for NDJSON, `encoding` ("utf-8").

    """
    if unknown := next((name for name in fields if name not in FIELDS), None):
        hint = did_you_mean(unknown, FIELDS, f"the fields are {', '.join(FIELDS)}")
        raise TypeError(f"files() has no field {unknown!r}: {hint}")
    return {"files": globs, "format": format, **fields}


FIELDS: Final = ("files", "folder", "format", "columns", "once", "delimiter", "quote", "escape", "encoding", "header")
_ANY: Final = frozenset({"files", "folder", "format", "columns", "once"})
_OF_FORMAT: Final[Mapping[Format, frozenset[str]]] = {
    Format.CSV: frozenset(FIELDS),
    Format.NDJSON: _ANY | {"encoding"},
    Format.PARQUET: _ANY,
}
Wrong = tuple[str, str]
"""A message and a hint."""


def read_source(raw: Mapping[str, Any]) -> tuple[FileSource | None, tuple[Wrong, ...]]:
    """The source as `files(…)` or a header's `[source]` declares it, or None and all that is wrong with it."""
    wrong = tuple(_wrongs(raw))
    return (None, wrong) if wrong else (_source(raw), ())


def _source(raw: Mapping[str, Any]) -> FileSource:
    quote = raw.get("quote", '"')
    return FileSource(
        globs=_globs(raw) or (),
        format=Format(raw["format"]),
        columns=_columns(raw.get("columns", {})) or {},
        delimiter=raw.get("delimiter", ","),
        quote=quote,
        escape=raw.get("escape", quote),
        encoding=raw.get("encoding", "utf-8"),
        header=raw.get("header", True),
        once=Once(raw.get("once", Once.NAME)),
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
    columns = _columns(raw.get("columns", {}))
    if columns is None:
        yield (
            "columns of source has the wrong type",
            'write columns = ["id", "total"], or {id = "long", total = "double"}',
        )
    elif not columns and format_ is not Format.PARQUET:
        yield "source declares no columns", "name them all, in the order of the file: nothing is guessed"
    else:
        yield from _wrong_columns(columns, raw.get("columns", {}))


def _columns(value: object) -> Mapping[str, str] | None:
    """A list of names means text; a mapping says types."""
    if isinstance(value, list | tuple) and all(isinstance(each, str) and each for each in value):
        return dict.fromkeys(value, "")
    if isinstance(value, Mapping) and all(isinstance(side, str) for pair in value.items() for side in pair):
        return {str(name): str(type_) for name, type_ in value.items()}
    return None


def _wrong_columns(columns: Mapping[str, str], written: Sequence[str] | Mapping[str, str]) -> Iterator[Wrong]:
    from lakeflow.core.model.type_names import parse_type  # noqa: PLC0415  only the few who declare types pay for it

    seen: set[str] = set()
    for name in written:
        if name.lower() in seen:
            yield f"source names column {name!r} twice", "name every column once; letter case is ignored"
        if name.lower() in PROVENANCE:
            yield f"source cannot have a column {name!r}", f"{', '.join(PROVENANCE)} are added to every landed row"
        seen.add(name.lower())
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
    if not isinstance(raw.get("header", True), bool):
        yield "header is neither true nor false", "drop it where the file begins with its column names"
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
