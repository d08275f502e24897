"""Examples of an asset: rows of its inputs, and the rows that its code gives of them or the checks that fail then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, TypeAlias

from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean

GivenText: TypeAlias = str | Sequence[Mapping[str, Any]]
"""Rows as an author writes them: the text of a CSV file, or a table for each row."""
Wrong: TypeAlias = tuple[int, str, str]
"""The number of an example, from 1, and what is wrong with it: message and hint."""

_FIELDS: Final = ("name", "given", "files", "expect", "fails", "partition", "at")
_ROWS: Final = 'rows are CSV text, "id,name\\n1,x", or a list of tables, [{id = 1}] (in Python of dicts)'
_NAME: Final = 'name = "a cancelled flight has no delay"'


@dataclass(frozen=True)
class Example:
    """One example. `given` maps tables to their rows, `files` the names of outside files to their text. The code gives
    the rows of `expect`, in the columns that these name (None: whatever it gives), and the checks of `fails` fail on
    what it gives. `partition` says which window is built, `at` what time it is. `number` counts the asset's examples
    from 1, `line` is where it stands in the file.
    """

    name: str
    number: int
    given: Mapping[str, GivenText] = EMPTY
    files: Mapping[str, str] = EMPTY
    expect: GivenText | None = None
    fails: tuple[str, ...] = ()
    partition: str = ""
    at: datetime | None = None
    line: int = 1


def read_examples(value: object) -> tuple[tuple[Example, ...], tuple[Wrong, ...]]:
    """The examples, if none of them is wrong, and what is wrong with them."""
    if not isinstance(value, list | tuple) or not all(isinstance(each, Mapping) for each in value):
        return (), ((0, "examples has the wrong type", "write [[examples]] in SQL, examples=[{...}] in Python"),)
    wrong = [(at, *said) for at, each in enumerate(value, 1) for said in _wrong(each)]
    names = [each.get("name") for each in value]
    for at, name in enumerate(names, 1):
        if isinstance(name, str) and name in names[: at - 1]:
            wrong.append((at, f"two examples are called {name!r}", "give each a name of its own"))
    return () if wrong else tuple(_read(each, at) for at, each in enumerate(value, 1)), tuple(wrong)


def _read(raw: Mapping[str, Any], number: int) -> Example:
    fails = raw.get("fails", ())
    return Example(
        name=raw["name"],
        number=number,
        given=dict(raw.get("given", {})),
        files=dict(raw.get("files", {})),
        expect=raw.get("expect"),
        fails=(fails,) if isinstance(fails, str) else tuple(fails),
        partition=str(raw.get("partition", "")),
        at=raw.get("at"),
    )


def _wrong(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in raw:
        if field not in _FIELDS:
            hint = did_you_mean(str(field), _FIELDS, f"an example has {', '.join(_FIELDS)}")
            yield f"an example has an unknown field {field!r}", hint
    if not isinstance(raw.get("name"), str) or not raw["name"].strip():
        yield "an example has no name", _NAME
    if not isinstance(given := raw.get("given", {}), Mapping):
        yield "given is no table", 'given."silver.flights" = [{carrier = "AA"}]'
    else:
        yield from (
            (f"what is given as {name} is no rows", _ROWS) for name, rows in given.items() if not _is_rows(rows)
        )
    files = raw.get("files", {})
    if not isinstance(files, Mapping) or not all(isinstance(each, str) for each in (*files, *files.values())):
        yield "files is no table of texts", 'files."data/a.csv" = "id,name\\n1,x"'
    yield from _wrong_end(raw)
    if not isinstance(raw.get("partition", ""), str | date):
        yield "partition is no date", 'partition = "2013-01-01"'
    at = raw.get("at")
    if at is not None and (not isinstance(at, datetime) or at.tzinfo is None):
        yield "at is no time with a zone", "at = 2013-01-01T00:00:00Z"


def _wrong_end(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What it must come to: an example that expects nothing cannot fail."""
    fails = raw.get("fails", "x")
    texts = [fails] if isinstance(fails, str) else fails
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(each, str) and each for each in texts):
        yield "fails names no check", 'fails = "known_carrier"'
    if "expect" not in raw and "fails" not in raw:
        yield "an example expects nothing", "say which rows come, expect = [{...}], or which check fails, fails = ..."
    elif "expect" in raw and not _is_rows(raw["expect"]):
        yield "what is expected is no rows", _ROWS
    elif isinstance(raw.get("expect"), list | tuple) and raw["expect"] and not any(raw["expect"]):
        yield "the expected rows name no column", "name those that the example is about; [] means that no row comes"


def _is_rows(value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value)
