"""The questions of audits in a process of Spark's pool, between the codes of two assets: the `Cluster` port.

An audit has the process from before its first check to its last, so that no audit waits for a process whose code waits
for an audit. Nothing is started before the first question.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Final

from lakeflow.adapters.processes.engine import Begin
from lakeflow.adapters.processes.protocol import Call, OneWayCall, value_of
from lakeflow.adapters.processes.workers import Pool, Worker
from lakeflow.core.errors import AssetError, EngineLostError, LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Column
from lakeflow.core.model.table import Scan
from lakeflow.core.run.code_terms import FREELY, ignore
from lakeflow.core.spark.asked import Question, SparkAnswer
from lakeflow.core.spark.copied import standing_for

_AUDITED: Final = "its audit"
_PERSONAL: Final = {"": Column(pii=True)}
"""Says that something is personal, wherever it is."""


class SparkAudits:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @contextmanager
    def open(self, asset: AssetKey, relations: Mapping[str, Scan], *, personal: bool) -> Iterator[_AskedProcess]:
        worker = self._pool.take()
        worker.serves = asset
        columns = _PERSONAL if personal else {}
        stands_for = standing_for(asset, "", _AUDITED, columns)
        asked = _AskedProcess(
            worker, Begin(stands_for, "questions", (relations,), FREELY, personal, dict(os.environ), ())
        )
        try:
            yield asked
        finally:
            if asked.waits or asked.lost is not None:
                self._pool.drop(worker)
            else:
                asked.end()
                self._pool.give_back(worker)

    def interrupt(self) -> None:
        self._pool.interrupt()

    def close(self) -> None:
        self._pool.close()


class _AskedProcess:
    """The questions of one audit. `waits` means that one has no answer yet; `lost` is why there is none any more."""

    def __init__(self, worker: Worker, begin: Begin) -> None:
        self.waits = False
        self.lost: AssetError | None = None
        self._worker = worker
        self._begin = begin
        self._began = False

    def ask(self, question: Question, patience: float) -> SparkAnswer:
        if self.lost is not None:
            raise self.lost
        if not self._began:
            self._start()
        told: SparkAnswer = self._answer(Call("ask", (question,)), patience)
        return told

    def end(self) -> None:
        if self._began:
            self._worker.send(OneWayCall("end"))

    def _start(self) -> None:
        try:
            self._worker.await_start(ignore)
        except LakeflowError as error:
            raise self._no_more(error) from None
        self._began = True
        self._answer(Call("begin", (self._begin,)), None)

    def _answer(self, call: Call, patience: float | None) -> SparkAnswer:
        self.waits = True
        self._worker.send(call)
        try:
            answer = self._worker.answer(monotonic() + patience if patience else None, ignore)
            found: SparkAnswer = value_of(answer, ignore)
        except TimeoutError:
            raise self._no_more(AssetError(f"Spark took longer than {patience:g} s and was stopped")) from None
        except (ChildProcessError, ValueError) as death:
            raise self._no_more(AssetError(f"the process of Spark ended with {death}", hint=_RETRY)) from None
        except EngineLostError as error:
            raise self._no_more(error) from None
        except AssetError as error:
            self.waits = False
            raise self._bare(error) from None
        self.waits = False
        return found

    def _no_more(self, error: LakeflowError) -> AssetError:
        self.lost = self._bare(error)
        return self.lost

    def _bare(self, error: LakeflowError) -> AssetError:
        """The error as a check tells it, which has the asset's name already."""
        text = error.message.removeprefix(f"{self._begin.asset.key}: ").removesuffix(f" ({_AUDITED})")
        return AssetError(f"{text}; {error.hint}" if error.hint else text)


_RETRY: Final = "`lakeflow retry` tries again"
