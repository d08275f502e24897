from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from lakeflow.adapters.expectations.library import library as seam
from lakeflow.adapters.processes.auditor import ProcessAuditor
from tests import auditing

from .lake import process_auditor


@pytest.fixture(scope="session", autouse=True)
def _library() -> None:
    """Great Expectations takes seconds to import, and warns of its own old habits: once for all tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seam.load()


@pytest.fixture(autouse=True)
def _apart() -> Iterator[None]:
    with auditing.apart():
        yield


@pytest.fixture(scope="session")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessAuditor]:
    """One worker process, shared by the tests that do not kill it."""
    auditor = process_auditor(str(tmp_path_factory.mktemp("worker") / "audit.log"))
    auditor.start()
    yield auditor
    auditor.close()
