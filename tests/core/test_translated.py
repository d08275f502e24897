"""A SELECT in the other engine's SQL: what has no word there is named, and the file's header stays."""

from __future__ import annotations

import pytest

from lakeflow.core.model.asset import SparkSql, SqlCode
from lakeflow.core.model.schema import Field, List, Map, Primitive, Schema, Struct
from lakeflow.core.parity.alike import numbered
from lakeflow.core.parity.translated import translated

LONG = Primitive("long")


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("select * exclude (a) from silver.t", "* EXCLUDE"),
        ("select * replace (1 as a) from silver.t", "* REPLACE"),
        ("select * rename (a as b) from silver.t", "* RENAME"),
        ("select columns('a.*') from silver.t", "COLUMNS(…)"),
        ("select * from silver.t asof join silver.u using (a)", "ASOF JOIN"),
        ("select * from silver.t positional join silver.u", "POSITIONAL JOIN"),
        ("pivot silver.t on a using sum(b)", "PIVOT … ON"),
        ("select a from silver.t union by name select a from silver.u", "UNION BY NAME"),
        (
            "with recursive r as (select 1 as a union all select a + 1 from r where a < 5) select a from r",
            "WITH RECURSIVE",
        ),
        ("select a similar to 'b' from silver.t", "SIMILAR TO"),
        ("select [x for x in l] from silver.t", "[… for … in …]"),
        ("select l[1:2] from silver.t", "list[… : …]"),
        ("select l[-1] from silver.t", "list[-1]"),
        ("select a from silver.t limit 10%", "LIMIT … %"),
        ("select a::hugeint from silver.t", "type HUGEINT"),
        ("select a::time from silver.t", "type TIME"),
        ("select a + 0x1F from silver.t", "0x1F"),
    ],
)
def test_what_spark_has_no_word_for_is_named(text: str, lacks: str) -> None:
    assert translated(SqlCode(text, "t.sql", 1)).lacks == (lacks,)


def test_a_function_that_nobody_translates_stands_as_it_was_written_and_is_named() -> None:
    found = translated(SqlCode("select jaro_similarity(a, 'b') as j from silver.t", "t.sql", 1))
    assert (found.lacks, found.as_written) == ((), ("jaro_similarity",))


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("select 1 as a", '/*\nengine = "spark"\n*/\n'),
        ('/*\nkey = ["a"]\n*/\nselect 1 as a', '/*\nengine = "spark"\nkey = ["a"]\n*/\n'),
        ("-- said\n/* engine = 'duckdb' */ select 1 as a", '-- said\n/*\nengine = "spark"\n*/ '),
    ],
)
def test_the_header_of_the_file_says_the_engine_and_all_that_it_said(text: str, header: str) -> None:
    assert translated(SqlCode(text, "t.sql", 1)).text == f"{header}SELECT\n  1 AS a\n"


def test_bounds_of_partitions_are_the_same_in_both() -> None:
    text = "select a from silver.t where a >= $partition_start and a < $partition_end"
    there = translated(SqlCode(text, "t.sql", 1)).text
    assert "$partition_start" in there
    assert "$partition_end" in translated(SparkSql(there, "t.sql", 1)).text


def test_columns_of_one_name_get_one_id_at_any_depth_and_others_their_own() -> None:
    def schema(*names: str) -> Schema:
        inner = Struct(tuple(Field(name, LONG) for name in names))
        of = Map(Field("key", LONG, required=True), Field("value", List(Field("element", inner))))
        return Schema((Field(names[0].upper(), of), Field(names[-1], LONG)))

    before = numbered(schema("a", "b"))
    assert str(numbered(schema("a", "b"), before)) == str(before)
    after = numbered(schema("b", "c"), before)
    assert [each.id for each in before.fields] == [1, 7]
    assert after.fields[0].id == 7
    assert after.fields[1].id > 7
