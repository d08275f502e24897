"""The audit's own process: it survives what checks do to it, and it does not survive its parent."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from lakeflow.adapters.expectations.audit import Past
from lakeflow.adapters.processes import auditor as audit_process
from lakeflow.adapters.processes.auditor import Job, ProcessAuditor
from lakeflow.adapters.processes.protocol import (
    Call,
    Progress,
    Reply,
    decode_answer,
    decode_wish,
    encode,
    reply_of,
)
from lakeflow.core.errors import CodeError
from lakeflow.core.model.asset import Column
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome, Suite
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.schema import Decimal, Field, Fixed, List, Map, Primitive, Schema, Struct
from lakeflow.core.model.table import ColumnFacts, DeleteFile, Scan, Statistics
from lakeflow.core.run.audits.audit_progress import SHARED_SCAN, AuditProgress
from lakeflow.core.run.audits.audit_request import AddedRows, AuditRequest

from .lake import WEATHER, audit, outcomes, process_auditor, request, row_check, scan_of, suite

pytestmark = pytest.mark.usefixtures("whole_processes")
FOREVER = "select * from range(10_000_000_000) a, range(1_000_000_000) b where a.range + b.range < 0"


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan_of(tmp_path_factory.mktemp("numbers"), a=("int", [1, 2]))


def test_jobs_and_messages_cross_the_pipe_unchanged() -> None:
    nested = Struct((Field("x", Decimal(9, 2), 3), Field("y", Fixed(4), 4)))
    schema = Schema(
        (
            Field("s", nested, 1),
            Field("l", List(Field("element", Primitive("string"), 6)), 5, required=True),
            Field("m", Map(Field("key", Primitive("uuid"), 8, required=True), Field("value", nested, 9)), 7),
        ),
        3,
    )
    delete = DeleteFile("/d.puffin", "puffin", "/a.parquet", 4, 40)
    scan = Scan(WEATHER, 2**62 + 1, schema, ("/a.parquet",), 3, 99, (delete,), (schema,), unmarked=True)
    asked = AuditRequest(
        WEATHER,
        scan,
        Suite((CheckFile(CheckKind.SUITE, "checks/é.py", 'x = "\n"', references=(WEATHER,)),), "digest"),
        "/root",
        ("s",),
        columns={"s": Column("string", pii=True)},
        relations={"published.silver.weather": scan},
        pii=frozenset({"ssn"}),
        statistics=Statistics(3, {"s": ColumnFacts(1, "a", "b", exact=True)}),
        added_rows=AddedRows(scan, frozenset({("checks/é.py", "a not null")})),
    )
    for job in (
        Job(asked, {"threads": "1"}, ("a",), {"b": "died"}, "slow"),
        Job(request(Scan(WEATHER, None, Schema(())))),
    ):
        assert decode_wish(encode(Call("audit", (job,)))) == Call("audit", (job,))
    result = CheckResult("é", Outcome.FAILED, failed_rows=1, samples=({"a": None, "b": "•"},))
    for answer in (Reply(), Progress(AuditProgress("u", "n\udcff", "p", done=True, result=result))):
        assert decode_answer(encode(answer)) == answer


class Calls:
    """What a check that knows its pipe could answer with."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


@pytest.mark.parametrize(
    "answer",
    [
        encode(Reply(Calls())),
        encode(Reply(Path("a"))),
        encode(Call("audit")),
        pickle.dumps("text"),
        encode(Reply())[:-3],
        b"",
        b"\x80\x04clakeflow.core.redaction\nre.compile\n.",
        b"\x80\x04clakeflow.core.wording\nplural\n.",
    ],
)
def test_an_answer_holds_records_of_the_core_and_plain_values_alone(answer: bytes) -> None:
    with pytest.raises(ValueError, match="no answer"):
        decode_answer(answer)


def test_an_error_of_the_core_and_the_place_of_any_other_come_back() -> None:
    def fails(error: BaseException) -> None:
        raise error

    told = CodeError("it failed", hint="mend it", asset=WEATHER)
    back = decode_answer(encode(reply_of(partial(fails, told), traces=True)))
    assert isinstance(back, Reply)
    assert (type(back.error), vars(back.error)) == (CodeError, vars(told))
    other = decode_answer(encode(reply_of(partial(fails, OSError("a personal value")), traces=False)))
    assert isinstance(other, Reply)
    assert (str(other.error), other.trace) == ("OSError", ())


@pytest.mark.long
def test_a_worker_answers_as_the_audit_does(auditor: ProcessAuditor, numbers: Scan) -> None:
    lines = (
        'gxe.ExpectColumnValuesToBeBetween(column="a", max_value=1)',
        "gxe.ExpectTableRowCountToEqual(value=2)",
    )
    asked = request(numbers, suite(*lines), row_check("from silver.weather"), primary_key=("a",), expected_rows=2)
    assert list(auditor.audit(asked)) == audit(asked)


def test_what_check_files_print_goes_to_the_log_and_garbles_nothing(auditor: ProcessAuditor, numbers: Scan) -> None:
    noise = 'import os, sys\nprint("from print")\nos.write(1, b"from the descriptor\\n")\nprint(sys.stdin.read())\n'
    file = suite("gxe.ExpectTableRowCountToEqual(value=2)")
    results = auditor.audit(
        request(numbers, CheckFile(file.kind, file.path, noise + file.text + "print(end='', flush=True)"))
    )
    assert outcomes(results)["row count equal to 2"] is Outcome.PASSED
    log = Path(auditor._log_path).read_text()
    assert "from print" in log
    assert "from the descriptor" in log


def test_a_check_file_may_import_from_its_project(auditor: ProcessAuditor, numbers: Scan, tmp_path: Path) -> None:
    (tmp_path / "limits_of_this_project.py").write_text("ROWS = 2\n")
    file = suite("gxe.ExpectTableRowCountToEqual(value=ROWS)")
    text = "from limits_of_this_project import ROWS\n" + file.text
    results = auditor.audit(request(numbers, CheckFile(file.kind, file.path, text), root=str(tmp_path)))
    assert outcomes(results)["row count equal to 2"] is Outcome.PASSED


@pytest.mark.long
def test_an_expectation_that_crashes_is_errored_alone(auditor: ProcessAuditor, numbers: Scan) -> None:
    text = (
        "import os, signal\nimport great_expectations.expectations as gxe\n"
        "class ExpectDeath(gxe.ExpectColumnMaxToBeBetween):\n"
        "    def _validate(self, *args, **kwargs):\n        os.kill(os.getpid(), signal.SIGSEGV)\n"
        "expectations = [\n    gxe.ExpectTableRowCountToEqual(value=2),\n    ExpectDeath(column='a', max_value=1),\n"
        "    gxe.ExpectColumnToExist(column='a'),\n]\n"
    )
    results = auditor.audit(request(numbers, CheckFile(CheckKind.SUITE, "checks/silver/weather.py", text)))
    assert [(result.name, result.outcome) for result in results[:3]] == [
        ("row count equal to 2", Outcome.PASSED),
        ("max of a at most 1", Outcome.ERRORED),
        ("column a exists", Outcome.PASSED),
    ]
    assert "SIGSEGV" in results[1].detail


@pytest.mark.long
def test_a_check_file_that_sleeps_too_long_is_errored(auditor: ProcessAuditor, numbers: Scan) -> None:
    auditor.audit(request(numbers, suite("gxe.ExpectTableRowCountToEqual(value=2)")))
    sleepy = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", "import time\ntime.sleep(600)")
    results = auditor.audit(request(numbers, sleepy, timeout=1.0))
    assert [result.outcome for result in results] == [Outcome.ERRORED, Outcome.PASSED]


@pytest.mark.long
def test_a_check_that_takes_too_long_is_errored_and_the_rest_still_runs(auditor: ProcessAuditor, numbers: Scan) -> None:
    auditor.audit(request(numbers))  # a worker that is up: only checks are on the clock
    slow, quick = row_check(FOREVER, "slow"), row_check("from silver.weather", "quick")
    results = auditor.audit(request(numbers, slow, quick, timeout=1.0))
    assert [(result.name, result.outcome) for result in results] == [
        ("slow", Outcome.ERRORED),
        ("quick", Outcome.FAILED),
        ("schema", Outcome.PASSED),
    ]
    assert results[0].detail == "it took longer than 1 s and was stopped"


@pytest.mark.long
def test_a_file_that_kills_the_process_is_one_errored_check_and_the_rest_still_runs(
    auditor: ProcessAuditor, numbers: Scan
) -> None:
    deadly = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", "import os\nos._exit(7)")
    results = auditor.audit(request(numbers, deadly, row_check("from silver.weather"), primary_key=("a",)))
    assert list(outcomes(results).items()) == [
        ("checks/silver/weather.py", Outcome.ERRORED),
        ("bad rows", Outcome.FAILED),
        ("schema", Outcome.PASSED),
        ("key (a) not null", Outcome.PASSED),
        ("key (a) unique", Outcome.PASSED),
    ]
    assert "exit code 7" in results[0].detail


def test_when_the_shared_scan_crashed_its_questions_are_asked_one_by_one(numbers: Scan) -> None:
    lines = (
        "gxe.ExpectTableRowCountToEqual(value=2)",
        'gxe.ExpectColumnMaxToBeBetween(column="a", max_value=2)',
    )
    asked = request(numbers, suite(*lines))
    assert audit(asked, Past(lost={SHARED_SCAN: "SIGSEGV"})) == audit(asked)


def test_when_the_shared_scan_took_too_long_its_questions_are_not_asked_again(numbers: Scan) -> None:
    lines = (
        "gxe.ExpectTableRowCountToEqual(value=2)",
        'gxe.ExpectColumnToExist(column="a")',
    )
    results = audit(request(numbers, suite(*lines)), Past(too_long="it took longer than 1 s"))
    assert [(result.outcome, result.detail) for result in results[:2]] == [
        (Outcome.ERRORED, "it took longer than 1 s"),
        (Outcome.PASSED, ""),
    ]


def test_an_unreadable_snapshot_is_errored(auditor: ProcessAuditor, tmp_path: Path) -> None:
    scan = scan_of(tmp_path, a=("int", [1]))
    Path(scan.files[0]).unlink()
    (result,) = auditor.audit(request(scan, primary_key=("a",)))
    assert (result.name, result.outcome) == ("snapshot readable", Outcome.ERRORED)


def test_a_worker_that_cannot_start_is_an_errored_audit(tmp_path: Path, numbers: Scan) -> None:
    """A setting that DuckDB refuses kills no one; a log that cannot be written does."""
    (tmp_path / "file").touch()
    auditor = process_auditor(str(tmp_path / "file" / "audit.log"))
    (result,) = auditor.audit(request(numbers))
    auditor.close()
    assert result.outcome is Outcome.ERRORED
    assert "does not run" in result.detail


def test_starting_does_not_wait_and_the_worker_ignores_an_interrupt(auditor: ProcessAuditor, numbers: Scan) -> None:
    began = time.monotonic()
    auditor.start()
    assert time.monotonic() - began < 0.5
    auditor.audit(request(numbers))
    pid = _pid(auditor)
    os.kill(pid, signal.SIGINT)
    auditor.audit(request(numbers))
    assert _pid(auditor) == pid


def test_bad_row_queries_do_not_wait_for_great_expectations(
    tmp_path: Path, numbers: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here its import takes ten minutes."""
    (tmp_path / "great_expectations.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    auditor = process_auditor(str(tmp_path / "audit.log"))
    try:
        results = auditor.audit(request(numbers, row_check("from silver.weather")))
    finally:
        auditor.close()
    assert outcomes(results)["bad rows"] is Outcome.FAILED


@pytest.mark.long
def test_a_closed_auditor_leaves_no_process_and_says_so_when_asked_again(tmp_path: Path, numbers: Scan) -> None:
    auditor = process_auditor(str(tmp_path / "audit.log"))
    auditor.start()
    auditor.audit(request(numbers))
    pid = _pid(auditor)
    auditor.close()
    assert not _lives(pid)
    (result,) = auditor.audit(request(numbers))
    assert (result.outcome, result.detail) == (Outcome.ERRORED, "the auditor was closed")


PARENT = """
import sys, time
from lakeflow.adapters.processes.protocol import decode_wish
from tests.expectations.lake import process_auditor
auditor = process_auditor(sys.argv[2])
auditor.start()
print(auditor._worker.pid, flush=True)
auditor.audit(decode_wish(open(sys.argv[1], "rb").read()).arguments[0].request)
"""


@pytest.mark.long
def test_a_worker_dies_with_its_parent_in_the_middle_of_a_check(tmp_path: Path, numbers: Scan) -> None:
    job = tmp_path / "job"
    job.write_bytes(encode(Call("audit", (Job(request(numbers, row_check(FOREVER))),))))
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(job), str(tmp_path / "audit.log")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(audit_process.__file__).parents[2])},
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    time.sleep(1)
    assert _lives(pid)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(pid)


def _pid(auditor: ProcessAuditor) -> int:
    assert auditor._worker is not None
    assert auditor._worker.pid is not None
    return auditor._worker.pid


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] in "ZX")
