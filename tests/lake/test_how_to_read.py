"""The lines for other engines read the very rows, whatever the asset is called; they show no secret."""

from __future__ import annotations

import ast
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.readers.lines import Reader, TableRead, lines_for
from lakeflow.core.readers.names import READERS
from lakeflow.core.readers.options import for_java, for_pyiceberg
from lakeflow.core.readers.place import LakePlace, PlaceKind, place_of
from lakeflow.core.settings.settings import make_settings
from tests.external.lab import make, opened
from tests.prepared import Prepared

# Names that mean something in SQL and in Python.
FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/silver/order.sql": "/*\nkey = ['id']\n*/\nselect range as id, 'é ' || range as note from range(3)",
    "layers/gold/lambda.sql": "/*\nkey = ['id']\n*/\nselect id from silver.order where id > 0",
}
ROWS = [{"id": 0, "note": "é 0"}, {"id": 1, "note": "é 1"}, {"id": 2, "note": "é 2"}]


def lived(root: Path) -> None:
    make(root, FILES)
    with opened(root) as lake:
        lake.materialize()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Prepared(tmp_path_factory.mktemp("read"), lived).again()


def read(lines: str) -> list[dict[str, Any]]:
    names: dict[str, Any] = {}
    exec(lines, names)
    found = names["rows"]
    with closing(names["catalog"]):
        rows = found.to_dicts() if hasattr(found, "to_dicts") else _arrow(found).to_pylist()
    return sorted(rows, key=str)


def _arrow(found: Any) -> Any:
    return found.to_arrow_table() if hasattr(found, "to_arrow_table") else found


@pytest.mark.parametrize("reader", ["duckdb", "pyiceberg", "polars"])
def test_the_lines_give_the_rows(root: Path, reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")  # its own planner is a package more
    with opened(root) as lake:
        assert read(lake.how_to_read("silver.order", reader)) == ROWS
        assert read(lake.how_to_read("gold.lambda", reader)) == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize("reader", ["trino", "snowflake", "dremio"])
def test_an_engine_that_cannot_read_a_disk_is_refused_with_what_would_do(root: Path, reader: str) -> None:
    with opened(root) as lake, pytest.raises(UsageError, match="cannot read a lake that is kept on this machine's"):
        lake.how_to_read("silver.order", reader)


def test_what_nobody_published_has_no_lines(tmp_path: Path) -> None:
    make(tmp_path, FILES)
    with lakeflow.open(tmp_path) as lake, pytest.raises(UsageError, match="readers see nothing"):
        lake.how_to_read("silver.order", "spark")


def place(**values: Any) -> LakePlace:
    settings = make_settings(values, dict.fromkeys(values, "pyproject.toml"), {})
    return place_of(settings, "/data/project")


SERVER = {
    "catalog": "postgresql+psycopg://${SALES_USER}:${SALES_PASSWORD}@db:5432/iceberg",
    "warehouse": "s3://bucket/lake",
    "storage": {
        "endpoint": "http://minio:9000",
        "region": "eu-north-1",
        "access_key_id": "AKIAPLAIN",
        "secret_access_key": "${S3_SECRET}",
    },
}


def test_settings_say_where_the_lake_is() -> None:
    assert place() == LakePlace(
        PlaceKind.SQLITE, "sqlite:////data/project/.lakeflow/catalog.db", "file:///data/project/.lakeflow/warehouse"
    )
    found = place(**SERVER)
    assert (found.kind, found.uri) == (PlaceKind.POSTGRESQL, SERVER["catalog"])
    assert for_pyiceberg(found, "s3")["s3.endpoint"] == "http://minio:9000"
    java = for_java(found, "s3")
    assert java["uri"] == "jdbc:postgresql://db:5432/iceberg"
    assert (java["jdbc.user"], java["jdbc.password"]) == ("${SALES_USER}", "${SALES_PASSWORD}")
    assert java["io-impl"].endswith("S3FileIO")


def test_a_rest_catalog_is_named_by_its_settings() -> None:
    server = {"uri": "https://catalog.example", "warehouse": "prod", "token": "${TOKEN}"}
    found = place(catalog="prod", catalogs={"prod": server})
    assert (found.kind, found.access) == (PlaceKind.REST, {"token": "${TOKEN}"})
    assert for_pyiceberg(found, "s3") == {
        "type": "rest",
        "uri": "https://catalog.example",
        "warehouse": "prod",
        "token": "${TOKEN}",
    }
    for reader in Reader:
        lines = lines_for(reader, TableRead(AssetKey.parse("gold.kpis"), found, "s3://b/kpis/metadata/1.json"))
        assert "https://catalog.example" in lines
        assert "kpis" in lines


def test_where_else_a_rest_catalog_is_asked_is_said_too() -> None:
    server = {"uri": "https://c.example", "prefix": "sales", "oauth2_uri": "https://id.example", "credential": "${C}"}
    found = place(catalog="prod", catalogs={"prod": server})
    said = {"prefix": "sales", "oauth2-server-uri": "https://id.example"}
    assert said.items() <= for_pyiceberg(found, "s3").items()
    assert said.items() <= for_java(found, "s3").items()
    for reader in Reader:
        lines = lines_for(reader, TableRead(AssetKey.parse("gold.kpis"), found, "s3://b/kpis/metadata/1.json"))
        assert reader is Reader.SNOWFLAKE or ("https://id.example" in lines and "sales" in lines)


AT = "s3://b/kpis/metadata/1.json"


@pytest.mark.parametrize("reader", [Reader.SPARK, Reader.TRINO, Reader.PYICEBERG, Reader.POLARS, Reader.DUCKDB])
def test_the_store_of_a_rest_catalog_is_known_by_its_tables_and_reached_as_the_settings_say(reader: Reader) -> None:
    """Its warehouse is a name, which tells of no store."""
    server = {"uri": "https://c.example", "warehouse": "prod", "credential": "${C}", "scope": "catalog"}
    found = place(catalog="prod", catalogs={"prod": server}, storage=SERVER["storage"])
    lines = lines_for(reader, TableRead(AssetKey.parse("gold.kpis"), found, AT))
    assert "http://minio:9000" in lines
    assert "S3_SECRET" in lines
    assert "https://c.example/v1/oauth/tokens" in lines
    assert "vended" not in lines
    if reader in {Reader.SPARK, Reader.TRINO}:  # others ask an endpoint by path of themselves
        assert "s3.path-style-access" in lines


def test_who_names_no_keys_to_a_store_asks_the_rest_catalog_for_them() -> None:
    server = {"uri": "https://c.example", "warehouse": "prod", "token": "${TOKEN}"}
    found = place(catalog="prod", catalogs={"prod": server})
    spark, trino = (
        lines_for(reader, TableRead(AssetKey.parse("gold.kpis"), found, AT)) for reader in (Reader.SPARK, Reader.TRINO)
    )
    assert 'header.X-Iceberg-Access-Delegation", "vended-credentials"' in spark
    assert "iceberg.rest-catalog.vended-credentials-enabled=true" in trino
    on_disk = TableRead(AssetKey.parse("gold.kpis"), found, "file:///kpis/metadata/1.json")
    assert "Delegation" not in lines_for(Reader.SPARK, on_disk)


def test_requests_are_signed_where_lakeflow_signs_them() -> None:
    keys = {"access_key_id": "${KEY}", "secret_access_key": "${SECRET}", "region": "eu-north-1"}
    found = place(catalog="prod", catalogs={"prod": {"uri": "https://c.example", **keys}})
    said = {"rest.sigv4-enabled": "true", "rest.signing-region": "eu-north-1", "rest.signing-name": "glue"}
    assert for_pyiceberg(found, "s3").items() >= {**said, "client.access-key-id": "${KEY}"}.items()
    assert for_java(found, "s3").items() >= {**said, "rest.secret-access-key": "${SECRET}"}.items()
    trino = lines_for(Reader.TRINO, TableRead(AssetKey.parse("gold.kpis"), found, AT))
    assert "iceberg.rest-catalog.security=SIGV4\niceberg.rest-catalog.signing-name=glue\n" in trino


def test_pyiceberg_is_told_the_driver_that_lakeflow_installs() -> None:
    found = place(catalog="postgresql://${A}:${B}@db/x", warehouse="s3://b/lake")
    assert for_pyiceberg(found, "s3")["uri"].startswith("postgresql+psycopg://")
    assert for_java(found, "s3")["uri"] == "jdbc:postgresql://db/x"


@pytest.mark.parametrize("reader", [each for each in Reader if each is not Reader.DREMIO])
def test_no_secret_is_shown_and_variables_stay_as_they_are_written(reader: Reader) -> None:
    at = "s3://bucket/lake/gold/kpis/metadata/00003-x.metadata.json"
    lines = lines_for(reader, TableRead(AssetKey.parse("gold.kpis"), place(**SERVER), at))
    assert "AKIAPLAIN" not in lines
    plain = place(**{**SERVER, "catalog": "postgresql+psycopg://reader:hunter2@db/iceberg"})
    hidden = lines_for(reader, TableRead(AssetKey.parse("gold.kpis"), plain, at))
    assert "hunter2" not in hidden
    if reader in {Reader.DUCKDB, Reader.PYICEBERG, Reader.POLARS, Reader.SPARK}:
        ast.parse(lines)
        assert 'os.path.expandvars("' in lines
    if reader is Reader.SNOWFLAKE:
        assert "'gold/kpis/metadata/00003-x.metadata.json'" in lines


def test_the_command_knows_every_reader() -> None:
    assert tuple(map(str, Reader)) == READERS
