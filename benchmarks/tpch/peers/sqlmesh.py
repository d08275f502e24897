"""The lake in SQLMesh on DuckDB: a model a table, its rules as audits, `sqlmesh plan --auto-apply`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.tpch.peers.peer import Peer
from benchmarks.tpch.peers.rules import RULES, Rules
from benchmarks.tpch.peers.selects import select_of

_DATABASE: Final = "sqlmesh/tpch.duckdb"
_WHOLE: Final = "AUDIT (name whole);\nselect 1 from @this_model having not (@holds)"


def _lay_down(root: Path) -> None:
    project = root / "sqlmesh"
    for folder in ("models", "audits"):
        (project / folder).mkdir(parents=True, exist_ok=True)
    connection = {
        "type": "duckdb",
        "database": str(root / _DATABASE),
        "connector_config": {"TimeZone": "UTC", "memory_limit": os.environ["LAKEFLOW_MEMORY_LIMIT"]},
    }
    settings = {
        "gateways": {"here": {"connection": connection}},
        "default_gateway": "here",
        "model_defaults": {"dialect": "duckdb", "start": "2026-01-01"},
        "disable_anonymized_analytics": True,
    }
    (project / "config.yaml").write_text(json.dumps(settings))  # JSON is YAML
    (project / "audits" / "whole.sql").write_text(_WHOLE)
    for name, rules in RULES.items():
        audits = ",\n  ".join(_audits(rules))
        header = f"MODEL (name {name}, kind FULL, audits (\n  {audits}\n));\n\n"
        (project / "models" / f"{name}.sql").write_text(header + select_of(root, name, str))


def _audits(rules: Rules) -> Iterator[str]:
    if filled := (*rules.filled, *rules.key):
        yield f"not_null(columns := ({', '.join(filled)}))"
    for column, values in rules.values:
        yield f"accepted_values(column := {column}, is_in := ({', '.join(map(repr, values))}))"
    if rules.rows:
        yield f"forall(criteria := ({', '.join(rules.rows)},))"
    for holds in rules.whole:
        yield f"whole(holds := {holds})"
    if rules.key:
        yield f"unique_combination_of_columns(columns := ({', '.join(rules.key)},))"


SQLMESH: Final = Peer(
    requirements=("sqlmesh==0.236.4",),
    command=("sqlmesh", "--paths", "sqlmesh", "plan", "--auto-apply", "--no-prompts", "--skip-tests"),
    database=_DATABASE,
    keeps=("sqlmesh/.cache",),
    lay_down=_lay_down,
)
