"""Metrics said in Spark SQL: each word with the meaning that it has in DuckDB, and nothing that nobody knows."""

from __future__ import annotations

import pytest

from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.spark.said.queries import in_spark_sql
from lakeflow.core.spark.said.terms import NotTheSameError, View

_TYPES = {
    "id": "long",
    "n": "int",
    "x": "double",
    "f": "float",
    "p": "decimal(9,2)",
    "w": "decimal(20,2)",
    "t": "string",
    "at": "timestamp",
    "seen": "timestamptz",
    "day": "date",
    "b": "boolean",
    "s": "struct<a: int>",
}
_SCHEMA = Schema(tuple(Field(name, parse_type(type_), place) for place, (name, type_) in enumerate(_TYPES.items(), 1)))
_VIEWS = {"silver.o": View("v0", _SCHEMA), "published.silver.o": View("v1", _SCHEMA)}

_HUNDREDTHS = "CAST(CAST(`p` * CAST(100 AS DECIMAL(3, 0)) AS BIGINT) AS DOUBLE)"
_MIDDLE = " + ".join(
    f"CAST(percentile_disc(0.5) WITHIN GROUP (ORDER BY {_HUNDREDTHS}{way}) AS BIGINT)" for way in ("", " DESC")
)
_SUM = "sum(CAST(`p` AS DECIMAL(38, 2)))"


def _said(expression: str) -> str:
    sql = in_spark_sql(f'SELECT {expression} FROM "silver"."o"', _VIEWS)
    return sql.removeprefix("SELECT ").removesuffix(" FROM `v0` AS `o`")


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("nullif(x, 'nan') AS v", "CASE WHEN isnan(`x`) THEN NULL ELSE `x` END AS `v`"),
        ("x IN (0.0, 1.5) AS v", "(`x` = 0.0 OR `x` = 1.5) AS `v`"),
        ("id NOT IN (1, 2) AS v", "(NOT (`id` IN (1, 2))) AS `v`"),
        ("t = 'it''s \\n' AS v", "(`t` = 'it\\'s \\\\n') AS `v`"),
        ("t LIKE 'a\\_%' AS v", "(`t` LIKE 'a\\\\\\\\_%') AS `v`"),
        ("t LIKE 'a!_%' ESCAPE '!' AS v", "(`t` LIKE 'a\\\\_%') AS `v`"),
        ("avg(p) AS v", f"(CAST({_SUM} AS DOUBLE) / nullif(CAST(count(`p`) AS DOUBLE), 0)) AS `v`"),
        (
            "median(p) AS v",
            f"CAST(CAST(({_MIDDLE}) div 2 AS DECIMAL(16, 0)) * CAST('1E-2' AS DECIMAL(3, 2)) AS decimal(9,2)) AS `v`",
        ),
        ("max(seen) AT TIME ZONE 'UTC' AS v", "CAST(max(`seen`) AS TIMESTAMP_NTZ) AS `v`"),
        ("day = at AS v", "(CAST(`day` AS TIMESTAMP_NTZ) = `at`) AS `v`"),
        ("at < seen AS v", "(CAST(`at` AS TIMESTAMP) < `seen`) AS `v`"),
        ("t IS DISTINCT FROM 'a' AS v", "(NOT (`t` <=> 'a')) AS `v`"),
        ("rank() OVER (ORDER BY id DESC) AS v", "rank() OVER (ORDER BY `id` DESC NULLS LAST) AS `v`"),
        (
            r"regexp_matches(t, '^[^a-z_-]?.\d{2}(x|\.)$') AS v",
            "(`t` RLIKE '^[^a-z_-]?[^\n]\\\\d{2}(x|\\\\.)\\\\z') AS `v`",
        ),
        ('"n" AS "a`b"', "`n` AS `a``b`"),
    ],
    ids=lambda value: "" if value.startswith("(") else value.partition(" AS ")[0][:20],
)  # fmt: skip
def test_each_word_keeps_its_meaning(expression: str, says: str) -> None:
    assert _said(expression) == says


@pytest.mark.parametrize(
    "expression",
    [
        r"regexp_matches(t, 'a\b')",
        "regexp_matches(t, '(ab)*')",
        "regexp_matches(t, '[a-z&&[b]]')",
        "regexp_matches(t, '(?i)a')",
        "regexp_matches(t, 'a*+')",
        r"regexp_matches(t, '\s')",
        "regexp_matches(t, '[a-c-e]')",
        "regexp_matches(t, 'a{1001}')",
        "x = w",
        "f = n",
        "CAST(w AS DOUBLE)",
        "t = id",
        "s = s",
        "median(w)",
        "quantile_cont(x, 0.25)",
        "quantile_cont(id, 0.3)",
        "p * p",
        "id // 2",
        "id % 2",
        "strlen(t)",
        "upper(t)",
        "CAST(t AS BIGINT)",
        "CAST(x AS BIGINT)",
        "length(x)",
        "count(DISTINCT id)",
        "lag(id) OVER ()",
        "seen",
        "nothing",
        "t LIKE '😀'",
        "random()",
        "(SELECT count(*) FROM silver.other)",
    ],
)
def test_what_is_not_known_to_mean_the_same_is_refused(expression: str) -> None:
    with pytest.raises(NotTheSameError):
        _said(expression)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM silver.o UNION SELECT 2 FROM silver.o",
        "SELECT 1 FROM silver.o LEFT JOIN published.silver.o AS m ON o.id = m.id",
        "SELECT 1 FROM silver.o ORDER BY 1 OFFSET 2",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "SELECT 1 FROM read_parquet('x')",
        "SELECT 1 FROM silver.o TABLESAMPLE 10%",
        "DELETE FROM silver.o",
        "SELECT 1 FROM silver.o; SELECT 2",
    ],
)
def test_a_query_of_another_shape_is_refused(sql: str) -> None:
    with pytest.raises(NotTheSameError):
        in_spark_sql(sql, _VIEWS)


def test_thousands_of_alternatives_nest_no_deeper() -> None:
    pairs = " OR ".join(f"(id = {one} AND n = {one})" for one in range(3000))
    assert _said(f"count(*) FILTER (WHERE {pairs}) AS v").count(" OR ") == 2999
