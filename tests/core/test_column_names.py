"""Which names columns may have: those by which every reader finds each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.schema import Schema as IcebergSchema

from lakeflow.adapters.iceberg.metadata.types import schema_to_json, with_ids
from lakeflow.core.column_names import RESERVED, alike, is_same
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import Field, List, Map, Primitive, Schema, Struct, Type, loadable, require_names, walk

INT = Primitive("int")
names = st.sampled_from(
    [
        "a",
        "A",
        "b",
        "a.b",
        "b.a",
        "a.element",
        "element",
        "key",
        "a b",
        " a",
        "e\u0301",
        "\u00e9",
        "\u00c9",
        'say "x"',
        "",
    ]
)


def struct(types: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    return st.lists(st.builds(Field, names, types), min_size=1, max_size=3).map(lambda fields: Struct(tuple(fields)))


def nested(types: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    lists = types.map(lambda type_: List(Field("element", type_)))
    maps = types.map(lambda type_: Map(Field("key", INT, required=True), Field("value", type_)))
    return struct(types) | lists | maps


types: st.SearchStrategy[Type] = st.recursive(st.just(INT), nested, max_leaves=4)
tables = st.lists(st.builds(Field, names, types), min_size=1, max_size=4).map(tuple)


@given(tables)
def test_a_table_is_refused_or_another_reader_finds_every_field_by_its_name_in_any_case(
    fields: tuple[Field, ...],
) -> None:
    try:
        require_names(fields)
    except SchemaError:
        return
    schema = with_ids(Schema(fields))
    theirs = IcebergSchema.model_validate(schema_to_json(schema))
    for path, field in walk(schema.fields):
        assert theirs.find_field(".".join(path)).field_id == field.id
        assert theirs.find_field(".".join(path).upper(), case_sensitive=False).field_id == field.id


@given(tables)
def test_what_an_early_release_made_is_given_names_with_which_it_loads(fields: tuple[Field, ...]) -> None:
    schema = with_ids(Schema(fields))
    mended = loadable(schema)
    assert [field.id for _, field in walk(mended.fields)] == [field.id for _, field in walk(schema.fields)]
    IcebergSchema.model_validate(schema_to_json(mended))
    assert loadable(mended) == mended


@given(names, names)
def test_what_duckdb_takes_for_one_name_is_alike(one: str, other: str) -> None:
    assert alike(one) == alike(other) or not is_same(one, other)


@pytest.mark.parametrize("form", [str, str.upper])
@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_name_that_iceberg_reserves_is_refused(name: str, form: Callable[[str], str]) -> None:
    with pytest.raises(SchemaError, match="Iceberg reserves"):
        require_names((Field(form(name), INT),))
    require_names((Field("s", Struct((Field(form(name), INT),))),))


@pytest.mark.parametrize("name", ["", "  ", "a\tb", "a\x00", "\ud800"])
def test_a_name_that_nobody_can_write_is_refused(name: str) -> None:
    with pytest.raises(SchemaError, match="column 1 in 's' has"):
        require_names((Field("s", Struct((Field(name, INT),))),))


@pytest.mark.parametrize("letters", ["Iiİı", "Kk\u212a", "Ssſ", "Åå\u212b", "Σσς", "µμΜ", "Ee"])
def test_letters_that_are_one_to_a_java_reader_do_not_tell_names_apart(letters: str) -> None:
    """Spark finds a column by `equalsIgnoreCase`."""
    assert len({alike(f"a{letter}b") for letter in letters}) == 1


def test_a_sharp_s_is_two_letters() -> None:
    assert alike("Straße") == alike("STRASSE")
