"""Reads what an author declares of a source, and finds everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lakeflow.core.column_names import PROVENANCE, RESERVED, twins
from lakeflow.core.contract.versions import Wrong, wrong_versions
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.file_source import (
    FIELDS,
    OF_FORMAT,
    VERSION_FIELDS,
    Extra,
    FileSource,
    Format,
    Once,
    OnMalformed,
)
from lakeflow.core.wording import did_you_mean


def read_source(raw: Mapping[str, Any]) -> tuple[FileSource | None, tuple[Wrong, ...]]:
    """The source that `files(…)` or a header's `[source]` declares, or None and everything that is wrong with it."""
    wrong = (*_wrongs(raw), *(fault for version in _raw_versions(raw) for fault in _wrong_version(raw, version)))
    if wrong:
        return None, wrong
    source = _source(raw)
    wrong = tuple(wrong_versions(source))
    return (None, wrong) if wrong else (source, ())


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
        optional=tuple(raw.get("optional", ())),
        renames={new: _listed(older) for new, older in raw.get("renames", {}).items()},
        extra=Extra(raw.get("extra", Extra.ERROR)),
        since=raw.get("since", ""),
        until=raw.get("until", ""),
        versions=tuple(_source(_whole(raw, version)) for version in _raw_versions(raw)),
        on_malformed=OnMalformed(raw.get("on_malformed", OnMalformed.STOP)),
        max_fraction=float(raw.get("max_fraction", 1.0)),
    )


def _raw_versions(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    value = raw.get("versions", [])
    found = isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value)
    return list(value) if found else []


def _whole(raw: Mapping[str, Any], version: Mapping[str, Any]) -> dict[str, Any]:
    """A version as a source of its own: what it does not say is as today, but a contract that has columns of its own
    says the rest of the contract, too.
    """
    own = {"versions", "since", "until", *(("optional", "renames", "header") if "columns" in version else ())}
    if isinstance(raw.get("header"), bool):
        own.discard("header")
    return {**{name: value for name, value in raw.items() if name not in own}, **version}


def _wrong_version(raw: Mapping[str, Any], version: Mapping[str, Any]) -> Iterator[Wrong]:
    for name in version:
        if name not in VERSION_FIELDS:
            hint = did_you_mean(name, VERSION_FIELDS, f"a version has {', '.join(VERSION_FIELDS)}")
            yield f"a version of source has an unknown field {name!r}", hint
    known = set(_wrongs({name: value for name, value in raw.items() if name != "versions"}))
    yield from (wrong for wrong in _wrongs(_whole(raw, version)) if wrong not in known)


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
    yield from _wrong_contract(raw)


def _wrong_contract(raw: Mapping[str, Any]) -> Iterator[Wrong]:
    if not _is_names(raw.get("optional", [])):
        yield "optional is no list of columns", 'write optional = ["channel"]'
    renames = raw.get("renames", {})
    if not isinstance(renames, Mapping) or not all(_is_names(_listed(older)) for older in renames.values()):
        yield "renames has the wrong type", 'write renames = {total = "amount"}: the name today = an older one'
    for name, kinds in (("extra", list(Extra)), ("on_malformed", list(OnMalformed))):
        if name in raw and raw[name] not in kinds:
            yield f"{name} is {raw[name]!r}", f"it is one of {', '.join(kinds)}"
    yield from _wrong_span(raw)
    share = raw.get("max_fraction", 1.0)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        yield "max_fraction is no number from 0 to 1", "write max_fraction = 0.01 where 1 row in 100 may be malformed"
    elif "max_fraction" in raw and raw.get("on_malformed", "stop") != OnMalformed.QUARANTINE:
        yield "max_fraction means nothing where a malformed row stops the load", 'write on_malformed = "quarantine"'


def _wrong_span(raw: Mapping[str, Any]) -> Iterator[Wrong]:
    for name in ("since", "until"):
        if not isinstance(raw.get(name, ""), str):
            yield f"{name} is no text", f'write {name} = "orders-2025-07": names of files are compared with it'
    if raw.get("since", "") and raw.get("until", "") and str(raw["since"]) >= str(raw["until"]):
        yield "since is not before until", "names from since on and before until are meant"
    versions = raw.get("versions", [])
    if len(_raw_versions(raw)) != (len(versions) if isinstance(versions, list | tuple) else -1):
        yield "versions is no list of tables", "write [[source.versions]] above what was otherwise in older files"


def _listed(value: object) -> tuple[Any, ...]:
    """Older names, of which there may be one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else (None,)


def _is_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) and each for each in value)


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
        if name in FIELDS and name not in OF_FORMAT[format_]:
            yield (
                f"{name} means nothing for {format_}",
                f"drop it; {format_} takes {', '.join(sorted(OF_FORMAT[format_]))}",
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
