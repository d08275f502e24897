"""Runs the code of one asset on Spark: its SELECT, or its function."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from pyspark import cloudpickle
from pyspark.errors import PySparkException

from lakeflow.adapters.spark.failures import Running
from lakeflow.adapters.spark.java import Py4JError
from lakeflow.core.errors import CodeError, LakeflowError
from lakeflow.core.model.asset import PythonCode, SparkSql
from lakeflow.core.spark.names import bound, with_views
from lakeflow.core.time.timeline import BOUNDS, Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FAMILY: Final = "_lakeflow_"
"""How the names begin under which a project's modules are loaded; no executor could import them."""
_RETURN: Final = "return a pyspark.sql.DataFrame"


@contextmanager
def views(session: SparkSession, frames: Mapping[str, DataFrame]) -> Iterator[Mapping[str, str]]:
    """Each frame as a view of its own name while this is open."""
    names = {name: f"lakeflow_{uuid4().hex}" for name in frames}
    try:
        for name, rows in frames.items():
            rows.createOrReplaceTempView(names[name])
        yield names
    finally:
        for name in names.values():
            try:
                session.catalog.dropTempView(name)
            except (PySparkException, Py4JError, ConnectionError):
                break  # a session that is gone has no views


def selected(session: SparkSession, code: SparkSql, named: Mapping[str, str], window: Window | None) -> DataFrame:
    """The rows of the SELECT. In parentheses nothing but a SELECT is read."""
    text = with_views(bound(code.text, window), named)
    return session.sql(f"SELECT * FROM ({text.rstrip().rstrip(';')}\n)")


def called(running: Running, given: Mapping[str, DataFrame], window: Window | None) -> DataFrame:
    """What the function returns for these inputs. CodeError for what it raises, `sys.exit` included."""
    code = running.asset.code
    assert isinstance(code, PythonCode), "SQL is not called"
    for name in [name for name in list(sys.modules) if name.startswith(_FAMILY)]:
        cloudpickle.register_pickle_by_value(sys.modules[name])
    try:
        with redirect_stdout(sys.stderr):
            found = code.function(**given, **_bounds(code, window))
    except (LakeflowError, PySparkException, Py4JError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code may raise anything at all
        raise _raised(running, code, error) from (None if running.personal else error)
    if type(found).__name__ != "DataFrame" or not type(found).__module__.startswith("pyspark.sql"):
        what = "nothing (None)" if found is None else f"a {type(found).__module__}.{type(found).__qualname__}"
        raise running.error(f"the function returned {what}, which is no frame of Spark", _RETURN)
    return found


def _bounds(code: PythonCode, window: Window | None) -> dict[str, Any]:
    if window is None:
        return {}
    taken = inspect.signature(code.function).parameters
    return {name: at for name, at in zip(BOUNDS, (window.start, window.end), strict=True) if name in taken}


def _raised(running: Running, code: PythonCode, error: BaseException) -> CodeError:
    where = f"{code.path}:{_line(error, code)}"
    text = "" if running.personal or not str(error) else f": {error}"
    what = "the code called exit" if isinstance(error, SystemExit) else f"{type(error).__name__}{text}"
    hint = "the message is withheld because personal data is involved" if running.personal else None
    return CodeError(f"{running.key}: {what} ({where})", hint=hint, asset=running.key)


def _line(error: BaseException, code: PythonCode) -> int:
    """The last line of the user's own file in the traceback."""
    file, line, at = inspect.unwrap(code.function).__code__.co_filename, code.line, error.__traceback__
    while at is not None:
        line = at.tb_lineno if at.tb_frame.f_code.co_filename == file else line
        at = at.tb_next
    return line
