"""Starts Spark, or says why it cannot be started and what to type. Only the public API of a session is used, so that a
Spark Connect server can be one.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from lakeflow.core.errors import AssetError
from lakeflow.core.settings.spark import EXACT, LOCAL, SparkSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PATIENCE: Final = 10.0
"""Seconds in which a server must take a connection; Spark itself would try for minutes."""
_QUIET: Final = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "OFF",
}
_HERE: Final = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
_COUNTS: Final = 4
"""The first release of Spark whose clients observe a count."""
_CLIENT: Final = 'pip install "pyspark[connect]>=4.0", in the release of the server'
_JAVA: Final = "install Java 17 (apt-get install openjdk-17-jre-headless), or set JAVA_HOME"


def start(settings: SparkSettings, scratch: Path) -> SparkSession:
    """A session. AssetError where Spark, Java or the cluster is not there."""
    _require_installed(settings)
    _require_there(settings)
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only now it is known to be there

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("lakeflow")
    builder = builder.remote(settings.remote) if settings.remote else builder.master(settings.master or LOCAL)
    for name, value in _conf(settings, scratch).items():
        builder = builder.config(name, value)
    try:
        with _silence():
            session = builder.getOrCreate()
            if settings.remote:  # a client tells a server its settings, and does not hear which of them it refused
                require_exact(session)
            return session
    except AssetError:
        raise
    except Exception as error:  # noqa: BLE001 - Java's, Python's and a server's, each of its own kind
        where = f" at {_address(settings)}" if _address(settings) else ""
        cause = str(error).strip().partition("\n")[0] or type(error).__name__
        raise AssetError(f"Spark does not start{where}: {cause}", hint=_LOOK) from None


_LOOK: Final = "look at [tool.lakeflow.spark] in pyproject.toml, then run it again"


def as_client(settings: SparkSettings) -> None:
    """Say that functions are those of a client; whoever gives this process another environment has to say it again."""
    if settings.remote:
        os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"


def require_exact(session: SparkSession) -> None:
    """AssetError where code has changed a setting that keeps values as they are."""
    for name, value in EXACT.items():
        if str(session.conf.get(name, value)).lower() != value.lower():
            session.conf.set(name, value)
            raise AssetError(f"the code changes {name}, which keeps values exact", hint="leave it as it is")


def _conf(settings: SparkSettings, scratch: Path) -> dict[str, str]:
    if settings.remote:
        return {**settings.conf, **EXACT}
    own = {"spark.sql.warehouse.dir": f"file://{scratch}/warehouse", "spark.local.dir": f"{scratch}/local"}
    here = {**_HERE, **own} if settings.is_here else {}
    return {**_QUIET, **here, **settings.conf, **EXACT}


def _require_installed(settings: SparkSettings) -> None:
    if find_spec("pyspark") is None:
        hint = 'pip install "lakeflow-wap[spark]", or drop engine = "spark"'
        raise AssetError("pyspark is not installed, and Spark runs this asset", hint=hint)
    if settings.remote:
        _require_client()
        return
    java = Path(os.environ["JAVA_HOME"], "bin/java") if os.environ.get("JAVA_HOME") else None
    if not (shutil.which("java") if java is None else java.exists()):
        raise AssetError("there is no Java, and Spark runs this asset", hint=_JAVA)


def _require_client() -> None:
    """AssetError where there is no client of Spark Connect that counts the rows which it has written."""
    from pyspark import __version__  # noqa: PLC0415 - only now it is known to be there

    if int(__version__.partition(".")[0]) < _COUNTS:
        raise AssetError(f"the client of Spark Connect in pyspark {__version__} does not count rows", hint=_CLIENT)
    if find_spec("grpc") is None or find_spec("grpc_status") is None:
        raise AssetError("the client of Spark Connect is not installed, and Spark runs this asset", hint=_CLIENT)


def _require_there(settings: SparkSettings) -> None:
    """AssetError where no server of the cluster takes a connection."""
    places = list(_servers(settings))
    for host, port in places:
        with suppress(OSError), socket.create_connection((host, port), _PATIENCE):
            return
    if places:
        said = ", ".join(f"{host}:{port}" for host, port in places)
        hint = "start the cluster, or mend [tool.lakeflow.spark] in pyproject.toml; then `lakeflow retry`"
        raise AssetError(f"no Spark cluster answers at {said}", hint=hint)


def _servers(settings: SparkSettings) -> Iterator[tuple[str, int]]:
    """The addresses of a standalone master, of several masters, or of a Spark Connect server; others are Spark's to
    find.
    """
    place = settings.remote or settings.master
    scheme, _, rest = place.partition("://")
    for one in rest.split(",") if scheme in {"spark", "sc"} else ():
        found = urlsplit(f"{scheme}://{one}")
        if found.hostname:
            yield found.hostname, found.port or (15002 if scheme == "sc" else 7077)


def _address(settings: SparkSettings) -> str:
    return ", ".join(f"{host}:{port}" for host, port in _servers(settings))


@contextmanager
def _silence() -> Iterator[None]:
    """Java prints nowhere: what it says may hold values, and what functions print on executors is in Spark's logs."""
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    kept = [os.dup(1), os.dup(2)]
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        for each in (nowhere, *kept):
            os.close(each)
