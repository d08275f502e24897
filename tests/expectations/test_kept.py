"""Suites that were made ready once: what is kept, when it is used, and that it says the same as the library."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.adapters.expectations.audit import Suites
from lakeflow.adapters.expectations.compile import cache as keeping
from lakeflow.adapters.expectations.compile.cache import SuiteCache
from lakeflow.adapters.expectations.compile.is_constant import asks_for_library, is_constant, told_apart
from lakeflow.adapters.expectations.compile.serialise import dumps, loads
from lakeflow.adapters.expectations.library.signatures import TABLE
from lakeflow.adapters.machine import cache_folder as folder_of_texts
from lakeflow.adapters.machine.cache_folder import CacheFolder
from lakeflow.adapters.processes import Child
from lakeflow.adapters.processes.auditor import ProcessAuditor, WorkerResources
from lakeflow.core.model.asset import Column
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.model.table import Scan
from lakeflow.core.run.audits.audit_request import AuditRequest

from . import every
from .lake import audit, request, row_check, scan_of, suite
from .library import is_data
from .test_same_as_the_library import ASKED, COLUMNS, DIFFERENT

LIBRARY = "import great_expectations.expectations as gxe\n"
ONE = 'gxe.ExpectColumnValuesToBeBetween(column="whole", min_value=0, max_value={})'


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan_of(tmp_path_factory.mktemp("messy"), **COLUMNS)


@pytest.mark.long
@pytest.mark.parametrize(
    "text",
    [
        "expectations = [gxe.ExpectTableRowCountToEqual(value=24 * 60)]",
        'names = ("a", "b")\nexpectations = [gxe.ExpectColumnToExist(column=f"{n}_id") for n in names]',
        'expectations = []\nexpectations += [gxe.ExpectColumnToExist(column="a")]',
        "import datetime as dt\nx = [gxe.ExpectColumnMaxToBeBetween(column='a', max_value=dt.date(2020,1,2))]",
        "from datetime import date\nend = date(2020, 1, 1)\nexpectations: list = [end]",
        "from great_expectations.expectations.row_conditions import Column\n"
        "x = [gxe.ExpectColumnToExist(column='a', row_condition=Column('b').is_in([1]) & (Column('c')>-1))]",
        "top = {'a': 1}\nx = [gxe.ExpectColumnMaxToBeBetween(column=c, max_value=m) for c,m in top.items()]",
    ],
)
def test_literals_and_constructors_always_say_the_same(text: str) -> None:
    assert is_constant(LIBRARY + text)


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import date\nx = [gxe.ExpectColumnMaxToBeBetween(column='a', min_value=date.today())]",
        "import datetime\nnow = datetime.datetime.now()",
        "x = [gxe.ExpectColumnMaxToBeBetween(column='a', min_value={'$PARAMETER': 'now() - timedelta(days=1)'})]",
        "import os\nlimit = int(os.environ['LIMIT'])",
        "from checks._shared import CARRIERS\nexpectations = [CARRIERS]",
        "from . import shared",
        "from datetime import *\nexpectations = [date]",
        "class Mine(gxe.ExpectColumnToExist):\n    pass",
        "def made(): ...\nexpectations = [made()]",
        "list = open\nexpectations = list('/etc/passwd')",
        "gxe = 1",
        "expectations = [open('limits.txt').read()]",
        "expectations = [gxe.ExpectColumnToExist(column='a') if True else None]",
        "expectations = [hash('a')]",
        "import random\nexpectations = [random.random()]",
        "import great_expectations as gx\ncontext = gx.get_context()",
        "expectations = [",
        "x = '\0'",
    ],
)
def test_whatever_may_say_something_else_tomorrow_is_not_kept(text: str) -> None:
    assert not is_constant(LIBRARY + text)


@pytest.mark.long
def test_what_is_kept_comes_back_as_it_was_and_judges_as_before(messy: Scan, tmp_path: Path) -> None:
    """Over every expectation that is compared with the library's own pandas engine."""
    asked = request(messy, suite(*(f"gxe.{line}" for line in (*ASKED, *DIFFERENT) if is_data(line))))
    cold, (file,) = Suites(asked, SuiteCache(CacheFolder(tmp_path))), asked.suite.files
    assert cold.need_library(())
    checks = cold.checks_of(file)
    warm = Suites(asked, SuiteCache(CacheFolder(tmp_path)))
    assert not warm.need_library(())
    assert warm.checks_of(file) == checks == loads(dumps(checks))
    assert audit(asked, suites=warm) == audit(asked)


@pytest.mark.long
def test_every_expectation_of_the_library_is_kept_and_decides_as_before(tmp_path: Path) -> None:
    """Also those that are refused, and one that makes no sense for the table."""
    templates = [line for line in (*every.COMPUTED, *every.REFUSED) if is_data(line)]
    lines = (*every.lines(*templates), 'gxe.ExpectColumnMaxToBeBetween(column="nope")')
    asked = request(every.table(tmp_path), suite(*lines))
    _keep(asked, tmp_path / "kept")
    warm = Suites(asked, SuiteCache(CacheFolder(tmp_path / "kept")))
    assert not warm.need_library(())
    assert audit(asked, suites=warm) == audit(asked)


def test_our_own_expectations_are_kept_and_look_main_and_the_time_up_at_each_audit(messy: Scan, tmp_path: Path) -> None:
    lines = (
        'lfx.ExpectForeignKeyToExist(columns="code", references="silver.weather")',
        'lfx.ExpectTableToBeFresh(column="day", max_age="1d")',
        "lfx.ExpectRowCountToStayNearMain(max_change=0)",
        'lfx.ExpectNoKeyToDisappear(columns="id")',
        'lfx.ExpectColumnDistributionToStayNearMain(column="whole", max_distance=0.1)',
        'lfx.ExpectSchemaToMatchContract(columns={"id": "long"}, allow_extra=True)',
    )
    file = suite(*lines)
    file = replace(file, text=f"from lakeflow import expectations as lfx\n{file.text}")
    soon, late = (request(messy, file, at=datetime(2013, 1, day, 12, tzinfo=UTC)) for day in (8, 12))
    late = replace(late, relations={"published.silver.weather": messy})
    _keep(soon, tmp_path)
    for asked in (soon, late):
        warm = Suites(asked, SuiteCache(CacheFolder(tmp_path)))
        assert not warm.need_library(())
        assert audit(asked, suites=warm) == audit(asked)
    assert audit(soon) != audit(late)


@pytest.mark.long
def test_a_suite_that_is_kept_is_audited_without_great_expectations(
    messy: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here its import takes ten minutes, and that of other heavy libraries ends the worker."""
    asked = request(messy, suite(ONE.format(20)))
    _keep(asked, tmp_path / "kept")
    (tmp_path / "great_expectations.py").write_text("import time\ntime.sleep(600)\n")
    for heavy in ("pyarrow", "pyiceberg", "sqlalchemy", "pydantic", "pandas", "numpy", "sqlglot"):
        (tmp_path / f"{heavy}.py").write_text("raise SystemExit")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    kept = str(tmp_path / "kept")
    auditor = ProcessAuditor(
        _worker, str(tmp_path / "audit.log"), WorkerResources(threads=1), kept, SuiteCache(CacheFolder(kept)).covers
    )
    try:
        auditor.start([asked.suite])
        results = auditor.audit(asked)
    finally:
        auditor.close()
    assert [(result.outcome, result.failed_rows) for result in results if result.path] == [(Outcome.FAILED, 1)]


@pytest.mark.long
def test_a_suite_that_is_not_kept_has_the_library_loaded_before_anything_is_audited(
    messy: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = tmp_path / "loaded"
    (tmp_path / "great_expectations.py").write_text(f"open({str(loaded)!r}, 'w').close()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    auditor = ProcessAuditor(
        _worker, str(tmp_path / "audit.log"), WorkerResources(threads=1), covers=SuiteCache(None).covers
    )
    try:
        auditor.start([request(messy, suite(ONE.format(20))).suite])
        for _ in range(600):
            if loaded.exists():
                break
            time.sleep(0.1)
    finally:
        auditor.close()
    assert loaded.exists()


@pytest.mark.long
def test_a_file_of_check_functions_is_audited_without_great_expectations(
    messy: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is executed at every audit, and asks for nothing of it."""
    text = "import datetime\nfrom lakeflow import check\n@check\ndef some(branch):\n    return len(branch) > 9\n"
    asked = request(messy, CheckFile(CheckKind.SUITE, "checks/silver/weather.py", text))
    (tmp_path / "great_expectations.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    auditor = ProcessAuditor(
        _worker, str(tmp_path / "audit.log"), WorkerResources(threads=1), covers=SuiteCache().covers
    )
    try:
        auditor.start([asked.suite])
        results = auditor.audit(asked)
    finally:
        auditor.close()
    assert [(result.name, result.outcome) for result in results if result.path] == [("some", Outcome.FAILED)]


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("from lakeflow import check, Relation\nimport duckdb, os.path", False),
        ("from lakeflow import expectations as lfx", True),
        ("import lakeflow.expectations", True),
        ("import great_expectations.expectations as gxe", True),
        ("from checks._shared import limits", True),
        ("from . import shared", True),
        ("expectations = [", False),
    ],
)
def test_what_a_file_imports_says_whether_it_may_ask_for_the_library(text: str, asks: bool) -> None:
    assert asks_for_library(text) is asks


FUNCTION = """
from lakeflow import Relation, check
LIMIT = {limit}

@check
def few(branch: Relation) -> Relation:
    return branch.filter(f"whole > {{LIMIT}}")
"""


def test_a_function_beside_expectations_is_run_at_every_audit_without_great_expectations(
    messy: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the expectations say is kept; the function may look at the clock."""
    file = suite(ONE.format(20))
    asked = request(messy, replace(file, text=file.text + FUNCTION.format(limit=3)))
    _keep(asked, tmp_path / "kept")
    warm = Suites(asked, SuiteCache(CacheFolder(tmp_path / "kept")))
    assert (warm.need_library(()), warm.run_code(())) == (False, True)
    assert audit(asked, suites=warm) == audit(asked)
    monkeypatch.setitem(sys.modules, "great_expectations", None)  # importing it would fail
    results = audit(asked, suites=Suites(asked, SuiteCache(CacheFolder(tmp_path / "kept"))))
    assert [(result.outcome, result.failed_rows) for result in results if result.path] == [
        (Outcome.FAILED, 1),
        (Outcome.FAILED, 4),
    ]


def test_a_function_that_fails_when_it_is_made_is_errored_beside_what_is_kept(
    messy: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it failed before, nothing would have been kept."""
    file = suite(ONE.format(20))
    text = file.text + FUNCTION.format(limit="int(__import__('os').environ['KEPT_LIMIT'])")
    asked = request(messy, replace(file, text=text))
    monkeypatch.setenv("KEPT_LIMIT", "3")
    _keep(asked, tmp_path)
    monkeypatch.delenv("KEPT_LIMIT")
    results = audit(asked, suites=Suites(asked, SuiteCache(CacheFolder(tmp_path))))
    told = [(result.outcome, result.detail) for result in results if result.path]
    assert told[0][0] is Outcome.FAILED
    assert told[1] == (Outcome.ERRORED, "checks/silver/weather.py:9: KeyError: 'KEPT_LIMIT'")


@pytest.mark.parametrize(
    "more",
    [
        "from lakeflow import check\n@check\ndef f(branch):\n    return gxe is not None",
        "from lakeflow import check\n@check\ndef f(branch):\n    return len(expectations) > 1",
        "from lakeflow import check\nfrom checks._shared import LIMIT\n@check\ndef f(branch):\n    return LIMIT",
        "from lakeflow import check, expectations as lfx\n@check\ndef f(branch):\n    return lfx is not None",
        "from lakeflow import check\nimport os\n@check\ndef f(branch):\n    return os.name\nexpectations += [os.name]",
    ],
)
def test_what_cannot_be_told_apart_is_executed_as_a_whole(more: str) -> None:
    assert told_apart(f"{suite(ONE.format(20)).text}\n{more}\n") is None


@pytest.mark.parametrize(
    "other",
    [
        lambda asked: replace(asked, suite=request(asked.scan, suite(ONE.format(21))).suite),
        lambda asked: replace(asked, columns={"whole": Column(pii=True)}),
        lambda asked: replace(asked, primary_key=("id",)),
        lambda asked: replace(asked, allow_empty=True),
        lambda asked: replace(asked, scan=replace(asked.scan, schema=replace(asked.scan.schema, fields=()))),
        lambda asked: replace(asked, pii=frozenset({"ssn"})),
    ],
)
def test_another_file_table_key_or_tag_is_made_ready_anew(messy: Scan, tmp_path: Path, other: Any) -> None:
    asked = request(messy, suite(ONE.format(20)))
    _keep(asked, tmp_path)
    assert not Suites(asked, SuiteCache(CacheFolder(tmp_path))).need_library(())
    assert Suites(other(asked), SuiteCache(CacheFolder(tmp_path))).need_library(())


def test_another_release_makes_everything_ready_anew(
    messy: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(messy, suite(ONE.format(20)))
    _keep(asked, tmp_path)
    monkeypatch.setattr(keeping, "_maker", lambda: "great expectations of tomorrow")
    assert Suites(asked, SuiteCache(CacheFolder(tmp_path))).need_library(())


@pytest.mark.parametrize("damage", [lambda text: text[:-9], lambda text: text.replace("20", "99"), lambda _: ""])
def test_a_damaged_file_is_as_good_as_none_and_is_written_again(messy: Scan, tmp_path: Path, damage: Any) -> None:
    asked = request(messy, suite(ONE.format(20)))
    _keep(asked, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(damage(path.read_text()))
    assert Suites(asked, SuiteCache(CacheFolder(tmp_path))).need_library(())
    _keep(asked, tmp_path)
    assert not Suites(asked, SuiteCache(CacheFolder(tmp_path))).need_library(())


def test_a_file_that_breaks_or_runs_code_is_not_kept(messy: Scan, tmp_path: Path) -> None:
    _keep(request(messy, suite('gxe.ExpectColumnToExist(column="a", nonsense=1)')), tmp_path)
    own = f"{LIBRARY}class Mine(gxe.ExpectColumnToExist):\n    pass\nexpectations = [Mine(column='id')]\n"
    _keep(request(messy, CheckFile(CheckKind.SUITE, "checks/silver/weather.py", own)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_used_is_as_good_as_none(messy: Scan, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    asked = request(messy, suite(ONE.format(20)))
    _keep(asked, tmp_path / "file")
    assert Suites(asked, SuiteCache(CacheFolder(tmp_path / "file"))).need_library(())
    assert not SuiteCache(CacheFolder(tmp_path / "file")).covers(asked.suite.files[0])
    assert SuiteCache().covers(row_check("from silver.weather"))


def test_the_longest_unused_is_forgotten_first(messy: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_of_texts, "_MOST_FILES", 2)
    asked = [request(messy, suite(ONE.format(high))) for high in (1, 2, 3)]
    for one in asked[:2]:
        _keep(one, tmp_path)
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_mtime - 60,) * 2)
    Suites(asked[0], SuiteCache(CacheFolder(tmp_path)))  # used again
    _keep(asked[2], tmp_path)
    assert [Suites(one, SuiteCache(CacheFolder(tmp_path))).need_library(()) for one in asked] == [False, True, False]


def test_many_may_write_and_read_at_once(messy: Scan, tmp_path: Path) -> None:
    asked = request(messy, suite(ONE.format(20)))
    (file,), kept, table = asked.suite.files, SuiteCache(CacheFolder(tmp_path)), Suites(asked, SuiteCache()).table
    checks = Suites(asked, SuiteCache()).checks_of(file)
    kept.write(file, table, checks, allow_empty=False)
    torn = []

    def write() -> None:
        for _ in range(50):
            kept.write(file, table, checks, allow_empty=False)

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        torn += [found for found in [kept.read(file, table, allow_empty=False)] if found != checks]
    assert torn == []
    assert len(list(tmp_path.iterdir())) == 1


def _worker(log_path: str) -> Child:
    return Child("lakeflow.workers.audit", log_path)


def _keep(asked: AuditRequest, folder: Path) -> None:
    suites = Suites(asked, SuiteCache(CacheFolder(folder)))
    for file in asked.suite.files:
        suites.checks_of(file)


@pytest.mark.parametrize("room", keeping.MAKERS)
def test_editing_any_file_that_says_what_a_suite_becomes_makes_kept_suites_anew(room: str, tmp_path: Path) -> None:
    """Also one in a room of the package, or the table of signatures: what was made by other files must not decide."""
    package = tmp_path / "package"
    shutil.copytree(Path(lakeflow.__file__).parent / room, package)
    (package / "__pycache__").mkdir(exist_ok=True)
    before = keeping.package_digest(package)
    files = sorted(path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert (TABLE.name in {path.name for path in files}) is (room == "adapters/expectations")
    for file in files:
        text = file.read_bytes()
        file.write_bytes(text + b"#")
        assert keeping.package_digest(package) != before, file
        file.write_bytes(text)
    (package / "__pycache__" / "kept.pyc").write_bytes(b"another interpreter's")
    assert keeping.package_digest(package) == before
    files[-1].rename(files[-1].with_name("other.py"))
    assert keeping.package_digest(package) != before
