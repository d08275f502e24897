"""Iceberg's own Java library as a REST catalog over local files, or over a store by `StoreIO.java`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import urllib.request
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Final

from tests.servers.endpoints import Endpoint, Rest
from tests.servers.kept import CannotStartError, folder, keep, wait_until

_SOURCE: Final = Path(__file__).with_name("IcebergRest.java")
_STORE_IO: Final = Path(__file__).with_name("StoreIO.java")
_RUNTIME: Final = "iceberg-spark-runtime-3.5_2.12-*.jar"
_DRIVERS: Final = ("/usr/share/java/sqlite-jdbc.jar", "/usr/share/java/xerial-sqlite-jdbc.jar")
_PORT: Final = re.compile(r"port=(\d+)\.")


class JavaRest:
    def __init__(self, store: Endpoint | None = None) -> None:
        classes = ":".join(map(str, _classes()))
        self._home, self._store = folder("java-rest"), store
        self._warehouses = self._home.as_uri()
        if store:
            self._warehouses = f"s3://{store.bucket()}"
            classes = f"{self._store_io(store, classes)}:{classes}"
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
        return Rest(self._uri, name, f"{self._warehouses}/{name}/tables", store=self._store)

    def _store_io(self, store: Endpoint, classes: str) -> Path:
        """Where Java finds it. The keys are in a file, and in no process's arguments."""
        if shutil.which("javac") is None:
            raise CannotStartError("there is no Java compiler: `make servers`")
        said = {**store.for_pyiceberg, "io-impl": _STORE_IO.stem, "warehouse": self._warehouses}
        text = "".join(f"{name}={value}\n" for name, value in said.items())
        (self._home / "catalog.properties").write_text(text)
        made = self._home / "classes"
        subprocess.run(["javac", "-cp", classes, "-d", str(made), str(_STORE_IO)], check=True)
        return made

    def end(self) -> None:
        self._kept.end()


def start(store: Endpoint | None = None) -> JavaRest:
    return JavaRest(store)


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
