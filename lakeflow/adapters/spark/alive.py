"""Whether what computes is still there. It is asked itself, because a driver that dies has many words for it: which of
them come depends on what it was at.
"""

from __future__ import annotations

import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PATIENCE: Final = 30.0
"""Seconds in which a driver must answer a question for which it need compute nothing."""
_AGAIN: Final = 0.2


def is_gone(session: SparkSession, grace: float = 0.0) -> bool:
    """Does the driver, or the session on a server, not answer any more? One that still answers is asked again for so
    many seconds of `grace`: a Java that ends may raise an error before it stops Spark.
    """
    until = monotonic() + grace
    while _answers_in_time(session):
        if monotonic() >= until:
            return False
        sleep(_AGAIN)
    return True


def is_client(session: SparkSession) -> bool:
    """Is it a session of Spark Connect?"""
    return type(session).__module__.startswith("pyspark.sql.connect")


def _answers_in_time(session: SparkSession) -> bool:
    answers: list[bool] = []
    asked = threading.Thread(target=lambda: answers.append(_answers(session)), name="is Spark there", daemon=True)
    asked.start()
    asked.join(_PATIENCE)
    return answers == [True]


def _answers(session: SparkSession) -> bool:
    try:
        if is_client(session):
            session.conf.get("spark.sql.session.timeZone")  # which the server is asked for each time
        else:
            _ = session.sparkContext.defaultParallelism  # a context that is stopped refuses it
    except Exception:  # noqa: BLE001 - Java's, Python's and a server's, each of its own kind
        return False
    return True
