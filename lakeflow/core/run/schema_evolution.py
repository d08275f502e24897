"""How a table's columns follow what its code produces, so that old files keep reading right.

A column keeps its field id while its type stays or widens (Iceberg spec, "Schema Evolution"); a column that
changes its type otherwise is a new column. An append keeps old rows, so there nothing may vanish or change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from operator import eq
from typing import Final

from lakeflow.core.column_names import OLD_NAMES, alike, is_same
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.asset import Asset, Column
from lakeflow.core.model.schema import (
    UNKNOWN,
    Decimal,
    Field,
    Guess,
    List,
    Map,
    Primitive,
    Schema,
    Struct,
    Type,
    children,
    require_names,
)
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.values import dataclass

_WIDER: Final = {("int", "long"): "long", ("float", "double"): "double"}
_ANEW: Final = "materialize it with --full-refresh, which rebuilds the table (the plan says what that removes)"
Parse = Callable[[str], Type]


@dataclass(frozen=True)
class _Rules:
    """What happens to columns that do not fit: where old rows stay (`strict`) they are refused, otherwise they become
    new columns.

    `same` tells whether a column has the table's name for it: within structs, DuckDB writes the names that it was
    given.
    """

    strict: bool
    ids: Iterator[int]
    same: Callable[[str, str], bool] = is_same


def declare(produced: Schema, columns: Mapping[str, Column], parse: Parse) -> Schema:
    """The produced columns with the types that the asset declares; values are cast to them when written."""
    given = {alike(field.name): field.name for field in produced.fields}
    for name in columns:
        found = given.get(alike(name), name)
        if not is_same(found, name):
            raise SchemaError(f"column {name!r} is declared in another form than {found!r}, which the code gives")
    declared = {name.lower(): parse(column.type) for name, column in columns.items() if column.type}
    fields = tuple(replace(field, type=declared.get(field.name.lower(), field.type)) for field in produced.fields)
    return Schema(fields)


def settle(produced: Schema, declared: Mapping[str, Column], current: Schema | None, parse: Parse) -> Schema:
    """The produced columns, each with one type: the declared type; else the table's type, where the produced type may
    stand for it; else the produced type.

    SchemaError for a column of NULLs whose type nothing says. A result without any columns has no rows, and counts as
    having all columns of the table.
    """
    if not produced.fields:
        return _all_columns(declared, current, parse)
    columns = declare(produced, declared, parse)
    return Schema(tuple(_settled(field, current.find(field.name) if current else None) for field in columns.fields))


def _all_columns(declared: Mapping[str, Column], current: Schema | None, parse: Parse) -> Schema:
    if current is not None:
        return current
    types = {name: column.type or "" for name, column in declared.items()}
    if types and all(types.values()):
        return Schema(tuple(Field(name, parse(type_)) for name, type_ in types.items()))
    raise SchemaError(
        "what the code gives has no columns, and nothing says which the table has",
        hint="give an empty frame with its columns, or declare the type of each",
    )


def _settled(field: Field, current: Field | None) -> Field:
    guess = field.type if isinstance(field.type, Guess) else Guess(field.type, frozenset())
    wanted = current.type if current else guess.meant
    settled = wanted if wanted and _stands_for(guess.found, wanted, guess.lacks) else guess.found
    if _is_unknown(settled):
        raise SchemaError(
            f"column {field.name!r} holds nothing but NULL, and nothing says of which type",
            hint=f'declare its type: [columns.{field.name}] type = "string"; in SQL, CAST(NULL AS VARCHAR)',
        )
    return replace(field, type=settled)


def _stands_for(found: Type, wanted: Type, lacks: frozenset[str]) -> bool:
    """May a value of this type have had the wanted type before a data frame, which lacks that type, held it?"""
    match found, wanted:
        case Primitive("unknown"), _:
            return True
        case Primitive(old), Primitive(new):
            return old == new or (new in lacks and (old, new) in {("string", "uuid"), ("timestamp", "date")})
        case Decimal(), Decimal():
            return found == wanted or "decimal" in lacks
        case (Struct(), Struct()) | (List(), List()) | (Map(), Map()):
            pairs = zip(children(found), children(wanted), strict=False)
            same = len(children(found)) == len(children(wanted))
            return same and all(a.name == b.name and _stands_for(a.type, b.type, lacks) for a, b in pairs)
    return str(found) == str(wanted)


def _is_unknown(type_: Type) -> bool:
    return type_ == UNKNOWN or any(_is_unknown(field.type) for field in children(type_))


def require_declared(asset: Asset, found: Schema, parse: Parse) -> None:
    """SchemaError, with all that differs, unless a table has the key and every declared column in its declared type."""
    types = {field.name.lower(): field.type for field in found.fields}
    declared = {name: parse(column.type) if column.type else None for name, column in asset.columns.items()}
    wanted = {**dict.fromkeys(asset.primary_key), **declared}
    wrong = [f"it has no column {name!r}" for name in wanted if name.lower() not in types]
    wrong += [
        f"column {name!r} is {types[name.lower()]}, declared as {type_}"
        for name, type_ in declared.items()
        # Compared as text, without field ids: a declaration has none.
        if type_ is not None and name.lower() in types and str(types[name.lower()]) != str(type_)
    ]
    if wrong:
        hint = "declare the columns as the table has them, or change the table with the engine that wrote it"
        raise SchemaError(f"{asset.key}: {'; '.join(wrong)}", hint=hint, asset=asset.key)


def evolve(current: Schema | None, produced: Schema, mode: WriteMode, last_id: int) -> Schema:
    """The schema to write with: a column that stays keeps its field id, a new one gets an id above `last_id`.

    Equal columns give `current` itself. SchemaError for names that some reader cannot tell apart. Where old rows stay,
    SchemaError also for a column that is dropped, and for a type that changes in any way but widening.
    """
    require_names(produced.fields)
    rules = _Rules(strict=not mode.traits.replaces, ids=count(last_id + 1))
    fields = _fields(() if current is None else renamed(current, produced).fields, produced.fields, rules)
    if current is not None and current.fields == fields:
        return current
    return Schema(fields)


def renamed(current: Schema, produced: Schema) -> Schema:
    """The table's columns; those that landing called otherwise in early releases have their new names."""
    came = set(produced.names) - set(current.names)
    wanted = {was: now for was, now in OLD_NAMES.items() if was not in produced.names and now in came}
    fields = tuple(replace(field, name=wanted.get(field.name, field.name)) for field in current.fields)
    return current if fields == current.fields else Schema(fields)


def _fields(current: tuple[Field, ...], produced: tuple[Field, ...], rules: _Rules) -> tuple[Field, ...]:
    known = {alike(field.name): field for field in current}
    gone = known.keys() - {alike(field.name) for field in produced}
    if gone and rules.strict:
        raise SchemaError(
            f"the new rows lack {_names(known[name].name for name in gone)}",
            hint=f"select them as NULL; or {_ANEW}",
        )
    return tuple(_field(known.get(alike(field.name)), field, rules) for field in produced)


def _field(current: Field | None, produced: Field, rules: _Rules) -> Field:
    if current is None:
        return _new(produced, rules)
    name = _published_name(current, produced, rules) if rules.strict else produced.name
    merged = _merge(current.type, produced.type, rules)
    if merged is not None:
        return replace(current, name=name, type=merged)
    if rules.strict:
        raise SchemaError(
            f"column {current.name!r} is {current.type} and the new rows have {produced.type}",
            hint=f"cast it to {current.type}; only int → long, float → double and longer decimals widen; or {_ANEW}",
        )
    return _new(produced, rules)


def _published_name(current: Field, produced: Field, rules: _Rules) -> str:
    """The name that readers know. Rows that come later do not rename a column; SchemaError where they cannot be written
    under its name.
    """
    if not rules.same(current.name, produced.name):
        raise SchemaError(
            f"the new rows have the column {produced.name!r}, which is {current.name!r} in another form",
            hint=f"name it as the table does: {current.name!a}; or {_ANEW}",
        )
    return current.name


def _new(field: Field, rules: _Rules) -> Field:
    return replace(field, id=next(rules.ids), type=_numbered(field.type, rules))


def _numbered(type_: Type, rules: _Rules) -> Type:
    match type_:
        case Struct(fields):
            return Struct(_fields((), fields, rules))
        case List(element):
            return List(_new(element, rules))
        case Map(key, value):
            return Map(_new(key, rules), _new(value, rules))
    return type_


def _merge(current: Type, produced: Type, rules: _Rules) -> Type | None:
    """The type that holds both, with the current ids; None when there is none."""
    match current, produced:
        case Primitive(old), Primitive(new):
            wider = old if old == new else _WIDER.get((old, new)) or _WIDER.get((new, old))
            return Primitive(wider) if wider else None
        case Decimal(), Decimal() if current.scale == produced.scale:
            return Decimal(max(current.precision, produced.precision), current.scale)
        case Struct(old_fields), Struct(new_fields):
            return Struct(_fields(old_fields, new_fields, replace(rules, same=eq)))
        case List(old_element), List(new_element):
            element = _side(old_element, new_element, rules)
            return None if element is None else List(element)
        case Map(old_key, old_value), Map(new_key, new_value):
            key, value = _side(old_key, new_key, rules), _side(old_value, new_value, rules)
            return Map(key, value) if key and value else None
    return current if current == produced else None


def _side(current: Field, produced: Field, rules: _Rules) -> Field | None:
    merged = _merge(current.type, produced.type, rules)
    return None if merged is None else replace(current, type=merged)


def _names(names: Iterator[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
