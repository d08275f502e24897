"""What a SQL text says: header, tables, and why it is not one SELECT."""

import pytest

from lakeflow.core.declare.sql_header import read_header
from lakeflow.project.known_queries import KnownQueries

read_query = KnownQueries(None)


def references(text: str) -> list[str]:
    query = read_query(text, "x.sql")
    assert query.faults == ()
    return [str(each.key) for each in query.references]


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("select 1", []),
        ("select * from silver.a", ["silver.a"]),
        ("from silver.a", ["silver.a"]),
        ("from silver.a select b where c", ["silver.a"]),
        ("table silver.a", ["silver.a"]),
        ("values (1)", []),
        ('select * from "silver"."a"', ["silver.a"]),
        ("select * from SILVER.A", ["silver.a"]),
        ("select * from silver.a x join bronze.b y using (c)", ["bronze.b", "silver.a"]),
        ("select * from silver.a asof join silver.b using (c)", ["silver.a", "silver.b"]),
        ("select * from silver.a positional join silver.b", ["silver.a", "silver.b"]),
        ("select * from silver.a semi join silver.b using (c)", ["silver.a", "silver.b"]),
        ("select * from t: silver.a", ["silver.a"]),
        ("select (select max(x) from silver.b) from silver.a", ["silver.a", "silver.b"]),
        ("select * from silver.a where x in (from silver.b)", ["silver.a", "silver.b"]),
        ("select * from silver.a where exists (from silver.b)", ["silver.a", "silver.b"]),
        ("select * from (select * from (select * from silver.a))", ["silver.a"]),
        ("select * from silver.a union all select * from silver.b", ["silver.a", "silver.b"]),
        ("(from silver.a) except (from silver.b) intersect from silver.c", ["silver.a", "silver.b", "silver.c"]),
        ("from silver.a union by name from silver.b", ["silver.a", "silver.b"]),
        ("select * from silver.a, lateral (select * from silver.b where b.x = a.x) z", ["silver.a", "silver.b"]),
        ("select * from silver.a, unnest(a.list) u(x)", ["silver.a"]),
        ("select * from (pivot silver.a on b in ('x') using sum(c))", ["silver.a"]),
        ("select * from (unpivot silver.a on columns(*) into name n value v)", ["silver.a"]),
        ("select * from silver.a qualify row_number() over (partition by b) = 1", ["silver.a"]),
        ("with x as (from silver.a) from x", ["silver.a"]),
        ("with flights as (select * from silver.flights) select * from flights", ["silver.flights"]),
        ("with x as (from silver.a), y as (from x) select * from y join X using (c)", ["silver.a"]),
        ("with recursive t(n) as (select 1 union all select n + 1 from t) select * from t", []),
        ("with recursive t(n) as ((select 1 union all select 2 union from (from silver.a, t))) from t", ["silver.a"]),
        ("select * from (with x as (from silver.a) from x) join silver.x using (c)", ["silver.a", "silver.x"]),
        ("with x as (with y as (from silver.a) from y) from x", ["silver.a"]),
        ("with x as (from silver.a) select (select max(c) from x), (select 1 from silver.b) from x", None),
        ("with x as materialized (from silver.a) from x union all from x", ["silver.a"]),
        ("select * from silver.a; -- the end", ["silver.a"]),
        ("select 'from silver.b' -- from silver.c\nfrom silver.a /* from silver.d */;;", ["silver.a"]),
    ],
)
def test_upstreams_are_the_tables_that_are_read(text: str, tables: list[str] | None) -> None:
    assert references(text) == (["silver.a", "silver.b"] if tables is None else tables)


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("select *\nfrom flights", 2, "flights"),
        ("with flights as (select *\nfrom flights) from flights", 2, "flights"),
        ("with recursive a as (\nfrom b), b as (select 1) from a", 2, "b"),
        ("with recursive a as (\nfrom a) from a", 2, "a"),
        ("with recursive a as (\nfrom a union all select 1) from a", 2, "a"),
        ("with recursive a as (select 1 except\nfrom a) from a", 2, "a"),
        ("select * from (with x as (select 1) from x),\nx", 2, "x"),
        ("select 1 union all\n(with y as (select 1) from y) union all\nfrom y", 3, "y"),
    ],
)
def test_a_bare_name_that_no_visible_cte_has_is_a_fault(text: str, line: int, name: str) -> None:
    (fault,) = read_query(text, "x.sql").faults
    assert (fault.line, fault.message) == (line, f"table {name!r} names no layer")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no SELECT"),
        ("-- nothing\n/* here */ ;", "does not begin a SELECT"),
        ("insert into silver.a select 1", "'insert' does not begin a SELECT"),
        ("with x as (select 1) insert into silver.a from x", "not a SELECT"),
        ("copy (select 1) to 'x'", "does not begin a SELECT"),
        ("attach 'x'", "does not begin a SELECT"),
        ("explain select 1", "does not begin a SELECT"),
        ("pivot silver.a on b using sum(c)", "does not begin a SELECT"),
        ("select 1; select 2", "more than one statement"),
        ("select 'abc", "a text is never closed"),
        ('select "abc', "a quoted name is never closed"),
        ("select 1 /* abc", "a comment is never closed"),
        ("select (1", "the SQL cannot be read"),
        ("select * from silver.a where", "the SQL cannot be read: WHERE is incomplete near 'where'"),
        ("select 1 from", "the SQL ends too early"),
        ("select * from memory.silver.a", "stands in another database"),
        ("select * from a.b.silver.c", "is no table"),
        ("select * from information_schema.tables", "is no layer"),
        ("select * from query('from silver.a')", "query() hides what it reads"),
        ("select * from query_table('silver.a')", "query_table() hides what it reads"),
        ("select * from silver.a cross join lateral duckdb_variables()", "duckdb_variables() stands for a table"),
        ("select * from (summarize silver.a)", "SUMMARIZE, DESCRIBE or SHOW hides what it reads"),
        ("select * from (summarize '/etc/passwd')", "SUMMARIZE, DESCRIBE or SHOW hides what it reads"),
        ("select * from (describe silver.a)", "SUMMARIZE, DESCRIBE or SHOW hides what it reads"),
        ("select * from (show tables)", "table 'show' names no layer"),
        ("select getvariable('x') from silver.a", "getvariable() tells of the connection"),
        ("select * from silver.a where 'x' = current_query()", "current_query() tells of the connection"),
        ("with x as (delete from silver.a returning *) select * from x", "changes rows"),
    ],
)
def test_what_is_not_one_plain_select_is_a_fault(text: str, message: str) -> None:
    (fault,) = read_query(text, "x.sql").faults
    assert message in fault.message
    assert fault.hint


def test_a_fault_stands_at_its_line() -> None:
    assert read_query("select 1,\n\n'abc", "x.sql").faults[0].line == 3
    assert read_query("select 1;\n-- x\n\nselect 2", "x.sql").faults[0].line == 4
    assert read_query("select *\nfrom silver.a whre\nx = 1", "x.sql").faults[0].line == 3


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("select * from 'a.csv'", "'a.csv'"),
        ('select * from "data/a.csv"', "'data/a.csv'"),
        ("select * from read_csv('x', header = true)", "read_csv()"),
        ("select * from READ_PARQUET(['x'])", "read_parquet()"),
        ("select * from silver.a where b in (select file from glob('*'))", "glob()"),
        ("select * from sniff_csv('x')", "sniff_csv()"),
    ],
)
def test_reads_outside_the_lake_are_seen(text: str, what: str) -> None:
    query = read_query(text, "x.sql")
    assert query.faults == ()
    assert [fault.message.partition(" reads")[0] for fault in query.outside] == [what]


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("select * from read_parquet('a/*.parquet', filename = true)", ("a/*.parquet",)),
        ("select * from 'a.csv' join \"b/*.json\" using (id)", ("a.csv", "b/*.json")),
        (
            "from read_csv(['a.csv', 'b.csv']) union all from parquet_scan(array['c.parquet'])",
            ("a.csv", "b.csv", "c.parquet"),
        ),
        (
            "with a as (select * from read_json('x.json')) select (select max(n) from read_text('y')) from a",
            ("y", "x.json"),
        ),
        ("from READ_PARQUET('p' || 'q'), read_csv(['r', 's' || 't'])", ("r",)),
        ("select * from glob('*'), sniff_csv('x'), parquet_metadata('y'), range(3)", ()),
        ("select 'a.csv' from silver.a where file = 'b.parquet'", ()),
    ],
)
def test_files_that_a_select_spells_out_are_known(text: str, files: tuple[str, ...]) -> None:
    query = read_query(text, "x.sql")
    assert query.faults == ()
    assert sorted(query.files) == sorted(files)


def test_functions_that_make_rows_out_of_their_arguments_read_nothing_outside() -> None:
    text = "select * from range(3), generate_series(1, 2), unnest([1]), json_each('[]'), repeat(1, 2)"
    assert read_query(text, "x.sql").outside == ()


def test_published_tables_stand_apart_and_lines_are_those_of_the_first_mention() -> None:
    query = read_query("select * from published.silver.a\nunion from silver.a\nunion from silver.a", "x.sql")
    assert [(str(each.key), each.line) for each in query.published] == [("silver.a", 1)]
    assert [(str(each.key), each.line) for each in query.references] == [("silver.a", 2)]


def test_a_header_may_follow_line_comments_and_knows_its_lines() -> None:
    header = read_header('-- a\n\n/*\nkey = ["a"]\n\n[columns.email]\npii = true\n*/\nselect 1', "x.sql")
    assert header.fields == {"key": ["a"], "columns": {"email": {"pii": True}}}
    assert header.lines == {"key": 4, "columns.email": 6}


@pytest.mark.parametrize("text", ["select 1", "-- a\nselect 1 /* key = 1 */", "select /* key = 1 */ 1"])
def test_only_a_leading_block_comment_is_a_header(text: str) -> None:
    header = read_header(text, "x.sql")
    assert (header.sql, header.fields, header.lines, header.faults) == (text, {}, {}, ())
