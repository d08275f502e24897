"""The fields of a declaration as a pydantic model: what each field takes, and the fault of any other value.

Only `read_declaration` imports it, when there is a declaration: `from lakeflow import asset` costs no pydantic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    StrictStr,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from lakeflow.core.contract.declared import read_source
from lakeflow.core.declare.fields import EXAMPLES, Flaw, Keep
from lakeflow.core.errors import SchemaError
from lakeflow.core.examples.example import Example, read_examples
from lakeflow.core.keys import AssetKey, ExternalKey
from lakeflow.core.model.asset import AssetKind, Column, Computer, Deletes, Mask, OnRewrite
from lakeflow.core.model.check import ForeignKey
from lakeflow.core.model.file_source import FileSource
from lakeflow.core.model.layout import PartitionField, SortField, read_partition_field, read_sort_field
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.time.freshness import OFF, Freshness, Schedule, parse_age, parse_schedule
from lakeflow.core.time.local import zone_of
from lakeflow.core.time.refresh import Refresh, parse_refresh
from lakeflow.core.time.timeline import parse_partition, parse_wall
from lakeflow.core.time.units import Unit
from lakeflow.core.wording import did_you_mean, parse_bytes

_FLAW = "flaw"
_LAST_BY = "last by "
_AT = " at "
Choice = TypeVar("Choice", bound=StrEnum)


def read_fields(raw: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Flaw, ...]]:
    """The fields that can be read, and the flaws of the others."""
    try:
        found, flaws = _Form.model_validate(raw), tuple[Flaw, ...]()
    except ValidationError as error:
        wrong = {each["loc"][0] for each in error.errors(include_url=False, include_input=False)}
        found = _Form.model_validate({name: value for name, value in raw.items() if name not in wrong})
        flaws = tuple(_flaws_of(error))
    return {name: getattr(found, name) for name in found.model_fields_set}, flaws


def _flaws_of(error: ValidationError) -> Iterator[Flaw]:
    """Each flaw once. No value is quoted, unless a field's own check quotes it."""
    wrong = set[str]()
    for each in error.errors(include_url=False, include_input=False):
        name = str(each["loc"][0])
        if each["type"] == _FLAW:
            yield from (
                Flaw(flaw.field or name, flaw.message, flaw.hint or _example(name)) for flaw in each["ctx"]["flaws"]
            )
        elif name == "columns" and each["loc"][2:] and each["loc"][2] != "[key]":
            yield _flaw_of_column(each)
        elif name not in wrong:
            wrong.add(name)
            yield Flaw(name, f"{name} has the wrong type", _example(name))


def _example(name: str) -> str:
    return f"write {EXAMPLES[name]}"


def _flaw_of_column(error: ErrorDetails) -> Flaw:
    _, column, field = map(str, error["loc"])
    if error["type"] != "extra_forbidden":
        return Flaw(f"columns.{column}", f"{field} of column {column!r} has the wrong type", _example("columns"))
    known = list(_ColumnForm.model_fields)
    hint = did_you_mean(field, known, f"a column has {', '.join(known)}")
    return Flaw(f"columns.{column}", f"column {column!r} has an unknown field {field!r}", hint)


def _flawed(*flaws: Flaw) -> PydanticCustomError:
    return PydanticCustomError(_FLAW, "flaws", {"flaws": flaws})


def _text(read: Callable[[str], Any], say: Callable[[str, ValueError], tuple[str, str]]) -> PlainValidator:
    """A text that `read` converts. `say` words its ValueError as a message and, maybe, a hint."""

    def form(value: object) -> Any:
        if not isinstance(value, str):
            raise ValueError  # noqa: TRY004 - the word that pydantic hears
        try:
            return read(value)
        except ValueError as error:
            raise _flawed(Flaw("", *say(value, error))) from None

    return PlainValidator(form)


def _choice(name: str, options: type[Choice]) -> PlainValidator:
    words = [option.value for option in options]
    return _text(
        options,
        lambda value, _: (f"unknown {name} {value!r}", did_you_mean(value, words, f"{', '.join(words)} exist")),
    )


def _write(value: str, _: ValueError) -> tuple[str, str]:
    modes = [mode.value for mode in WriteMode]
    return f"unknown write mode {value!r}", f"{', '.join(modes[:-1])} and {modes[-1]} exist"


def _listed(value: object) -> object:
    """A list of texts; one text alone stands for a list of one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _keep(value: object) -> Keep:
    """`last by COLUMN`, an age, or a list with one of each."""
    texts = _listed(value)
    if not isinstance(texts, tuple) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError
    found = Keep()
    for text in texts:
        said = _one_keep(text)
        if said is None or (said.last_by and found.last_by) or (said.age and found.age):
            raise _flawed(Flaw("", f"keep = {text!r} says neither which row counts nor for how long", ""))
        found = Keep(said.last_by or found.last_by, said.age or found.age)
    return found


def _one_keep(text: str) -> Keep | None:
    if column := text.removeprefix(_LAST_BY) if text.startswith(_LAST_BY) else "":
        return Keep(last_by=column)
    try:
        return Keep(age=parse_age(text))
    except ValueError:
        return None


def _condition(text: str) -> str:
    """SQL over the columns of one row. Whether it fits them is known only when rows come."""
    from lakeflow.core.sql.conditions import fault_in  # noqa: PLC0415  only the few who declare one pay for it

    if wrong := fault_in(text):
        raise ValueError(wrong)
    return text


def _age(text: str) -> Freshness:
    return Freshness(text=OFF) if text == OFF else Freshness(parse_age(text), text=text)


def _moment(name: str) -> PlainValidator:
    def form(value: object) -> datetime:
        if not isinstance(value, str | date):
            raise ValueError  # noqa: TRY004 - as above
        try:
            return parse_wall(value)
        except ValueError:
            raise _flawed(Flaw("", f"{name} = {str(value)!r} is no date", "")) from None

    return PlainValidator(form)


def _foreign_keys(found: dict[str, str]) -> tuple[ForeignKey, ...]:
    keys, flaws = [], []
    for column, target in found.items():
        key, _, moment = target.partition(_AT)
        dimension, _, key = key.rpartition(".")
        try:
            keys.append(ForeignKey(column, AssetKey.parse(dimension), key, moment.strip()))
        except ValueError:
            flaws.append(Flaw("", f"{target!r} is not gold.name.column", ""))
    if flaws:
        raise _flawed(*flaws)
    return tuple(keys)


_ZONES: Final = 'name a place of the tz database: zone = "Europe/Oslo"; without zone, partitions are those of UTC'


def _zone(text: str) -> str:
    zone_of(text)
    return text


def _input_times(found: dict[str, str]) -> dict[str, str]:
    """The time of an input's rows, as SQL over one row of it."""
    from lakeflow.core.sql.conditions import fault_in  # noqa: PLC0415  only the few who declare one pay for it

    flaws = [
        Flaw("", f"input_times of {name} {fault}", 'write a column, or SQL over one row: "ordered_at::timestamp"')
        for name, text in found.items()
        if (fault := fault_in(text))
    ]
    if flaws:
        raise _flawed(*flaws)
    return found


def _source(value: object) -> FileSource:
    if not isinstance(value, Mapping):
        raise ValueError  # noqa: TRY004 - as above
    source, wrong = read_source(value)
    if source is None:
        raise _flawed(*(Flaw("", message, hint) for message, hint in wrong))
    return source


def _examples(value: object) -> tuple[Example, ...]:
    found, wrong = read_examples(value)
    if wrong:
        raise _flawed(*(Flaw(f"examples.{number}" if number else "", said, hint) for number, said, hint in wrong))
    return found


class _ColumnForm(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    type: StrictStr | None = None
    pii: StrictBool | None = None
    mask: StrictStr | None = None
    description: StrictStr = ""


def _columns(found: dict[str, _ColumnForm]) -> dict[str, Column]:
    names = [name.lower() for name in found]
    flaws = [
        flaw for name, form in found.items() for flaw in _flaws_of_form(f"columns.{name}", f"column {name!r}", form)
    ]
    for at, name in enumerate(found):
        if name.lower() in names[:at]:
            flaws.append(Flaw(f"columns.{name}", f"column {name!r} is declared twice", "letter case is ignored"))
    if flaws:
        raise _flawed(*flaws)
    return {
        name: Column(form.type, form.pii, form.description, Mask(form.mask) if form.mask else None)
        for name, form in found.items()
    }


def _flaws_of_form(where: str, column: str, form: _ColumnForm) -> Iterator[Flaw]:
    from lakeflow.core.model.type_names import parse_type  # noqa: PLC0415  only the few who declare types pay for it

    try:
        type_ = str(parse_type(form.type)) if form.type is not None else "string"
    except SchemaError as error:
        yield Flaw(where, f"{column}: {error.message}", error.hint or "")
        type_ = "string"
    if form.mask is not None and form.mask not in list(Mask):
        hint = did_you_mean(form.mask, list(Mask), f"{' and '.join(Mask)} exist")
        yield Flaw(where, f"{column} has an unknown mask {form.mask!r}", hint)
    elif form.mask is not None and type_ != "string":
        yield Flaw(where, f"{column} is masked and declared {form.type}", "a mask gives text: declare string")


_Names = Annotated[
    tuple[Annotated[str, Field(strict=True, min_length=1)], ...], Field(strict=True), BeforeValidator(_listed)
]
_Texts = dict[StrictStr, StrictStr]
_Count = Annotated[int, Field(strict=True, ge=0)]


def _fields(name: str, read: Callable[[str], Any]) -> Any:
    """A list of partition or sort fields, each read on its own."""
    return _text(read, lambda value, _: (f"{name} names {value!r}, which is no such field", ""))


class _Form(BaseModel):
    """The model. Only declared fields are taken from it: its defaults mean nothing."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    inputs: _Texts = {}
    external: Annotated[
        tuple[Annotated[ExternalKey, _text(ExternalKey.parse, lambda _, error: (str(error), ""))], ...],
        Field(strict=True),
        BeforeValidator(_listed),
        AfterValidator(lambda keys: tuple(dict.fromkeys(keys))),
    ] = ()
    renamed_from: Annotated[
        AssetKey | None, _text(AssetKey.parse, lambda value, _: (f"{value!r} is not layer.name", ""))
    ] = None
    key: _Names = ()
    write: Annotated[WriteMode | None, _text(WriteMode, _write)] = None
    keep: Annotated[Keep, PlainValidator(_keep)] = Keep()
    keep_snapshots: Annotated[int, Field(strict=True, ge=1)] = 50
    deleted: Annotated[str, _text(_condition, lambda value, error: (f"deleted = {value!r} {error}", ""))] = ""
    at: StrictStr = ""
    track: _Names = ()
    deletes: Annotated[Deletes | None, _choice("deletes", Deletes)] = None
    partition_by: Annotated[
        tuple[Annotated[PartitionField, _fields("partition_by", read_partition_field)], ...],
        Field(strict=True),
        BeforeValidator(_listed),
    ] = ()
    sort_by: Annotated[
        tuple[Annotated[SortField, _fields("sort_by", read_sort_field)], ...],
        Field(strict=True),
        BeforeValidator(_listed),
    ] = ()
    description: StrictStr = ""
    owner: StrictStr = ""
    tags: _Names = ()
    columns: Annotated[dict[StrictStr, _ColumnForm], AfterValidator(_columns)] = {}
    checks: _Names = ()
    layer: StrictStr = ""
    reads: _Names = ()
    source: Annotated[FileSource | None, PlainValidator(_source)] = None
    kind: Annotated[AssetKind | None, _choice("kind", AssetKind)] = None
    foreign_keys: Annotated[_Texts, AfterValidator(_foreign_keys)] = {}
    derives: dict[StrictStr, _Names] = {}
    new_rows: _Names = ()
    new_keys: dict[StrictStr, Annotated[_Names, Field(min_length=1)]] = {}
    on_rewrite: Annotated[OnRewrite | None, _choice("on_rewrite", OnRewrite)] = None
    partition: Annotated[tuple[Unit, str] | None, _text(parse_partition, lambda _, error: (str(error), ""))] = None
    start: Annotated[datetime | None, _moment("start")] = None
    end: Annotated[datetime | None, _moment("end")] = None
    lookback: _Count | None = None
    zone: Annotated[str, _text(_zone, lambda _, error: (str(error), _ZONES))] = ""
    partial: StrictBool = True
    input_times: Annotated[_Texts, AfterValidator(_input_times)] = {}
    fresh: Annotated[Freshness | None, _text(_age, lambda _, error: (str(error), ""))] = None
    fresh_by: Annotated[Schedule | None, _text(parse_schedule, lambda _, error: (str(error), ""))] = None
    fresh_column: StrictStr = ""
    refresh: Annotated[Refresh | None, _text(parse_refresh, lambda _, error: (str(error), ""))] = None
    allow_empty: StrictBool = False
    engine: Annotated[Computer | None, _choice("engine", Computer)] = None
    timeout: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0
    retries: _Count = 0
    max_rows: _Count = 0
    max_bytes: Annotated[
        _Count, BeforeValidator(lambda value: parse_bytes(value) if isinstance(value, str) else value)
    ] = 0
    examples: Annotated[Any, PlainValidator(_examples)] = ()
