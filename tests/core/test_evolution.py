"""Columns keep their ids while they go on, and get new ones when they are something else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import SchemaError
from lakeflow.core.model.asset import Column
from lakeflow.core.model.schema import Decimal, Field, List, Map, Primitive, Schema, Struct, Type, highest_id, walk
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.schema_evolution import declare, evolve
from tests.core.samples import columns
from tests.explored import explored

APPEND, REPLACE = WriteMode.APPEND, WriteMode.REPLACE
LONG, TEXT = Primitive("long"), Primitive("string")


def first(*fields: tuple[str, object]) -> Schema:
    return evolve(None, columns(*fields), REPLACE, 0)


def ids(schema: Schema) -> dict[str, int]:
    return {".".join(path): field.id for path, field in walk(schema.fields)}


def test_a_first_schema_is_numbered_from_one() -> None:
    assert ids(first(("a", "int"), ("b", "string"))) == {"a": 1, "b": 2}


def test_equal_columns_give_the_current_schema_itself() -> None:
    current = first(("a", "int"), ("b", "string"))
    assert evolve(current, columns(("a", "int"), ("b", "string")), APPEND, 2) is current


@pytest.mark.parametrize("mode", list(WriteMode))
def test_a_new_column_gets_an_id_above_every_id_ever_given(mode: WriteMode) -> None:
    found = evolve(first(("a", "int")), columns(("a", "int"), ("b", "int")), mode, 9)
    assert ids(found) == {"a": 1, "b": 10}


@pytest.mark.parametrize("mode", list(WriteMode))
@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("int", "long", "long"),
        ("long", "int", "long"),
        ("float", "double", "double"),
        ("double", "float", "double"),
        ("decimal(9,2)", "decimal(18,2)", "decimal(18,2)"),
        ("decimal(18,2)", "decimal(9,2)", "decimal(18,2)"),
    ],
)
def test_a_column_widens_under_its_id_and_never_narrows(mode: WriteMode, old: str, new: str, kept: str) -> None:
    found = evolve(first(("a", parse_type(old))), columns(("a", parse_type(new))), mode, 1)
    assert (str(found.fields[0].type), found.fields[0].id) == (kept, 1)


@pytest.mark.parametrize("new", ["string", "double", "decimal(9,2)", "decimal(9,3)"])
def test_a_replace_makes_a_column_of_another_type_a_new_column(new: str) -> None:
    old = "decimal(9,2)" if new == "decimal(9,3)" else "long"
    found = evolve(first(("a", parse_type(old))), columns(("a", parse_type(new))), REPLACE, 4)
    assert (str(found.fields[0].type), found.fields[0].id) == (new, 5)


def test_a_replace_may_drop_and_reorder_and_a_dropped_column_comes_back_as_a_new_one() -> None:
    current = first(("a", "int"), ("b", "int"))
    without = evolve(current, columns(("b", "int")), REPLACE, 2)
    assert ids(without) == {"b": 2}
    assert ids(evolve(without, columns(("a", "int"), ("b", "int")), REPLACE, 2)) == {"a": 3, "b": 2}


def test_an_append_refuses_to_lose_columns_and_names_them() -> None:
    with pytest.raises(SchemaError, match="the new rows lack 'a', 'c'") as caught:
        evolve(first(("a", "int"), ("b", "int"), ("c", "int")), columns(("b", "int")), APPEND, 3)
    assert caught.value.hint == (
        "select them as NULL; or materialize it with --full-refresh, which rebuilds the table "
        "(the plan says what that removes)"
    )


def test_an_append_refuses_another_type_and_says_which_cast_helps() -> None:
    with pytest.raises(SchemaError, match="column 'a' is long and the new rows have string") as caught:
        evolve(first(("a", "long")), columns(("a", "string")), APPEND, 1)
    assert str(caught.value.hint).startswith("cast it to long")


@pytest.mark.parametrize("twins", [("a", "A"), ("a", "a")])
@pytest.mark.parametrize("mode", list(WriteMode))
def test_names_that_differ_only_in_case_are_refused(mode: WriteMode, twins: tuple[str, str]) -> None:
    with pytest.raises(SchemaError, match="two columns are named"):
        evolve(None, columns(*((name, "int") for name in twins)), mode, 0)


def test_twins_inside_a_struct_are_refused_too() -> None:
    inner = Struct((Field("x", LONG), Field("X", LONG)))
    with pytest.raises(SchemaError, match="two columns in 's' are named 'x' and 'X'"):
        evolve(None, columns(("s", inner)), REPLACE, 0)
    with pytest.raises(SchemaError, match="two columns in 's' are named 'x' and 'X'"):
        evolve(first(("s", Struct((Field("x", LONG),)))), columns(("s", inner)), REPLACE, 2)


def test_later_rows_do_not_rename_what_readers_know_and_code_that_replaces_all_rows_does() -> None:
    nested, shouted = (Struct((Field(name, LONG),)) for name in ("x", "X"))
    known = first(("Day", "date"), ("s", nested))
    assert evolve(known, columns(("day", "date"), ("S", nested)), APPEND, 3) == known
    with pytest.raises(SchemaError, match="'X', which is 'x' in another form"):
        evolve(known, columns(("day", "date"), ("s", shouted)), APPEND, 3)
    assert evolve(known, columns(("day", "date"), ("S", shouted)), REPLACE, 3).names == ("day", "S")
    assert [field.id for field in evolve(known, columns(("day", "date"), ("S", shouted)), REPLACE, 3).fields] == [1, 2]


def test_a_name_in_another_unicode_form_than_the_published_one_is_refused() -> None:
    """DuckDB would find no such field, and cast it to NULL."""
    with pytest.raises(SchemaError, match="in another form"):
        evolve(first(("\u00e9", "long")), columns(("e\u0301", "long")), APPEND, 1)
    shouted, spoken = (Struct((Field(name, LONG),)) for name in ("\u00c9", "\u00e9"))
    with pytest.raises(SchemaError, match="in another form"):
        evolve(first(("s", shouted)), columns(("s", spoken)), APPEND, 2)
    with pytest.raises(SchemaError, match="declared in another form"):
        declare(columns(("e\u0301", "long")), {"\u00e9": Column(type="string")}, parse_type)


def test_nested_fields_keep_their_ids_and_new_ones_are_numbered_above() -> None:
    old = first(("s", Struct((Field("x", Primitive("int")),))), ("l", List(Field("element", LONG))))
    new = columns(
        ("s", Struct((Field("x", LONG), Field("y", TEXT)))),
        ("l", List(Field("element", LONG))),
        ("m", Map(Field("key", TEXT), Field("value", LONG))),
    )
    assert ids(old) == {"s": 1, "s.x": 2, "l": 3, "l.element": 4}
    assert ids(evolve(old, new, APPEND, 4)) == {
        **ids(old),
        "s.y": 5,
        "m": 6,
        "m.key": 7,
        "m.value": 8,
    }


def test_an_append_refuses_to_lose_a_field_of_a_struct() -> None:
    old = first(("s", Struct((Field("x", LONG), Field("y", LONG)))))
    with pytest.raises(SchemaError, match="lack 'y'"):
        evolve(old, columns(("s", Struct((Field("x", LONG),)))), APPEND, 3)


def test_a_list_whose_elements_change_their_type_is_a_new_column_under_replace() -> None:
    old = first(("l", List(Field("element", LONG))))
    assert ids(evolve(old, columns(("l", List(Field("element", TEXT)))), REPLACE, 2)) == {"l": 3, "l.element": 4}
    with pytest.raises(SchemaError, match="column 'l' is list<long>"):
        evolve(old, columns(("l", List(Field("element", TEXT)))), APPEND, 2)


def test_declared_types_win_over_produced_ones_letter_case_ignored() -> None:
    declared = {"Amount": Column(type="decimal(18,2)"), "day": Column(pii=True), "ghost": Column(type="int")}
    found = declare(columns(("amount", "double"), ("day", "date")), declared, parse_type)
    assert found == columns(("amount", Decimal(18, 2)), ("day", "date"))


def _structs(types: st.SearchStrategy[Type]) -> st.SearchStrategy[Struct]:
    return _columns(types).map(Struct)


def _columns(types: st.SearchStrategy[Type]) -> st.SearchStrategy[tuple[Field, ...]]:
    pairs = st.tuples(st.sampled_from(["a", "b", "C", "d"]), types)
    named = st.lists(pairs, min_size=1, max_size=4, unique_by=lambda pair: pair[0])
    return named.map(lambda found: tuple(Field(name, kind) for name, kind in found))


LEAVES: st.SearchStrategy[Type] = st.sampled_from(
    [*map(Primitive, ["int", "long", "float", "double", "string"]), Decimal(9, 2), Decimal(18, 2)]
)


TYPES: st.SearchStrategy[Type] = st.recursive(
    LEAVES,
    lambda types: st.one_of(
        _structs(types),
        types.map(lambda kind: List(Field("element", kind))),
        types.map(lambda kind: Map(Field("key", TEXT), Field("value", kind))),
    ),
    max_leaves=6,
)
PRODUCED = _columns(TYPES).map(Schema)


def history(first_columns: Schema, later: list[tuple[Schema, WriteMode]]) -> Iterator[tuple[Schema, Schema, int]]:
    """Each step of a table's life that was not refused: schema before, after, and the last id before."""
    current = evolve(None, first_columns, REPLACE, 0)
    last = highest_id(current)
    for produced, mode in later:
        try:
            after = evolve(current, produced, mode, last)
        except SchemaError:
            assert mode is not REPLACE, "a replace of well-named columns is never refused"
            continue
        yield current, after, last
        current, last = after, max(last, highest_id(after))


LATER = st.lists(st.tuples(PRODUCED, st.sampled_from(list(WriteMode))), max_size=5)


@explored(100)
@given(PRODUCED, LATER)
def test_an_id_is_never_given_twice(produced: Schema, later: list[tuple[Schema, WriteMode]]) -> None:
    for before, after, last in history(produced, later):
        found = [field.id for _, field in walk(after.fields)]
        assert len(found) == len(set(found))
        assert all(number > last for number in set(found) - {field.id for _, field in walk(before.fields)})


@pytest.mark.long
@explored(100)
@given(PRODUCED, LATER)
def test_a_kept_id_keeps_its_place_and_never_narrows(produced: Schema, later: list[tuple[Schema, WriteMode]]) -> None:
    for before, after, _ in history(produced, later):
        old = {field.id: (path, field.type) for path, field in walk(before.fields)}
        for path, field in walk(after.fields):
            if field.id in old and isinstance(field.type, Primitive):
                place, kind = old[field.id]
                assert [name.lower() for name in path] == [name.lower() for name in place]
                assert (str(kind), field.type.name) in {
                    (str(field.type), field.type.name),
                    ("int", "long"),
                    ("float", "double"),
                }


@explored(100)
@given(PRODUCED, LATER)
def test_producing_the_same_columns_again_changes_nothing(
    produced: Schema, later: list[tuple[Schema, WriteMode]]
) -> None:
    current = evolve(None, produced, REPLACE, 0)
    for again in (produced, current):
        assert evolve(current, again, APPEND, highest_id(current)) is current
    for what, mode in later:
        try:
            after = evolve(current, what, mode, highest_id(current))
        except SchemaError:
            continue
        assert evolve(after, what, mode, highest_id(after)) is after


@explored(100)
@given(PRODUCED, PRODUCED)
def test_an_append_keeps_every_old_column(before: Schema, produced: Schema) -> None:
    current = evolve(None, before, REPLACE, 0)
    try:
        after = evolve(current, produced, APPEND, highest_id(current))
    except SchemaError:
        return
    kept = {field.id for _, field in walk(after.fields)}
    assert {field.id for _, field in walk(current.fields)} <= kept
