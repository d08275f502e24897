"""Schemas survive the way to metadata and back, and pyiceberg reads them as we mean them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.types import DecimalType, FixedType

from lakeflow.adapters.iceberg.metadata.types import docs_of, fields_in, schema_from_json, schema_to_json, with_ids
from lakeflow.core.model.schema import (
    PRIMITIVES,
    Decimal,
    Field,
    Fixed,
    List,
    Map,
    Primitive,
    Schema,
    Struct,
    Type,
    walk,
)

_leaves: st.SearchStrategy[Type] = st.one_of(
    st.sampled_from(sorted(PRIMITIVES)).map(Primitive),
    st.builds(
        lambda precision, scale: Decimal(precision, min(precision, scale)), st.integers(1, 38), st.integers(0, 9)
    ),
    st.integers(1, 20).map(Fixed),
)


def _nested(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    field = st.builds(Field, st.just("element"), inner, required=st.booleans())
    key = st.builds(Field, st.just("key"), inner, required=st.just(True))
    value = st.builds(Field, st.just("value"), inner, required=st.booleans())
    members = st.lists(inner, min_size=1, max_size=3).map(
        lambda types: Struct(tuple(Field(f"m{number}", type_) for number, type_ in enumerate(types)))
    )
    return st.one_of(st.builds(List, field), st.builds(Map, key, value), members)


_types = st.recursive(_leaves, _nested, max_leaves=6)
_schemas = st.lists(_types, min_size=1, max_size=4).map(
    lambda types: with_ids(Schema(tuple(Field(f"c{number}", type_) for number, type_ in enumerate(types))))
)


@given(_schemas)
def test_a_schema_survives_the_way_to_json_and_back(schema: Schema) -> None:
    assert schema_from_json(schema_to_json(schema)) == schema


@given(_schemas)
def test_pyiceberg_reads_the_json_as_the_same_ids_and_names(schema: Schema) -> None:
    theirs = IcebergSchema.model_validate(schema_to_json(schema))
    ours = {field.id: ".".join(path) for path, field in walk(schema.fields)}
    assert theirs._lazy_id_to_name == ours
    assert schema_from_json(theirs.model_dump(by_alias=True, mode="json")) == schema


def test_new_ids_go_to_the_columns_first() -> None:
    inner = Struct((Field("x", Primitive("int")), Field("y", Primitive("int"))))
    schema = with_ids(Schema((Field("a", inner), Field("b", List(Field("element", Primitive("long")))))))
    assert {".".join(path): field.id for path, field in walk(schema.fields)} == {
        "a": 1, "b": 2, "a.x": 3, "a.y": 4, "b.element": 5,
    }  # fmt: skip


def test_ids_that_are_assigned_stay() -> None:
    schema = Schema((Field("a", Primitive("int"), 7),))
    assert with_ids(schema).fields == schema.fields


def test_comments_of_columns_are_kept_by_id() -> None:
    schema = with_ids(Schema((Field("a", Struct((Field("x", Primitive("int")),))),)))
    json = schema_to_json(schema, {1: "the outer", 2: "the inner"})
    assert docs_of(json) == {1: "the outer", 2: "the inner"}
    assert schema_from_json(json) == schema


def test_spellings_of_other_engines_are_read() -> None:
    def of(text: str) -> Type:
        return schema_from_json({"fields": [{"id": 1, "name": "a", "required": False, "type": text}]}).fields[0].type

    assert of("decimal(9,2)") == of("decimal(9, 2)") == Decimal(9, 2)
    assert of("fixed[16]") == Fixed(16)
    assert str(DecimalType(9, 2)) == "decimal(9, 2)"
    assert str(FixedType(16)) == "fixed[16]"


def test_a_field_is_found_however_deep_it_stands() -> None:
    """A default may stand in a list's structs as well as beside the columns."""
    inner = {
        "type": "struct",
        "fields": [{"id": 2, "name": "x", "required": False, "type": "int", "initial-default": 1}],
    }
    listed = {"type": "list", "element-id": 3, "element": inner, "element-required": False}
    for type_ in (inner, listed):
        found = fields_in({"fields": [{"id": 1, "name": "a", "required": False, "type": type_}]})
        assert {field["id"]: field.get("initial-default") for field in found} == {1: None, 2: 1}
