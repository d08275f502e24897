"""What landed and what went through Python code, as pyiceberg and polars read it from the lake."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.core.model.run import RunState
from tests.exact.texts import as_csv, as_json
from tests.exact.values import LEAVES, array, same
from tests.external.lab import make, opened

LIMITS: Final[dict[str, tuple[Any, Any]]] = {
    "boolean": (False, True),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "float": (-3.4028234663852886e38, 1e-45),
    "double": (-1.7976931348623157e308, 5e-324),
    "decimal(9,2)": (Decimal("-9999999.99"), Decimal("0.01")),
    "decimal(38,5)": (Decimal("-999999999999999999999999999999999.99999"), Decimal("0.00001")),
    "date": (date(1, 1, 1), date(9999, 12, 31)),
    "time": (time(0), time(23, 59, 59, 999_999)),
    "timestamp": (datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)),
    "timestamptz": (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    "string": ("", "é\n\U0001f600"),
    "uuid": (UUID(int=0).bytes, UUID(int=2**128 - 1).bytes),
    "binary": (b"", b"\x00\xff"),
}
NAMES: Final = {kind.declared: f"v{place}" for place, kind in enumerate(LEAVES)}
VALUES: Final = {NAMES[kind.declared]: array(kind, [*LIMITS[kind.declared], None]) for kind in LEAVES}
TABLE: Final = pa.table(
    {
        "n": [1, 2, 3],
        **VALUES,
        **{
            f"l{name}": array_
            for name, array_ in (
                (name, pa.ListArray.from_arrays(pa.array([0, 2, 2, 3]), values)) for name, values in VALUES.items()
            )
        },
    }
)
FORMS: Final = {
    "pandas": "pd.DataFrame",
    "polars": "pl.DataFrame",
    "arrow": "pa.Table",
    "stream": "pa.RecordBatchReader",
}


def source(format_: str, columns: dict[str, str], glob: str) -> str:
    declared = ", ".join(f'{name} = "{type_}"' for name, type_ in columns.items())
    fields = f'files = "{glob}"\nformat = "{format_}"\ncolumns = {{{declared}}}'
    return f"/*\n[source]\n{fields}\n*/\nselect * from source\n"


@pytest.fixture(scope="module", name="lake")
def _lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("readers")
    rows = [
        dict(zip(TABLE.column_names, row, strict=True))
        for row in zip(*(c.to_pylist() for c in TABLE.columns), strict=True)
    ]
    types = {"n": "long", **{name: type_ for type_, name in NAMES.items()}}
    nested = types | {f"l{name}": f"list<{type_}>" for type_, name in NAMES.items()}
    lines = [as_csv([row[name] for name in NAMES.values()], row["n"]) for row in rows]
    files = {
        "pyproject.toml": "[tool.lakeflow]\n",
        "in.csv": ",".join(types) + "\n" + "".join(lines),
        "in.ndjson": "".join(f"{as_json(row)}\n" for row in rows),
        "layers/bronze/from_csv.sql": source("csv", types, "in.csv"),
        "layers/bronze/from_ndjson.sql": source("ndjson", nested, "in.ndjson"),
        "layers/bronze/from_parquet.sql": source("parquet", nested, "in.parquet"),
        "layers/bronze/undeclared.sql": source("parquet", {}, "in.parquet").replace("columns = {}\n", ""),
    }
    for form, annotation in FORMS.items():
        files[f"layers/silver/by_{form}.py"] = (
            "import pandas as pd\nimport polars as pl\nimport pyarrow as pa\n\nfrom lakeflow import asset\n\n\n"
            '@asset(inputs={"raw": "bronze.from_parquet"}, key=["n"])\n'
            f"def by_{form}(raw: {annotation}):\n    return raw\n"
        )
    make(root, files)
    pq.write_table(TABLE, root / "in.parquet")
    with opened(root) as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state is RunState.PUBLISHED, [step.reason for step in run.steps]
    return root


TABLES = [
    "bronze.from_csv",
    "bronze.from_ndjson",
    "bronze.from_parquet",
    "bronze.undeclared",
    *(f"silver.by_{form}" for form in FORMS),
]


@pytest.mark.long
@pytest.mark.parametrize("name", TABLES)
def test_pyiceberg_and_polars_read_each_limit_as_it_was(lake: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")  # it warns unless that is declined
    uri = f"sqlite:///{lake}/.lakeflow/catalog.db"
    with closing(SqlCatalog("lakeflow", uri=uri, warehouse=f"file://{lake}/.lakeflow/warehouse")) as catalog:
        table = catalog.load_table(name)
        found = table.scan().to_arrow().sort_by("n")
        version = table.metadata_location
    for column in [column for column in TABLE.column_names if column in found.column_names]:
        assert same(found.column(column).to_pylist(), TABLE.column(column).to_pylist()), column
    assert len(set(found.column_names) & set(TABLE.column_names)) == (15 if name == "bronze.from_csv" else 29)
    assert_polars_reads(version)


def assert_polars_reads(version: str) -> None:
    """Polars holds a UUID as its bytes."""
    expected = pl.from_arrow(TABLE.drop_columns([name for name in TABLE.column_names if name.endswith("v12")]))
    assert isinstance(expected, pl.DataFrame)
    found = pl.scan_iceberg(version, reader_override="native").collect().sort("n")
    for column in [column for column in expected.columns if column in found.columns]:
        assert same(found[column].to_list(), expected[column].to_list()), column
