"""Iceberg's own Java library as a REST catalog over local files."""

from __future__ import annotations

import re
import shutil
import sys
import urllib.request
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Final

from tests.servers.endpoints import Rest
from tests.servers.kept import CannotStartError, folder, keep, wait_until

_SOURCE: Final = Path(__file__).with_name("IcebergRest.java")
_RUNTIME: Final = "iceberg-spark-runtime-3.5_2.12-*.jar"
_DRIVERS: Final = ("/usr/share/java/sqlite-jdbc.jar", "/usr/share/java/xerial-sqlite-jdbc.jar")
_PORT: Final = re.compile(r"port=(\d+)\.")


class JavaRest:
    def __init__(self) -> None:
        classes = ":".join(map(str, _classes()))
        self._home = folder("java-rest")
        memory = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        command = ["java", *memory, *_native(), "-cp", classes, str(_SOURCE), str(self._home)]
        self._kept = keep(command, self._home)
        wait_until(lambda: _PORT.search(self._kept.words) is not None, self._kept, "Iceberg's REST catalog")
        found = _PORT.search(self._kept.words)
        assert found
        self._uri = f"http://127.0.0.1:{found[1]}"
        self._numbers = count(1)

    def rest(self) -> Rest:
        name = f"warehouse-{next(self._numbers)}"
        with urllib.request.urlopen(f"{self._uri}/v1/config?warehouse={name}", timeout=60) as answer:
            assert answer.status == 200
        return Rest(self._uri, name, (self._home / name / "tables").as_uri())

    def end(self) -> None:
        self._kept.end()


def start() -> JavaRest:
    return JavaRest()


def _classes() -> list[Path]:
    if shutil.which("java") is None:
        raise CannotStartError("there is no Java: `make servers`")
    places = find_spec("snowpark_connect_deps_iceberg"), find_spec("pyspark")
    if None in places:
        raise CannotStartError("Iceberg's jars and pyspark's are not installed: `make servers`")
    iceberg, spark = (Path(next(iter(place.submodule_search_locations or ()))) for place in places if place)
    driver = next((Path(path) for path in _DRIVERS if Path(path).exists()), None)
    if driver is None:
        raise CannotStartError("there is no JDBC driver of SQLite: `make servers`")
    return [next((iceberg / "jars").glob(_RUNTIME)), driver, spark / "jars" / "*"]


def _native() -> list[str]:
    """Debian's driver leaves its native part to a package of its own."""
    if sys.platform != "linux":
        return []
    found = next(Path("/usr/lib").glob("*/jni/libsqlitejdbc.so"), None)
    return [f"-Dorg.sqlite.lib.path={found.parent}", f"-Dorg.sqlite.lib.name={found.name}"] if found else []
