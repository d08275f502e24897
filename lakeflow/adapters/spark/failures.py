"""Turns what Spark raises into errors of the asset that say what is wrong, and what to type next.

Messages of Spark may quote values of the data; where personal data is involved, they are withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pyspark.errors import AnalysisException, ParseException, PySparkException, PythonException

from lakeflow.adapters.spark.alive import is_client, is_gone
from lakeflow.adapters.spark.java import Py4JError
from lakeflow.core.errors import AssetError, CodeError, EngineLostError, LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakeflow.adapters.spark.idle import IdleWatch

_WITHHELD: Final = "the message is withheld because personal data is involved"
_CAUSED: Final = re.compile(r"^Caused by: (.+)$", re.MULTILINE)
_FIRST: Final = re.compile(r"^: (.+)$", re.MULTILINE)
_CLASS: Final = re.compile(r"\[[A-Z_]+(?:\.[A-Z_]+)*\]")
_MEMORY: Final = ("OutOfMemoryError", "GC overhead limit")
_GRACE: Final = 1.0
"""Seconds for which a driver has to go on answering after an error that may be the first of its end."""
_STORE: Final = (
    *("No FileSystem for scheme", "S3AFileSystem not found", "AccessDenied", "NoAuthWithAWSException", "403 Forbidden"),
    *("InvalidAccessKeyId", "SignatureDoesNotMatch"),
    *("CredentialInitializationException", "AuthenticationException", "SharedKey"),
)
_GIVE_KEYS: Final = (
    "give the cluster the store's jars and credentials: spark.jars.packages and "
    'spark.hadoop.fs.s3a.access.key = "${…}" in [tool.lakeflow.spark]'
)
_MORE: Final = "spark.driver.memory in [tool.lakeflow.spark]"
_OF_SPARK: Final = (PySparkException, Py4JError, ConnectionError, EOFError)
_SPARK_SQL: Final = 'engine = "spark" reads Spark SQL: mend the text, or drop the engine if it is DuckDB\'s SQL'


@dataclass(frozen=True)
class Running:
    """The asset whose code runs in a session; no message of it holds a value where it is `personal`. `watch` gives up
    what a cluster does not run.
    """

    asset: Asset
    personal: bool
    session: SparkSession
    watch: IdleWatch | None = None

    @property
    def key(self) -> AssetKey:
        return self.asset.key

    def error(self, cause: str, hint: str | None = None) -> AssetError:
        return AssetError(f"{self.key}: {cause} ({self.asset.place})", hint=hint, asset=self.key)


@contextmanager
def failures(running: Running) -> Iterator[None]:
    """Turn what Spark raises inside into errors that name the asset."""
    try:
        yield
    except EngineLostError:
        raise
    except LakeflowError as error:
        if is_gone(running.session):  # the code only told what became of it
            raise _lost(running) from None
        if error.asset is not None or not isinstance(error, AssetError):
            raise
        raise type(error)(f"{running.key}: {error.message}", hint=error.hint, asset=running.key) from None
    except Exception as error:
        told = _idle(running) if running.watch is not None and running.watch.gave_up else _told(error, running)
        if told is None:
            raise
        raise told from (None if running.personal else error)


def _told(error: Exception, running: Running) -> AssetError | None:
    """The error of the asset; None for one that is not Spark's, while Spark is there."""
    deepest, text = _deepest(error), str(error)
    if any(word in text for word in _MEMORY):
        return _out_of_memory(running)
    if is_gone(running.session, 0.0 if _is_of_the_code(error, deepest) else _GRACE):
        return _lost(running)
    if not isinstance(error, _OF_SPARK):
        return None
    if any(word in text for word in _STORE):
        return running.error(f"Spark cannot reach the store: {_line(deepest)}", _GIVE_KEYS)
    if isinstance(error, AnalysisException):
        return _of_text(running, error)
    raised = isinstance(deepest, PythonException) or "PythonException" in text
    cause = f"a function of Python raised {_raised(str(deepest))}" if raised else _line(deepest)
    return _of_code(running, cause, f"{text}\n{deepest}")


def _is_of_the_code(error: Exception, deepest: BaseException) -> bool:
    """Is it an error that no end of a driver makes?"""
    return isinstance(error, AnalysisException) or isinstance(deepest, PythonException)


def _of_text(running: Running, error: AnalysisException) -> AssetError:
    """The error of a text or a frame that Spark does not understand; it holds nothing from the data."""
    if isinstance(error, ParseException):
        return running.error(f"Spark does not read the SQL: {_line(error)}", _SPARK_SQL)
    return running.error(_line(error), "mend the code: these are the names and types that Spark finds")


def _of_code(running: Running, cause: str, text: str) -> CodeError:
    if running.personal:
        cause = found[-1] if (found := _CLASS.findall(text)) else "Spark cannot compute the rows"
    hint = _WITHHELD if running.personal else None
    return CodeError(f"{running.key}: {cause} ({running.asset.place})", hint=hint, asset=running.key)


def _lost(running: Running) -> EngineLostError:
    """What a step is told whose driver, or whose session on a server, is gone."""
    if is_client(running.session):
        return _ended(running, "the server of Spark Connect ended the session", "start the server of Spark Connect")
    return _ended(running, "the driver of Spark ended (out of memory?)", f"raise {_MORE}")


def _out_of_memory(running: Running) -> EngineLostError:
    """What came of it is not known, so the session is given up whether it lives or not."""
    return _ended(running, "the driver of Spark is out of memory", f"raise {_MORE}")


def _idle(running: Running) -> EngineLostError:
    seconds = running.watch.seconds if running.watch else 0.0
    cause = f"the cluster of Spark ran no task of it for {seconds:g} s, and it was given up"
    return _ended(running, cause, "see that the cluster has workers with free cores and memory, or raise idle_timeout")


def _ended(running: Running, cause: str, what: str) -> EngineLostError:
    hint = f"{what}, then `lakeflow retry`"
    return EngineLostError(f"{running.key}: {cause} ({running.asset.place})", hint=hint, asset=running.key)


def _deepest(error: BaseException) -> Any:
    """The innermost cause that Spark tells."""
    while (cause := getattr(error, "cause", None)) is not None:
        error = cause
    return error


def _line(error: BaseException) -> str:
    text = str(error).strip()
    if isinstance(error, Py4JError):
        found = _CAUSED.findall(text) or _FIRST.findall(text)
        text = found[-1] if found else text
    return text.partition("\n")[0].strip()[:500]


def _raised(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if re.match(r"[A-Za-z_][\w.]*(Error|Exception)\b", line)), "an error")
