"""Spark reads tables that lie in an object store, by the lines that `show --how spark` prints, in a process of its own.

Iceberg's own S3FileIO needs the AWS SDK for Java, which no registry has that these tests may ask. So `StoreIO.java`
stands in its place, and all else is Spark's and Iceberg's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pytest

from tests.servers.fixture import REQUIRED
from tests.servers.year import ROOT, digest
from tests.spark import session

_OURS: Final = "StoreIO"
_THEIRS: Final = "org.apache.iceberg.aws.s3.S3FileIO"
_DRIVER: Final = Path("/usr/share/java/postgresql.jar")


def read(lines: str, names: Sequence[str], scratch: Path) -> Mapping[str, tuple[int, int]]:
    """What Spark finds in these tables, as `digest` tells it. The test is skipped where Spark cannot start."""
    if why := _missing():
        (pytest.fail if os.environ.get(REQUIRED) == "required" else pytest.skip)(why)
    asked = {"lines": lines.replace(_THEIRS, _OURS), "names": list(names), "jar": str(_jar(scratch))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.servers.spark_reads"],
        input=json.dumps(asked),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, _causes(done.stderr)
    return {name: (rows, int(hashed)) for name, (rows, hashed) in json.loads(done.stdout.splitlines()[-1]).items()}


def _causes(words: str) -> str:
    """What Java says of a fault, without where it passed."""
    return "\n".join(line for line in words.splitlines() if not line.startswith("\tat "))[-4000:]


def _missing() -> str:
    if why := session.missing():
        return why
    if shutil.which("javac") is None or not _DRIVER.exists():
        return "there is no Java compiler, or no JDBC driver of PostgreSQL: `make servers`"
    return ""


def _jar(scratch: Path) -> Path:
    classes, jar = scratch / "classes", scratch / "store-io.jar"
    source = str(Path(__file__).with_name(f"{_OURS}.java"))
    subprocess.run(["javac", "-cp", str(session.runtime()), "-d", str(classes), source], check=True)
    subprocess.run(["jar", "cf", str(jar), "-C", str(classes), "."], check=True)
    return jar


def main() -> None:
    asked = json.load(sys.stdin)
    spark = session.start(asked["jar"], str(_DRIVER))
    spark.conf.set("spark.sql.catalog.lakeflow.io-impl", _OURS)
    exec(asked["lines"], {})
    found = {}
    for name in asked["names"]:
        batches = spark.table(f"lakeflow.{name}")._collect_as_arrow()
        rows, hashed = digest(pa.Table.from_batches(batches)) if batches else (0, 0)
        found[name] = rows, str(hashed)
    sys.stdout.write(f"{json.dumps(found)}\n")
    spark.stop()


if __name__ == "__main__":
    main()
