"""What is wrong with the versions of a contract, so that each file has exactly one that holds for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

from lakeflow.core.contract.fit import contracts, landed_columns, older_names, target_of
from lakeflow.core.model.file_source import Extra, FileSource, Format

Wrong = tuple[str, str]
"""A message and a hint."""


def wrong_versions(source: FileSource) -> Iterator[Wrong]:
    """Everything that is wrong with names and spans, once each version by itself is well written."""
    found = [wrong for version in contracts(source) for wrong in (*_names(source, version), *_nameless(version))]
    if found:
        yield from found  # columns cannot be told before their names are right
        return
    yield from _types(source)
    for one, other in combinations(contracts(source), 2):
        if bool(one.since or one.until) == bool(other.since or other.until) and _meet(one, other):
            yield (
                f"two versions of source take the same files: {_called(one)} and {_called(other)}",
                'write until = "orders-2025-07" in the older one: it then holds for the files whose names sort before',
            )


def _names(source: FileSource, version: FileSource) -> Iterator[Wrong]:
    for name in version.optional:
        if name not in version.columns:
            yield f"optional names {name!r}, which columns does not", "write it in columns too, with its type"
    older = [name for olders in version.renames.values() for name in olders]
    known = {*version.columns, *(() if version is source else (*source.columns, *source.renames)), *older}
    for name in version.renames:
        if name not in known:
            yield f"renames names {name!r}, which is no column", "write the name today = an older one"
    for name, times in Counter(older).items():
        if times > 1:
            yield f"renames says of two columns that they were {name!r}", "say it of one; versions tell more"
        elif version is source and name in version.columns:
            yield f"{name!r} is a column of source and the older name of another", "say it in a version, with until"
    circles = [name for name in older if name in older_names(version.renames, name)]
    yield from ((f"renames goes round in a circle at {name!r}", _TODAY) for name in circles)
    targets = Counter(() if circles else (target_of(source, version, name) for name in version.columns))
    for target, times in targets.items():
        if times > 1:
            yield f"two columns of a version land as {target!r}", "name each column once, by whatever name"


_TODAY = "write the name today = an older one"


def _nameless(version: FileSource) -> Iterator[Wrong]:
    """Columns without names in the file can only be told by their place."""
    if not version.names_columns and (version.optional or version.renames or version.extra is not Extra.ERROR):
        hint = "write a version with since or until for files that have other columns"
        yield "optional, renames and extra mean nothing for files that do not name their columns", hint
    if version.format is Format.PARQUET and not version.columns and (version.optional or version.renames):
        yield "optional and renames mean nothing without columns", "name all columns; an empty type is the file's own"


def _types(source: FileSource) -> Iterator[Wrong]:
    landed = landed_columns(source)
    for version in source.versions:
        for name, type_ in version.columns.items():
            target = target_of(source, version, name)
            if target not in source.columns and type_ != landed[target]:
                hint = f"write {target} in columns with the type that it has today, and in optional"
                yield f"versions of source have different types for {target!r}, and today's has none", hint


def _meet(one: FileSource, other: FileSource) -> bool:
    """May there be a file that both take?"""
    spans = (one.since, one.until, other.since, other.until)
    by_path = {"/" in bound for bound in spans if bound}
    if len(by_path) == 1:
        since, untils = max(one.since, other.since), [each for each in (one.until, other.until) if each]
        if untils and since >= min(untils):
            return False
    if not (one.names_columns and other.names_columns) or one.is_json or not (one.columns and other.columns):
        return True
    return _required(one) <= set(other.columns) and _required(other) <= set(one.columns)


def _required(version: FileSource) -> set[str]:
    return set(version.columns) - set(version.optional)


def _called(version: FileSource) -> str:
    span = " ".join(f"{word} {bound}" for word, bound in (("since", version.since), ("until", version.until)) if bound)
    return span or f"the one with {', '.join(list(version.columns)[:5])}"


def types_of(source: FileSource, version: FileSource) -> Mapping[str, str]:
    """The types of a version's columns, by the names under which they land."""
    return {target_of(source, version, name): type_ for name, type_ in version.columns.items()}
