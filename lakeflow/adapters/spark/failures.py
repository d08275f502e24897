"""Turns what Spark raises into errors of the asset that say what is wrong, and what to type next.

Messages of Spark may quote values of the data; where personal data is involved, they are withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pyspark.errors import AnalysisException, ParseException, PySparkException, PythonException

from lakeflow.adapters.spark.java import Py4JError, Py4JJavaError
from lakeflow.core.errors import AssetError, CodeError, EngineLostError, LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from lakeflow.adapters.spark.idle import IdleWatch

_WITHHELD: Final = "the message is withheld because personal data is involved"
_CAUSED: Final = re.compile(r"^Caused by: (.+)$", re.MULTILINE)
_FIRST: Final = re.compile(r"^: (.+)$", re.MULTILINE)
_CLASS: Final = re.compile(r"\[[A-Z_]+(?:\.[A-Z_]+)*\]")
_MEMORY: Final = ("OutOfMemoryError", "GC overhead limit")
_STOPPED: Final = ("stopped SparkContext", "SparkContext was shut down")
"""What a job is told that comes after the end of its driver, and one that is under way meanwhile."""
_UNKNOWN: Final = re.compile(r"(?=\S*[A-Z])\S+ does not exist in the JVM")
"""Java knows no such class, or nothing of that name in one. Of a package it always says that it is there; where it does
not, it is Java that is gone.
"""
_AWAY: Final = ("StatusCode.UNAVAILABLE", "SESSION_CLOSED", "SESSION_CHANGED", "SESSION_NOT_FOUND", "RETRIES_EXCEEDED")
"""What a client of Spark Connect says when its server, or the session there, is gone."""
_STORE: Final = (
    *("No FileSystem for scheme", "S3AFileSystem not found", "AccessDenied", "NoAuthWithAWSException", "403 Forbidden"),
    *("InvalidAccessKeyId", "SignatureDoesNotMatch"),
    *("CredentialInitializationException", "AuthenticationException", "SharedKey"),
)
_GIVE_KEYS: Final = (
    "give the cluster the store's jars and credentials: spark.jars.packages and "
    'spark.hadoop.fs.s3a.access.key = "${…}" in [tool.lakeflow.spark]'
)
_SPARK_SQL: Final = 'engine = "spark" reads Spark SQL: mend the text, or drop the engine if it is DuckDB\'s SQL'


@dataclass(frozen=True)
class Running:
    """The asset whose code runs; no message of it holds a value where it is `personal`. `watch` gives up what a cluster
    does not run.
    """

    asset: Asset
    personal: bool
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
    except LakeflowError as error:
        if error.asset is not None or not isinstance(error, AssetError):
            raise
        raise type(error)(f"{running.key}: {error.message}", hint=error.hint, asset=running.key) from None
    except (PySparkException, Py4JError, ConnectionError, EOFError) as error:
        gave_up = running.watch is not None and running.watch.gave_up
        raise (_idle if gave_up else _told)(error, running) from (None if running.personal else error)


def _told(error: BaseException, running: Running) -> AssetError:
    deepest, text = _deepest(error), str(error)
    if any(word in text for word in _MEMORY):
        return _lost(running, "the driver of Spark is out of memory", "raise spark.driver.memory")
    if any(word in text for word in _AWAY):
        return _away(running)
    if _is_gone(error, text):
        return _lost(running, "the driver of Spark ended (out of memory?)", "raise spark.driver.memory")
    if any(word in text for word in _STORE):
        return running.error(f"Spark cannot reach the store: {_line(deepest)}", _GIVE_KEYS)
    if isinstance(error, AnalysisException):
        return _of_text(running, error)
    raised = isinstance(deepest, PythonException) or "PythonException" in text
    cause = f"a function of Python raised {_raised(str(deepest))}" if raised else _line(deepest)
    return _of_code(running, cause, f"{text}\n{deepest}")


def _is_gone(error: BaseException, text: str) -> bool:
    """Does Java not answer any more? Whatever it raises itself comes as one of these two kinds."""
    answers = isinstance(error, PySparkException | Py4JJavaError) or _UNKNOWN.match(text) is not None
    return any(word in text for word in _STOPPED) or not answers


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


def _lost(running: Running, cause: str, what: str) -> EngineLostError:
    hint = f"{what} in [tool.lakeflow.spark], then `lakeflow retry`"
    return EngineLostError(f"{running.key}: {cause} ({running.asset.place})", hint=hint, asset=running.key)


def _away(running: Running) -> EngineLostError:
    hint = "start the server of Spark Connect, then `lakeflow retry`"
    cause = f"the server of Spark Connect ended the session ({running.asset.place})"
    return EngineLostError(f"{running.key}: {cause}", hint=hint, asset=running.key)


def _idle(_: BaseException, running: Running) -> EngineLostError:
    seconds = running.watch.seconds if running.watch else 0.0
    hint = "see that the cluster has workers with free cores and memory, or raise idle_timeout"
    cause = f"the cluster of Spark ran no task of it for {seconds:g} s, and it was given up"
    return _lost(running, cause, hint)


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
