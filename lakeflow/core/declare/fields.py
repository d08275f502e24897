"""The form that each field of a declaration takes: how a value is read, and how it is written where it is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from lakeflow.core.errors import SchemaError
from lakeflow.core.keys import AssetKey, ExternalKey
from lakeflow.core.model.asset import AssetKind, Column, Deletes, Mask, OnRewrite
from lakeflow.core.model.check import ForeignKey
from lakeflow.core.model.file_source import FileSource, read_source
from lakeflow.core.model.layout import PartitionField, SortField, read_partition_field, read_sort_field
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.time.freshness import OFF, Freshness, Schedule, parse_age, parse_schedule
from lakeflow.core.time.timeline import Unit, parse_moment, parse_partition
from lakeflow.core.wording import did_you_mean, parse_bytes

_LAST_BY: Final = "last by "
_AT: Final = " at "

Choice = TypeVar("Choice", bound=StrEnum)
Placed = TypeVar("Placed", PartitionField, SortField)


class NewRows(str):
    """The name of an input of which an asset reads only the rows that it has not consumed yet."""

    __slots__ = ()


class NewKeys(str):
    """The name of an input of which an asset reads all rows of the keys, by the columns `by`, that have new rows."""

    __slots__ = ("by",)
    by: tuple[str, ...]

    def __new__(cls, name: str, by: tuple[str, ...]) -> NewKeys:
        made = super().__new__(cls, name)
        made.by = by
        return made


@dataclass(frozen=True)
class Flaw:
    """What is wrong with one field; `field` is empty where it concerns the whole declaration."""

    field: str
    message: str
    hint: str


class WrongFormError(Exception):
    """A value is not of the form that its field takes."""


def _text(_name: str, value: object, _flaws: list[Flaw]) -> str:
    if not isinstance(value, str):
        raise WrongFormError
    return value


def _flag(_name: str, value: object, _flaws: list[Flaw]) -> bool:
    if not isinstance(value, bool):
        raise WrongFormError
    return value


def _seconds(_name: str, value: object, _flaws: list[Flaw]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise WrongFormError
    return value


def _number(_name: str, value: object, _flaws: list[Flaw]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise WrongFormError
    return value


def _bytes(name: str, value: object, flaws: list[Flaw]) -> int:
    """A number of bytes, or a text such as 2GB."""
    if not isinstance(value, str):
        return _number(name, value, flaws)
    try:
        return parse_bytes(value)
    except ValueError:
        raise WrongFormError from None


def _names(_name: str, value: object, _flaws: list[Flaw]) -> tuple[str, ...]:
    """A list of texts; one text alone stands for a list of one."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        raise WrongFormError
    return tuple(value)


def _mapping(_name: str, value: object, _flaws: list[Flaw]) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(side, str) for pair in value.items() for side in pair):
        raise WrongFormError
    return dict(value)


def _new_keys(name: str, value: object, flaws: list[Flaw]) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise WrongFormError
    found = {str(upstream): _names(name, by, flaws) for upstream, by in value.items()}
    if not all(found.values()):
        raise WrongFormError
    return found


def _asset_key(name: str, value: object, flaws: list[Flaw]) -> AssetKey | None:
    key = AssetKey.find(_text(name, value, flaws))
    if key is None:
        flaws.append(Flaw(name, f"{value!r} is not layer.name", f"write {EXAMPLES[name]}"))
    return key


def _external(name: str, value: object, flaws: list[Flaw]) -> tuple[ExternalKey, ...]:
    keys: dict[ExternalKey, None] = {}
    for text in _names(name, value, flaws):
        try:
            keys[ExternalKey.parse(text)] = None
        except ValueError as error:
            flaws.append(Flaw(name, str(error), f"write {EXAMPLES[name]}"))
    return tuple(keys)


def _write(_name: str, value: object, flaws: list[Flaw]) -> WriteMode | None:
    if not isinstance(value, str):
        raise WrongFormError
    modes = [mode.value for mode in WriteMode]
    if value in modes:
        return WriteMode(value)
    flaws.append(Flaw("write", f"unknown write mode {value!r}", f"{', '.join(modes[:-1])} and {modes[-1]} exist"))
    return None


def _choice(options: type[Choice]) -> Callable[[str, object, list[Flaw]], Choice | None]:
    """The form of a field that takes one of a few words."""

    def read(name: str, value: object, flaws: list[Flaw]) -> Choice | None:
        if not isinstance(value, str):
            raise WrongFormError
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
        key, _, moment = target.partition(_AT)
        dimension, _, key = key.rpartition(".")
        try:
            found.append(ForeignKey(column, AssetKey.parse(dimension), key, moment.strip()))
        except ValueError:
            flaws.append(Flaw(name, f"{target!r} is not gold.name.column", f"write {EXAMPLES[name]}"))
    return tuple(found)


def _keep(_name: str, value: object, flaws: list[Flaw]) -> str:
    if not isinstance(value, str):
        raise WrongFormError
    column = value.removeprefix(_LAST_BY)
    if column in {value, ""}:
        flaws.append(Flaw("keep", f"keep = {value!r} does not say which row counts", f"write {EXAMPLES['keep']}"))
        return ""
    return column


def _condition(name: str, value: object, flaws: list[Flaw]) -> str:
    """SQL over the columns of one row; whether it can be asked of them is seen when rows come."""
    from lakeflow.core.sql.conditions import fault_in  # noqa: PLC0415  only the few who declare one pay for it

    text = _text(name, value, flaws)
    if wrong := fault_in(text):
        flaws.append(Flaw(name, f"{name} = {text!r} {wrong}", f"write {EXAMPLES[name]}"))
        return ""
    return text


def _layout(read: Callable[[str], Placed]) -> Callable[[str, object, list[Flaw]], tuple[Placed, ...]]:
    """The form of a list of partition or sort fields."""

    def form(name: str, value: object, flaws: list[Flaw]) -> tuple[Placed, ...]:
        found = []
        for text in _names(name, value, flaws):
            try:
                found.append(read(text))
            except ValueError:
                flaws.append(Flaw(name, f"{name} names {text!r}, which is no such field", f"write {EXAMPLES[name]}"))
        return tuple(found)

    return form


def _partition(name: str, value: object, flaws: list[Flaw]) -> tuple[Unit, str] | None:
    try:
        return parse_partition(_text(name, value, flaws))
    except ValueError as error:
        flaws.append(Flaw(name, str(error), f"write {EXAMPLES[name]}"))
    return None


def _moment(name: str, value: object, flaws: list[Flaw]) -> datetime | None:
    if not isinstance(value, str | date):
        raise WrongFormError
    try:
        return parse_moment(value)
    except ValueError:
        flaws.append(Flaw(name, f"{name} = {str(value)!r} is no date", f"write {EXAMPLES[name]}"))
    return None


def _age(name: str, value: object, flaws: list[Flaw]) -> Freshness | None:
    text = _text(name, value, flaws)
    if text == OFF:
        return Freshness(text=OFF)
    try:
        return Freshness(parse_age(text), text=text)
    except ValueError as error:
        flaws.append(Flaw(name, str(error), f"write {EXAMPLES[name]}"))
    return None


def _schedule(name: str, value: object, flaws: list[Flaw]) -> Schedule | None:
    try:
        return parse_schedule(_text(name, value, flaws))
    except ValueError as error:
        flaws.append(Flaw(name, str(error), f"write {EXAMPLES[name]}"))
    return None


def _source(_name: str, value: object, flaws: list[Flaw]) -> FileSource | None:
    if not isinstance(value, Mapping):
        raise WrongFormError
    source, wrong = read_source(value)
    flaws += [Flaw("source", message, hint) for message, hint in wrong]
    return source


def _columns(_name: str, value: object, flaws: list[Flaw]) -> Mapping[str, Column]:
    if not isinstance(value, Mapping):
        raise WrongFormError
    columns: dict[str, Column] = {}
    lowered: set[str] = set()
    for name, fields in value.items():
        if not isinstance(name, str) or not isinstance(fields, Mapping):
            raise WrongFormError
        if name.lower() in lowered:
            flaws.append(Flaw(f"columns.{name}", f"column {name!r} is declared twice", "letter case is ignored"))
        lowered.add(name.lower())
        columns[name] = _column(name, fields, flaws)
    return columns


def _column(name: str, fields: Mapping[str, Any], flaws: list[Flaw]) -> Column:
    where = f"columns.{name}"
    values: dict[str, Any] = {}
    for field, value in fields.items():
        if field not in __COLUMN_FORMS:
            hint = did_you_mean(str(field), __COLUMN_FORMS, f"a column has {', '.join(__COLUMN_FORMS)}")
            flaws.append(Flaw(where, f"column {name!r} has an unknown field {field!r}", hint))
        elif not isinstance(value, __COLUMN_FORMS[field]):
            flaws.append(Flaw(where, f"{field} of column {name!r} has the wrong type", f"write {EXAMPLES['columns']}"))
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
    from lakeflow.core.model.type_names import parse_type  # noqa: PLC0415  only the few who declare types pay for it

    if spelled is None:
        return
    try:
        parse_type(spelled)
    except SchemaError as error:
        yield Flaw(where, f"column {column!r}: {error.message}", error.hint or "")


def _mask_flaws(where: str, column: str, values: Mapping[str, Any]) -> Iterator[Flaw]:
    from lakeflow.core.model.type_names import parse_type  # noqa: PLC0415  only the few who declare types pay for it

    mask, spelled = values.get("mask"), values.get("type")
    if mask is None:
        return
    if mask not in list(Mask):
        hint = did_you_mean(mask, list(Mask), f"{' and '.join(Mask)} exist")
        yield Flaw(where, f"column {column!r} has an unknown mask {mask!r}", hint)
    elif spelled is not None and str(parse_type(spelled)) != "string":
        yield Flaw(where, f"column {column!r} is masked and declared {spelled}", "a mask gives text: declare string")


FORMS: Final = {
    "text": _text,
    "flag": _flag,
    "names": _names,
    "new_keys": _new_keys,
    "mapping": _mapping,
    "write": _write,
    "keep": _keep,
    "condition": _condition,
    "deletes": _choice(Deletes),
    "partition_by": _layout(read_partition_field),
    "sort_by": _layout(read_sort_field),
    "columns": _columns,
    "source": _source,
    "kind": _choice(AssetKind),
    "foreign_keys": _foreign_keys,
    "on_rewrite": _choice(OnRewrite),
    "seconds": _seconds,
    "number": _number,
    "bytes": _bytes,
    "external": _external,
    "asset": _asset_key,
    "partition": _partition,
    "moment": _moment,
    "age": _age,
    "schedule": _schedule,
}
__COLUMN_FORMS: Final[Mapping[str, type]] = {"type": str, "pii": bool, "mask": str, "description": str}
EXAMPLES: Final[Mapping[str, str]] = {
    "inputs": 'inputs={"raw": "bronze.weather"}',
    "renamed_from": 'renamed_from = "silver.old"',
    "external": 'external = ["sales.shop.orders"], catalog.namespace.table',
    "key": 'key = ["origin", "day"]',
    "write": 'write = "replace"',
    "keep": 'keep = "last by updated_at"',
    "deleted": "deleted = \"op = 'D'\"",
    "at": 'at = "changed_at"',
    "track": 'track = ["plan", "seats"]',
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
    "new_keys": 'new_keys = {"bronze.orders" = "customer"}',
    "on_rewrite": 'on_rewrite = "hold"',
    "partition": 'partition = "day(departed_at)"',
    "start": 'start = "2013-01-01"',
    "end": 'end = "2014-01-01"',
    "lookback": "lookback = 3",
    "fresh": 'fresh = "36h"; 45s, 10m and 2d are ages too, "off" is any age',
    "fresh_by": 'fresh_by = "08:00 Europe/Oslo", or cron and a zone: "0 8 * * 1-5 Europe/Oslo"',
    "fresh_column": 'fresh_column = "ordered_at"',
    "allow_empty": "allow_empty = true, in Python True",
    "timeout": "timeout = 600, in seconds",
    "retries": "retries = 2",
    "max_rows": "max_rows = 1000000",
    "max_bytes": 'max_bytes = "2GB"',
}
