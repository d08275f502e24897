"""A healthy holder keeps its lease, whatever its database answers for a while."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.core.errors import BusyError, LakeError
from lakeflow.core.model.run import Lease
from lakeflow.wap.run.lease import leased
from tests.core.samples import key
from tests.wap.lab import Lab
from tests.wap.real_lab import RealLab

QUICK = 0.06
"""Seconds after which a lease lapses: a beat each third of them."""
PATIENCE = 60


class Watched:
    """A ledger that answers its heartbeats as it is told to, then as it is; `renewed` is set by one that succeeds."""

    def __init__(self, ledger: Any, *answers: Exception) -> None:
        self._ledger, self._answers = ledger, list(answers)
        self.renewed, self.failed = threading.Event(), threading.Semaphore(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def renew(self, lease: Lease) -> None:
        try:
            self._answer(lease)
        except Exception:
            self.failed.release()
            raise
        self.renewed.set()

    def _answer(self, lease: Lease) -> None:
        if self._answers:
            raise self._answers.pop(0)
        self._ledger.renew(lease)


@pytest.mark.parametrize(
    "answer", [BusyError("the database is locked"), LakeError("the server restarts"), ConnectionResetError("gone")]
)
def test_it_beats_again_after_any_answer(lab: Lab, answer: Exception) -> None:
    ledger = Watched(lab.ledger, answer, answer, answer)
    world = replace(lab.world, ledger=ledger, policy=replace(lab.policy, lease_seconds=QUICK))
    with leased(world, "r1", [key("bronze.a")], 0.0):
        assert ledger.renewed.wait(PATIENCE)


def test_it_beats_again_once_another_writer_gave_the_database_back(tmp_path: Path) -> None:
    lab = RealLab(tmp_path)
    lab.database.close()
    lab.ledger._database = Database(lab.place.database, timeout=0.01)
    ledger = Watched(lab.ledger)
    world = replace(lab.world, ledger=ledger, policy=replace(lab.policy, lease_seconds=QUICK))
    with leased(world, "r1", [key("bronze.a")], 0.0) as lease:
        before = _renewed_at(lab)
        other = sqlite3.connect(lab.database.path or "", isolation_level=None)
        other.execute("begin immediate")
        for _ in range(3):
            assert ledger.failed.acquire(timeout=PATIENCE)
        other.execute("rollback")
        other.close()
        ledger.renewed.clear()
        assert ledger.renewed.wait(PATIENCE)
        assert _renewed_at(lab) > before
        lab.ledger.renew(lease)
    lab.ledger._database.close()


def _renewed_at(lab: Lab) -> Any:
    (held,) = lab.ledger.standing().held
    return held.renewed_at
