"""Types in Iceberg's and DuckDB's words."""

import duckdb
import pytest

from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import Decimal, Field, Fixed, List, Map, Primitive, Struct
from lakeflow.core.model.type_names import parse_type


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("string", Primitive("string")),
        ("VARCHAR", Primitive("string")),
        ("varchar(20)", Primitive("string")),
        ("INTEGER", Primitive("int")),
        ("long", Primitive("long")),
        ("BIGINT", Primitive("long")),
        ("UBIGINT", Decimal(20, 0)),
        ("HUGEINT", Decimal(38, 0)),
        ("decimal(9, 2)", Decimal(9, 2)),
        ("NUMERIC", Decimal(18, 3)),
        ("decimal(5)", Decimal(5, 0)),
        ("fixed[16]", Fixed(16)),
        ("timestamptz", Primitive("timestamptz")),
        ("TIMESTAMP WITH TIME ZONE", Primitive("timestamptz")),
        ("timestamp without time zone", Primitive("timestamp")),
        (" int ", Primitive("int")),
        ("INTEGER[]", List(Field("element", Primitive("int")))),
        ("INTEGER[3]", List(Field("element", Primitive("int")))),
        ("list<string>", List(Field("element", Primitive("string")))),
        ("varchar[][]", List(Field("element", List(Field("element", Primitive("string")))))),
        (
            "map<string, long>",
            Map(Field("key", Primitive("string"), required=True), Field("value", Primitive("long"))),
        ),
        ("struct<a: int, b: string>", Struct((Field("a", Primitive("int")), Field("b", Primitive("string"))))),
        (
            'STRUCT("a b" INTEGER, c DECIMAL(4,1)[])',
            Struct((Field("a b", Primitive("int")), Field("c", List(Field("element", Decimal(4, 1)))))),
        ),
        (
            "MAP(VARCHAR, STRUCT(t TIMESTAMP WITH TIME ZONE))[]",
            List(
                Field(
                    "element",
                    Map(
                        Field("key", Primitive("string"), required=True),
                        Field("value", Struct((Field("t", Primitive("timestamptz")),))),
                    ),
                )
            ),
        ),
    ],
)
def test_a_type_is_read_in_either_spelling(text: str, type_: object) -> None:
    assert parse_type(text) == type_


def test_what_a_type_prints_is_read_back_as_itself() -> None:
    type_ = parse_type("struct<a: decimal(9,2), b: list<map<string, fixed[4]>>, c: struct<d: uuid>>")
    assert parse_type(str(type_)) == type_


def test_every_name_that_duckdb_gives_to_a_storable_type_is_known() -> None:
    names = ["BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER"]
    names += ["UBIGINT", "FLOAT", "DOUBLE", "DECIMAL(9,2)", "VARCHAR", "BLOB", "UUID", "DATE", "TIME", "TIMESTAMP"]
    names += ["TIMESTAMPTZ", "INTEGER[]", "STRUCT(a INTEGER)", "MAP(VARCHAR, INTEGER)", "TIMESTAMP_MS"]
    with duckdb.connect() as connection:
        for name in names:
            [(spelled,)] = connection.sql(f"select typeof(null::{name})").fetchall()
            parse_type(spelled)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("strng", "'strng' is not a type", "did you mean 'string'?"),
        ("", "it ends too early", "for example"),
        ("list<int", "it ends too early", "for example"),
        ("int int", "'int' is left over", "for example"),
        ("decimal(39,2)", "1 to 38 digits", "for example"),
        ("decimal(4,5)", "1 to 38 digits", "for example"),
        ("decimal(x)", "a number is missing", "for example"),
        ("struct<a int>", ": is missing", "for example"),
        ("struct<a: int, A: int>", "the same name", "for example"),
        ("list<>", "a type is missing", "for example"),
        ("int;", "left over", "for example"),
        ("INTERVAL", "cannot be stored", "seconds"),
        ("TIMESTAMP_NS", "cannot be stored", "microseconds"),
        ("time with time zone", "cannot be stored", "declare time"),
        ("ENUM('a')", "cannot be stored", "declare string"),
    ],
)
def test_a_bad_spelling_says_what_is_wrong_and_what_to_write(text: str, message: str, hint: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_type(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
