"""How an asset is declared: the decorator, and the same fields read out of it or out of a SQL header.

Importing this file is cheap on purpose: every file of a project does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias, TypedDict, TypeVar, overload

from lakeflow.core.amounts import parse_bytes
from lakeflow.core.calendar import Unit, parse_moment, parse_partition
from lakeflow.core.errors import SchemaError
from lakeflow.core.layout import PartitionField, SortField, read_partition_field, read_sort_field
from lakeflow.core.model import (
    EMPTY,
    AssetKey,
    Column,
    Deletes,
    ExternalKey,
    ForeignKey,
    Kind,
    Limits,
    Mask,
    OnRewrite,
    WriteMode,
)
from lakeflow.core.nearest import did_you_mean
from lakeflow.core.source import FileSource, read_source

_LAST_BY: Final = "last by "
ATTRIBUTE: Final = "__lakeflow__"
"""Where `@asset` leaves what its author wrote, on the function itself."""

Function = TypeVar("Function", bound=Callable[..., Any])
Choice = TypeVar("Choice", bound=StrEnum)
Placed = TypeVar("Placed", PartitionField, SortField)
Names: TypeAlias = str | Sequence[str]


class ColumnFields(TypedDict, total=False):
    """What can be said of a column: its type in Iceberg's or DuckDB's words, is it personal, how it is masked, what
    it is.
    """

    type: str
    pii: bool
    mask: Literal["hash", "redact"]
    description: str


class NewRows(str):
    """The name of an input of which an asset reads only the rows that it has not consumed yet."""

    __slots__ = ()


def new_rows(upstream: str) -> str:
    """Only the rows of `layer.name` that came since the asset's own published snapshot was made.

    `@asset(inputs={"raw": new_rows("bronze.flights")}, write="append")`; a SQL header says `new_rows = […]`.
    """
    return NewRows(upstream)


@overload
def asset(function: Function, /) -> Function: ...


@overload
def asset(
    *,
    inputs: Mapping[str, str] = ...,
    external: Names = ...,
    renamed_from: str = ...,
    key: Names = ...,
    write: Literal["append", "replace", "upsert", "partition", "scd2"] = ...,
    keep: str = ...,
    at: str = ...,
    deletes: Literal["ignore", "close"] = ...,
    partition_by: Names = ...,
    sort_by: Names = ...,
    description: str = ...,
    owner: str = ...,
    tags: Names = ...,
    columns: Mapping[str, ColumnFields] = ...,
    checks: Names = ...,
    layer: Literal["bronze", "silver", "gold"] = ...,
    reads: Names = ...,
    source: Mapping[str, Any] = ...,
    kind: Literal["dimension", "fact", "mart"] = ...,
    foreign_keys: Mapping[str, str] = ...,
    on_rewrite: Literal["rebuild", "hold"] = ...,
    partition: str = ...,
    start: str | date = ...,
    end: str | date = ...,
    lookback: int = ...,
    allow_empty: bool = ...,
    timeout: float = ...,
    retries: int = ...,
    max_rows: int = ...,
    max_bytes: int | str = ...,
) -> Callable[[Function], Function]: ...


def asset(function: Function | None = None, /, **fields: Any) -> Function | Callable[[Function], Function]:
    """Declare that a function makes the table of its own name; the function stays as it is.

    Nothing is judged here but a misspelled field: faults of all files are reported together at load.

    Args:
        function: only when the decorator is used bare.
        **fields: `inputs` maps a parameter to the upstream `layer.name` that it receives. `key` is the primary
            key. `write` is `append` (bronze's default), `replace` (the default elsewhere), `partition` (replaces
            the partitions that come) or `upsert`, for which `keep="last by <column>"` says which of several rows with
            one key counts. `partition_by` and `sort_by` say how rows lie in files. `columns` says of a column its
            `type`, whether it is `pii`, its `mask` (`hash` or `redact`) and its `description`. `checks` are shared
            check files, relative to `checks/`. `reads` are globs of outside files, relative to the root: the asset is
            stale when one changes. `source` is `files(…)`, outside files that land once each; the function then takes
            one parameter, the rows of the new files. `kind` says what a gold asset is: `dimension`, `fact` or `mart`
            (the default); `foreign_keys` maps a column of a fact or dimension to the key `gold.name.column` in which
            its values must stand. `on_rewrite` says what becomes of an asset with `new_rows(…)` inputs when rows that
            it consumed were rewritten: `rebuild` it from all rows (the default), or `hold`. `partition`
            (`"day(departed_at)"`) with `start`, and maybe `end` and `lookback`, builds the table partition by
            partition; the function may take `partition_start` and `partition_end`. `allow_empty` lets checks pass on
            no rows. `timeout` (seconds), `retries`, `max_rows` and `max_bytes` (`"2GB"`) are what its code may take, 0
            for no bound. `layer` is needed only where no folder says it. `description` (default: the docstring),
            `owner` and `tags` are for people. `external` are tables of other catalogs that it reads, each
            `catalog.namespace.table`; `inputs` may map a parameter to one. `renamed_from` is the name that its table
            still has.

    """

    def declare(function: Function) -> Function:
        setattr(function, ATTRIBUTE, dict(fields))
        return function

    if unknown := next((name for name in fields if name not in FIELDS), None):
        hint = did_you_mean(unknown, FIELDS, f"the fields are {', '.join(FIELDS)}")
        raise TypeError(f"asset() has no field {unknown!r}: {hint}")
    return declare if function is None else declare(function)


@dataclass(frozen=True)
class Flaw:
    """What is wrong with one field; `field` is empty where it concerns the whole declaration."""

    field: str
    message: str
    hint: str


@dataclass(frozen=True)
class Declaration:
    """What an author declared of an asset, every field in its type; `write` None means the layer's default.

    `keep` is the column whose greatest value chooses between rows that come with one key.
    """

    inputs: Mapping[str, str] = EMPTY
    external: tuple[ExternalKey, ...] = ()
    renamed_from: AssetKey | None = None
    key: tuple[str, ...] = ()
    write: WriteMode | None = None
    keep: str = ""
    at: str = ""
    deletes: Deletes | None = None
    partition_by: tuple[PartitionField, ...] = ()
    sort_by: tuple[SortField, ...] = ()
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    columns: Mapping[str, Column] = EMPTY
    checks: tuple[str, ...] = ()
    layer: str = ""
    reads: tuple[str, ...] = ()
    source: FileSource | None = None
    kind: Kind | None = None
    foreign_keys: tuple[ForeignKey, ...] = ()
    new_rows: tuple[str, ...] = ()
    on_rewrite: OnRewrite | None = None
    partition: tuple[Unit, str] | None = None
    start: datetime | None = None
    end: datetime | None = None
    lookback: int = 0
    allow_empty: bool = False
    timeout: float | None = None
    retries: int | None = None
    max_rows: int | None = None
    max_bytes: int | None = None

    @property
    def limits(self) -> Limits:
        return Limits(self.timeout, self.retries, self.max_rows, self.max_bytes)


def read_declaration(
    raw: Mapping[str, Any], fields: Mapping[str, str] | None = None
) -> tuple[Declaration, tuple[Flaw, ...]]:
    """The declaration as far as it can be read, and everything wrong with it.

    `fields` are those allowed here, each with the form it takes (`FIELDS`, or `HEADER_FIELDS` in SQL).
    """
    fields = FIELDS if fields is None else fields
    flaws: list[Flaw] = []
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in fields:
            hint = did_you_mean(name, fields, f"the fields are {', '.join(fields)}")
            flaws.append(Flaw(name, f"unknown field {name!r}", hint))
            continue
        try:
            values[name] = _FORMS[fields[name]](name, value, flaws)
        except _WrongFormError:
            flaws.append(Flaw(name, f"{name} has the wrong type", f"write {_EXAMPLES[name]}"))
    if marked := tuple(name for name in values.get("inputs", EMPTY).values() if isinstance(name, NewRows)):
        values["new_rows"] = marked
    declaration = Declaration(**values)
    return declaration, (*flaws, *_key_flaws(declaration))


def _key_flaws(declaration: Declaration) -> Iterator[Flaw]:
    seen: set[str] = set()
    for column in declaration.key:
        if column.lower() in seen:
            yield Flaw("key", f"key names column {column!r} twice", "name every column once; letter case is ignored")
        seen.add(column.lower())


class _WrongFormError(Exception):
    """A value is not of the form that its field takes."""


def _text(_name: str, value: object, _flaws: list[Flaw]) -> str:
    if not isinstance(value, str):
        raise _WrongFormError
    return value


def _flag(_name: str, value: object, _flaws: list[Flaw]) -> bool:
    if not isinstance(value, bool):
        raise _WrongFormError
    return value


def _seconds(_name: str, value: object, _flaws: list[Flaw]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise _WrongFormError
    return value


def _number(_name: str, value: object, _flaws: list[Flaw]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _WrongFormError
    return value


def _bytes(name: str, value: object, flaws: list[Flaw]) -> int:
    """A number of bytes, or a text such as 2GB."""
    if not isinstance(value, str):
        return _number(name, value, flaws)
    try:
        return parse_bytes(value)
    except ValueError:
        raise _WrongFormError from None


def _names(_name: str, value: object, _flaws: list[Flaw]) -> tuple[str, ...]:
    """A list of texts; one text alone stands for a list of one."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        raise _WrongFormError
    return tuple(value)


def _mapping(_name: str, value: object, _flaws: list[Flaw]) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(side, str) for pair in value.items() for side in pair):
        raise _WrongFormError
    return dict(value)


def _asset_key(name: str, value: object, flaws: list[Flaw]) -> AssetKey | None:
    key = AssetKey.find(_text(name, value, flaws))
    if key is None:
        flaws.append(Flaw(name, f"{value!r} is not layer.name", f"write {_EXAMPLES[name]}"))
    return key


def _external(name: str, value: object, flaws: list[Flaw]) -> tuple[ExternalKey, ...]:
    keys: dict[ExternalKey, None] = {}
    for text in _names(name, value, flaws):
        try:
            keys[ExternalKey.parse(text)] = None
        except ValueError as error:
            flaws.append(Flaw(name, str(error), f"write {_EXAMPLES[name]}"))
    return tuple(keys)


def _write(_name: str, value: object, flaws: list[Flaw]) -> WriteMode | None:
    if not isinstance(value, str):
        raise _WrongFormError
    modes = [mode.value for mode in WriteMode]
    if value in modes:
        return WriteMode(value)
    flaws.append(Flaw("write", f"unknown write mode {value!r}", f"{', '.join(modes[:-1])} and {modes[-1]} exist"))
    return None


def _choice(options: type[Choice]) -> Callable[[str, object, list[Flaw]], Choice | None]:
    """The form of a field that takes one of a few words."""

    def read(name: str, value: object, flaws: list[Flaw]) -> Choice | None:
        if not isinstance(value, str):
            raise _WrongFormError
        if value in list(options):
            return options(value)
        words = [option.value for option in options]
        hint = did_you_mean(value, words, f"{', '.join(words)} exist")
        flaws.append(Flaw(name, f"unknown {name} {value!r}", hint))
        return None

    return read


def _foreign_keys(name: str, value: object, flaws: list[Flaw]) -> tuple[ForeignKey, ...]:
    found = []
    for column, target in _mapping(name, value, flaws).items():
        dimension, _, key = target.rpartition(".")
        try:
            found.append(ForeignKey(column, AssetKey.parse(dimension), key))
        except ValueError:
            flaws.append(Flaw(name, f"{target!r} is not gold.name.column", f"write {_EXAMPLES[name]}"))
    return tuple(found)


def _keep(_name: str, value: object, flaws: list[Flaw]) -> str:
    if not isinstance(value, str):
        raise _WrongFormError
    column = value.removeprefix(_LAST_BY)
    if column in {value, ""}:
        flaws.append(Flaw("keep", f"keep = {value!r} does not say which row counts", f"write {_EXAMPLES['keep']}"))
        return ""
    return column


def _layout(read: Callable[[str], Placed]) -> Callable[[str, object, list[Flaw]], tuple[Placed, ...]]:
    """The form of a list of partition or sort fields."""

    def form(name: str, value: object, flaws: list[Flaw]) -> tuple[Placed, ...]:
        found = []
        for text in _names(name, value, flaws):
            try:
                found.append(read(text))
            except ValueError:
                flaws.append(Flaw(name, f"{name} names {text!r}, which is no such field", f"write {_EXAMPLES[name]}"))
        return tuple(found)

    return form


def _partition(name: str, value: object, flaws: list[Flaw]) -> tuple[Unit, str] | None:
    try:
        return parse_partition(_text(name, value, flaws))
    except ValueError as error:
        flaws.append(Flaw(name, str(error), f"write {_EXAMPLES[name]}"))
    return None


def _moment(name: str, value: object, flaws: list[Flaw]) -> datetime | None:
    if not isinstance(value, str | date):
        raise _WrongFormError
    try:
        return parse_moment(value)
    except ValueError:
        flaws.append(Flaw(name, f"{name} = {str(value)!r} is no date", f"write {_EXAMPLES[name]}"))
    return None


def _source(_name: str, value: object, flaws: list[Flaw]) -> FileSource | None:
    if not isinstance(value, Mapping):
        raise _WrongFormError
    source, wrong = read_source(value)
    flaws += [Flaw("source", message, hint) for message, hint in wrong]
    return source


def _columns(_name: str, value: object, flaws: list[Flaw]) -> Mapping[str, Column]:
    if not isinstance(value, Mapping):
        raise _WrongFormError
    columns: dict[str, Column] = {}
    lowered: set[str] = set()
    for name, fields in value.items():
        if not isinstance(name, str) or not isinstance(fields, Mapping):
            raise _WrongFormError
        if name.lower() in lowered:
            flaws.append(Flaw(f"columns.{name}", f"column {name!r} is declared twice", "letter case is ignored"))
        lowered.add(name.lower())
        columns[name] = _column(name, fields, flaws)
    return columns


def _column(name: str, fields: Mapping[str, Any], flaws: list[Flaw]) -> Column:
    where = f"columns.{name}"
    values: dict[str, Any] = {}
    for field, value in fields.items():
        if field not in _COLUMN_FORMS:
            hint = did_you_mean(str(field), _COLUMN_FORMS, f"a column has {', '.join(_COLUMN_FORMS)}")
            flaws.append(Flaw(where, f"column {name!r} has an unknown field {field!r}", hint))
        elif not isinstance(value, _COLUMN_FORMS[field]):
            flaws.append(Flaw(where, f"{field} of column {name!r} has the wrong type", f"write {_EXAMPLES['columns']}"))
        else:
            values[field] = value
    if wrong := list(_type_flaws(where, name, values.get("type"))):
        flaws += wrong
        del values["type"]
    if wrong := list(_mask_flaws(where, name, values)):
        flaws += wrong
        del values["mask"]
    return Column(**values | ({"mask": Mask(values["mask"])} if "mask" in values else {}))


def _type_flaws(where: str, column: str, spelled: str | None) -> Iterator[Flaw]:
    from lakeflow.core.spelling import parse_type  # noqa: PLC0415  only the few who declare types pay for it

    if spelled is None:
        return
    try:
        parse_type(spelled)
    except SchemaError as error:
        yield Flaw(where, f"column {column!r}: {error.message}", error.hint or "")


def _mask_flaws(where: str, column: str, values: Mapping[str, Any]) -> Iterator[Flaw]:
    from lakeflow.core.spelling import parse_type  # noqa: PLC0415  only the few who declare types pay for it

    mask, spelled = values.get("mask"), values.get("type")
    if mask is None:
        return
    if mask not in list(Mask):
        hint = did_you_mean(mask, list(Mask), f"{' and '.join(Mask)} exist")
        yield Flaw(where, f"column {column!r} has an unknown mask {mask!r}", hint)
    elif spelled is not None and str(parse_type(spelled)) != "string":
        yield Flaw(where, f"column {column!r} is masked and declared {spelled}", "a mask gives text: declare string")


_FORMS: Final = {
    "text": _text,
    "flag": _flag,
    "names": _names,
    "mapping": _mapping,
    "write": _write,
    "keep": _keep,
    "deletes": _choice(Deletes),
    "partition_by": _layout(read_partition_field),
    "sort_by": _layout(read_sort_field),
    "columns": _columns,
    "source": _source,
    "kind": _choice(Kind),
    "foreign_keys": _foreign_keys,
    "on_rewrite": _choice(OnRewrite),
    "seconds": _seconds,
    "number": _number,
    "bytes": _bytes,
    "external": _external,
    "asset": _asset_key,
    "partition": _partition,
    "moment": _moment,
}
_COLUMN_FORMS: Final[Mapping[str, type]] = {"type": str, "pii": bool, "mask": str, "description": str}

FIELDS: Final[Mapping[str, str]] = {
    "inputs": "mapping",
    "external": "external",
    "renamed_from": "asset",
    "key": "names",
    "write": "write",
    "keep": "keep",
    "at": "text",
    "deletes": "deletes",
    "partition_by": "partition_by",
    "sort_by": "sort_by",
    "description": "text",
    "owner": "text",
    "tags": "names",
    "columns": "columns",
    "checks": "names",
    "layer": "text",
    "reads": "names",
    "source": "source",
    "kind": "kind",
    "foreign_keys": "foreign_keys",
    "on_rewrite": "on_rewrite",
    "partition": "partition",
    "start": "moment",
    "end": "moment",
    "lookback": "number",
    "allow_empty": "flag",
    "timeout": "seconds",
    "retries": "number",
    "max_rows": "number",
    "max_bytes": "bytes",
}
HEADER_FIELDS: Final[Mapping[str, str]] = {
    **{name: form for name, form in FIELDS.items() if name != "inputs"},
    "new_rows": "names",  # in Python the inputs themselves say it
}

_EXAMPLES: Final[Mapping[str, str]] = {
    "inputs": 'inputs={"raw": "bronze.weather"}',
    "renamed_from": 'renamed_from = "silver.old"',
    "external": 'external = ["sales.shop.orders"], catalog.namespace.table',
    "key": 'key = ["origin", "day"]',
    "write": 'write = "replace"',
    "keep": 'keep = "last by updated_at"',
    "at": 'at = "changed_at"',
    "deletes": 'deletes = "close"',
    "partition_by": 'partition_by = ["day(departed_at)", "bucket(16, id)", "truncate(2, code)", "carrier"]',
    "sort_by": 'sort_by = ["departed_at", "delay desc"]',
    "description": 'description = "One row per airport and day."',
    "owner": 'owner = "weather team"',
    "tags": 'tags = ["daily"]',
    "columns": 'columns = {email = {type = "string", pii = true}}, a dict of dicts in Python',
    "checks": 'checks = ["shared/airports.py"]',
    "layer": 'layer = "silver"',
    "reads": 'reads = ["data/*.csv"]',
    "source": 'source=files("data/*.csv", format="csv", columns=["id"]), a [source] table in SQL',
    "kind": 'kind = "fact"',
    "foreign_keys": 'foreign_keys = {carrier = "gold.carriers.carrier"}, a dict in Python',
    "new_rows": 'new_rows = ["bronze.flights"]',
    "on_rewrite": 'on_rewrite = "hold"',
    "partition": 'partition = "day(departed_at)"',
    "start": 'start = "2013-01-01"',
    "end": 'end = "2014-01-01"',
    "lookback": "lookback = 3",
    "allow_empty": "allow_empty = true, in Python True",
    "timeout": "timeout = 600, in seconds",
    "retries": "retries = 2",
    "max_rows": "max_rows = 1000000",
    "max_bytes": 'max_bytes = "2GB"',
}
