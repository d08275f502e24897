"""The lines to type in another engine to read one table of the lake, with the real names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.readers.options import BUNDLES, for_java, for_pyiceberg, jdbc
from lakeflow.core.readers.place import NAME, LakePlace, PlaceKind, store_at
from lakeflow.core.redaction import HIDDEN
from lakeflow.core.values import dataclass


class Reader(StrEnum):
    """An engine that reads Iceberg tables."""

    SPARK = "spark"
    TRINO = "trino"
    SNOWFLAKE = "snowflake"
    DREMIO = "dremio"
    DUCKDB = "duckdb"
    PYICEBERG = "pyiceberg"
    POLARS = "polars"


@dataclass(frozen=True)
class TableRead:
    """What is read: the table, where the lake is, and the location of the table's metadata now."""

    key: AssetKey
    place: LakePlace
    version: str

    @property
    def store(self) -> str:
        """The scheme of the object store that the table is in; empty on a disk."""
        return store_at(self.version)


def lines_for(reader: Reader, table: TableRead) -> str:
    """The lines. UsageError where that engine cannot read a lake that is kept so; the hint says how it could."""
    lines = _LINES[reader](table)
    if any(HIDDEN in line for line in lines):
        mark = "--" if reader is Reader.SNOWFLAKE else "#"
        lines = [f"{mark} {HIDDEN} is a secret that the settings hold plainly: put it into a variable", *lines]
    return "\n".join(lines) + "\n"


def _python(text: str) -> str:
    """A text as Python reads it; variables are replaced where it runs."""
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"os.path.expandvars({quoted})" if "${" in text else quoted


def _load(table: TableRead, imports: str) -> list[str]:
    properties = for_pyiceberg(table.place, table.store)
    needs_os = any("${" in text for text in properties.values())
    return [
        *(["import os", ""] if needs_os else []),
        *([imports] if imports else []),
        "from pyiceberg.catalog import load_catalog",
        "",
        "catalog = load_catalog(",
        f'    "{NAME}",',
        "    **{",
        *(f'        "{name}": {_python(text)},' for name, text in properties.items()),
        "    },",
        ")",
    ]


def _pyiceberg(table: TableRead) -> list[str]:
    return [*_load(table, ""), f'rows = catalog.load_table("{table.key}").scan().to_arrow()']


def _polars(table: TableRead) -> list[str]:
    return [
        *_load(table, "import polars as pl"),
        f'rows = pl.scan_iceberg(catalog.load_table("{table.key}")).collect()',
    ]


def _duckdb(table: TableRead) -> list[str]:
    return [
        *_load(table, "import duckdb"),
        f'reader = catalog.load_table("{table.key}").scan().to_arrow_batch_reader()',
        'rows = duckdb.sql("select * from reader")',
    ]


def _spark(table: TableRead) -> list[str]:
    catalog, properties = f"spark.sql.catalog.{NAME}", for_java(table.place, table.store)
    extensions = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
    settings = {
        "spark.sql.extensions": extensions,
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.cache-enabled": "false",
        **{f"{catalog}.{name}": text for name, text in properties.items()},
    }
    jars = ["iceberg-spark-runtime", *filter(None, (BUNDLES.get(table.store), _DRIVER.get(table.place.kind)))]
    return [
        f"# needs on Spark's class path: {', '.join(jars)}",
        *(["import os", ""] if any("${" in text for text in settings.values()) else []),
        "from pyspark.sql import SparkSession",
        "",
        "builder = SparkSession.builder",
        *(f'builder = builder.config("{name}", {_python(text)})' for name, text in settings.items()),
        "spark = builder.getOrCreate()",
        f'rows = spark.table("{NAME}.{table.key}")',
    ]


_DRIVER: Final = {PlaceKind.SQLITE: "sqlite-jdbc", PlaceKind.POSTGRESQL: "postgresql (its JDBC driver)"}


def _trino(table: TableRead) -> list[str]:
    place = table.place
    if place.is_local:
        raise _elsewhere(
            "Trino", table, "the catalog in PostgreSQL or on a REST server, the warehouse in an object store"
        )
    properties = {"connector.name": "iceberg"}
    if place.kind is PlaceKind.REST:
        properties |= {"iceberg.catalog.type": "rest", "iceberg.rest-catalog.uri": place.uri}
        properties |= {"iceberg.rest-catalog.warehouse": place.warehouse} if place.warehouse else {}
        properties |= {f"iceberg.rest-catalog.{name}": text for name, text in _trino_asks(table).items()}
    else:
        url, user, password = jdbc(place)
        properties |= {
            "iceberg.catalog.type": "jdbc",
            "iceberg.jdbc-catalog.catalog-name": NAME,
            "iceberg.jdbc-catalog.driver-class": "org.postgresql.Driver",
            "iceberg.jdbc-catalog.connection-url": url,
            "iceberg.jdbc-catalog.connection-user": user,
            "iceberg.jdbc-catalog.connection-password": password,
            "iceberg.jdbc-catalog.default-warehouse-dir": place.warehouse,
        }
    properties |= {f"fs.native-{_TRINO_STORES[table.store]}.enabled": "true"} if table.store else {}
    if table.store == "s3":
        properties |= {f"s3.{_TRINO_S3[name]}": text for name, text in place.storage.items() if name in _TRINO_S3}
        properties |= {"s3.path-style-access": "true"} if "endpoint" in place.storage else {}
    return [
        f"# etc/catalog/{NAME}.properties",
        *(f"{name}={text.replace('${', '${ENV:')}" for name, text in properties.items() if text),
        "",
        f'# select * from {NAME}.{table.key.layer}."{table.key.name}"',
    ]


def _trino_asks(table: TableRead) -> dict[str, str]:
    place = table.place
    routed = {_TRINO_ROUTE[name]: text for name, text in place.route.items()}
    vended = {"vended-credentials-enabled": "true"} if place.vends and table.store else {}
    if place.signing:
        return {"security": "SIGV4", "signing-name": place.signing["signing_name"], **routed, **vended}
    named = {f"oauth2.{name}": text for name, text in place.access.items()}
    return ({"security": "OAUTH2"} if named else {}) | named | routed | vended


_TRINO_S3: Final = {
    "endpoint": "endpoint",
    "region": "region",
    "access_key_id": "aws-access-key",
    "secret_access_key": "aws-secret-key",
}
_TRINO_ROUTE: Final = {"prefix": "prefix", "oauth2_uri": "oauth2.server-uri"}
_TRINO_STORES: Final = {"s3": "s3", "gs": "gcs", "abfss": "azure"}


def _snowflake(table: TableRead) -> list[str]:
    place, key = table.place, table.key
    name = f"{key.layer}_{key.name}"
    if place.kind is PlaceKind.REST:
        bearer = place.access.get("token", "...")
        warehouse = f" catalog_name = '{place.warehouse}'" if place.warehouse else ""
        return [
            f"create or replace catalog integration {NAME} catalog_source = iceberg_rest table_format = iceberg",
            f"  catalog_namespace = '{key.layer}' rest_config = (catalog_uri = '{place.uri}'{warehouse})",
            f"  rest_authentication = (type = bearer bearer_token = '{bearer}') enabled = true;",
            f"create or replace iceberg table {name} catalog = '{NAME}' catalog_table_name = '{key.name}';",
            f"select * from {name};",
        ]
    if not table.store:
        raise _elsewhere("Snowflake", table, "the warehouse in an object store, or the catalog on a REST server")
    inside = table.version.removeprefix(place.warehouse).strip("/")
    base = place.warehouse.replace("gs://", "gcs://").replace("abfss://", "azure://").rstrip("/")
    provider = {"s3": "S3", "gs": "GCS", "abfss": "AZURE"}[table.store]
    return [
        f"create or replace external volume {NAME} storage_locations = ((",
        f"  name = '{NAME}' storage_provider = '{provider}' storage_base_url = '{base}/'",
        "  -- and the role or tenant by which Snowflake may read it",
        "));",
        f"create or replace catalog integration {NAME}",
        "  catalog_source = object_store table_format = iceberg enabled = true;",
        f"create or replace iceberg table {name} external_volume = '{NAME}' catalog = '{NAME}'",
        f"  metadata_file_path = '{inside}';",
        "-- this is the table of now: after a publish type these lines again",
        f"select * from {name};",
    ]


def _dremio(table: TableRead) -> list[str]:
    place = table.place
    if place.kind is not PlaceKind.REST:
        raise _elsewhere("Dremio", table, "the catalog on a REST server: Dremio reads no SQL catalog")
    return [
        "# a source of the kind Iceberg REST Catalog",
        f"# name: {NAME}",
        f"# endpoint URI: {place.uri}",
        *([f"# catalog property warehouse: {place.warehouse}"] if place.warehouse else []),
        *(f"# catalog property {name}: {text}" for name, text in place.route.items()),
        *(f"# credential {name}: {text}" for name, text in place.access.items()),
        f'select * from {NAME}.{table.key.layer}."{table.key.name}"',
    ]


def _elsewhere(engine: str, table: TableRead, how: str) -> UsageError:
    kept = "on this machine's disk" if table.place.is_local else f"in {table.place.kind}"
    return UsageError(f"{engine} cannot read a lake that is kept {kept}", hint=f"keep {how}; docs/readers.md says more")


_LINES: Final[Mapping[Reader, Callable[[TableRead], list[str]]]] = {
    Reader.SPARK: _spark,
    Reader.TRINO: _trino,
    Reader.SNOWFLAKE: _snowflake,
    Reader.DREMIO: _dremio,
    Reader.DUCKDB: _duckdb,
    Reader.PYICEBERG: _pyiceberg,
    Reader.POLARS: _polars,
}
