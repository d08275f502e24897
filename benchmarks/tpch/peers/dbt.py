"""The lake in dbt on DuckDB: a model a table, its rules as dbt's own data tests, `dbt build`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.tpch.peers.peer import Peer
from benchmarks.tpch.peers.rules import RULES, Rules
from benchmarks.tpch.peers.selects import select_of

_DATABASE: Final = "dbt/tpch.duckdb"
_PROJECT: Final = {
    "name": "tpch",
    "version": "1.0",
    "profile": "tpch",
    "flags": {"send_anonymous_usage_stats": False, "use_colors": False},
    "model-paths": ["dbt/models"],
    "test-paths": ["dbt/tests"],
    "macro-paths": ["dbt/macros"],
    "target-path": "dbt/target",
    "log-path": "dbt/logs",
}
_SCHEMA_AS_SAID: Final = "{% macro generate_schema_name(custom, node) %}{{ custom or target.schema }}{% endmacro %}"


def _lay_down(root: Path) -> None:
    project = root / "dbt"
    _write(project / "macros" / "schema.sql", _SCHEMA_AS_SAID)
    _write(root / "dbt_project.yml", _PROJECT)  # dbt works in the folder of this file, as all others do in the lake's
    target = {"type": "duckdb", "path": str(root / _DATABASE), "threads": os.cpu_count(), "settings": _settings()}
    _write(project / "profiles.yml", {"tpch": {"target": "dev", "outputs": {"dev": target}}})
    for name, rules in RULES.items():
        layer, table = name.split(".")
        config = f"{{{{ config(materialized='table', schema='{layer}', alias='{table}') }}}}\n"
        _write(project / "models" / f"{_model(name)}.sql", config + select_of(root, name, _reference))
        for number, text in enumerate(_own_tests(name, rules)):
            _write(project / "tests" / f"{_model(name)}_{number}.sql", text)
    models = [_described(name, rules) for name, rules in RULES.items()]
    _write(project / "models" / "schema.yml", {"version": 2, "models": models})


def _settings() -> dict[str, str]:
    return {"TimeZone": "UTC", "memory_limit": os.environ["LAKEFLOW_MEMORY_LIMIT"]}


def _model(name: str) -> str:
    return name.replace(".", "_")


def _reference(name: str) -> str:
    return f"{{{{ ref('{_model(name)}') }}}}"


def _described(name: str, rules: Rules) -> dict[str, Any]:
    tests: dict[str, list[Any]] = {}
    for column in (*rules.filled, *rules.key):
        tests.setdefault(column, []).append("not_null")
    for column, values in rules.values:
        tests.setdefault(column, []).append({"accepted_values": {"arguments": {"values": list(values)}}})
    if len(rules.key) == 1:
        tests[rules.key[0]].append("unique")
    return {"name": _model(name), "columns": [{"name": column, "data_tests": some} for column, some in tests.items()]}


def _own_tests(name: str, rules: Rules) -> Iterator[str]:
    """What dbt has no test of its own for: each fails where it gives a row."""
    table = _reference(name)
    yield from (f"select 1 from {table} where not ({row})" for row in rules.rows)
    yield from (f"select 1 from {table} having not ({whole})" for whole in rules.whole)
    if len(rules.key) > 1:
        key = ", ".join(rules.key)
        yield f"select {key} from {table} group by {key} having count(*) > 1"


def _write(path: Path, content: str | dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))  # JSON is YAML


DBT: Final = Peer(
    requirements=("dbt-duckdb==1.11.1", "dbt-core==1.11.16"),
    command=("dbt", "--quiet", "build", "--profiles-dir", "dbt"),
    database=_DATABASE,
    keeps=("dbt/target",),
    lay_down=_lay_down,
)
