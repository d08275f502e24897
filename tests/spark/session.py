"""Spark with Iceberg's own Java library: one session in this process, and what it needs to start."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REQUIRED: Final = "LAKEFLOW_TEST_SPARK"
"""Set to `required`, a machine without Spark fails these tests; else they are skipped there."""
_RUNTIME: Final = "iceberg-spark-runtime-3.5_2.12-*.jar"
_DRIVERS: Final = ("/usr/share/java/sqlite-jdbc.jar", "/usr/share/java/xerial-sqlite-jdbc.jar")
_PACKAGES: Final = "libxerial-sqlite-jdbc-java libxerial-sqlite-jdbc-jni"
_NATIVE: Final = "/usr/lib"


def missing() -> str:
    """Why Spark cannot be started here; empty where it can."""
    if find_spec("pyspark") is None or runtime() is None:
        return "pyspark and Iceberg's jar are not installed: `make test-spark` does it"
    if shutil.which("java") is None:
        return "there is no Java: apt-get install openjdk-17-jre-headless"
    if _driver() is None:
        return (
            "there is no JDBC driver for SQLite: apt-get install libxerial-sqlite-jdbc-java libxerial-sqlite-jdbc-jni"
        )
    return ""


def required() -> None:
    """Skip, or fail where Spark must be there."""
    if reason := missing():
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(f"Spark is required here: {reason}", pytrace=False)
        pytest.skip(reason)


def start(*jars: str) -> SparkSession:
    """One core and one gigabyte; times are UTC, and a cast that fails is an error. `jars` are further ones."""
    from pyspark.sql import SparkSession

    os.environ.update(PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    builder = SparkSession.builder.master("local[1]").appName("lakeflow tests")
    for name, value in _settings(jars).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _settings(jars: Sequence[str]) -> dict[str, str]:
    return {
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-XX:+UseSerialGC {_native()}",
        "spark.jars": ",".join([str(runtime()), str(_driver()), *jars]),
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    }


def runtime() -> Path | None:
    spec = find_spec("snowpark_connect_deps_iceberg")
    places = spec.submodule_search_locations if spec else None
    return next((jar for place in places or () for jar in Path(place, "jars").glob(_RUNTIME)), None)


def _driver() -> str | None:
    return next((path for path in _DRIVERS if Path(path).is_file()), None)


def _native() -> str:
    """Debian keeps the driver's native part apart from its jar."""
    library = next(Path(_NATIVE).glob("*/jni/libsqlitejdbc.so"), None)
    return f"-Dorg.sqlite.lib.path={library.parent} -Dorg.sqlite.lib.name={library.name}" if library else ""
