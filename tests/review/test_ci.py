"""What continuous integration shows: marks on lines, JUnit XML, a summary; and that nothing of it fails a command."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

import lakeflow
from lakeflow.cli.ci.github import marks, summary
from lakeflow.cli.ci.junit import junit
from lakeflow.cli.main import run as typed
from lakeflow.core.review.case import Case, CaseOutcome
from tests.prepared import Prepared
from tests.review.rendered import rows, strange
from tests.review.test_comment import MORE, PRICES, _make, _write

HOSTILE = "a%0A::error::b\n::error::c\r,d:e </testcase>&\x00\u202e"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("ci"), _make)


@pytest.fixture
def root(prepared: Prepared, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    found = prepared.again()
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(found.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    return found


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("::")]


def test_no_text_begins_a_command_of_its_own() -> None:
    (line,) = marks([Case(HOSTILE, HOSTILE, CaseOutcome.FAILED, HOSTILE, HOSTILE, 3)])
    assert "\n" not in line
    assert "\r" not in line
    head, _, data = line.removeprefix("::").partition("::")
    assert data.startswith("a%250A::error::b")
    names = [part.partition("=")[0] for part in head.removeprefix("error ").split(",")]
    assert names == ["file", "line", "title"]
    assert ":" not in head.replace("%3A", "")


def test_a_report_of_hostile_texts_is_xml_and_counts_what_it_has() -> None:
    cases = [Case(HOSTILE, f"{outcome} {HOSTILE}", outcome, HOSTILE, "a.sql", 2, 0.5) for outcome in CaseOutcome]
    top = ElementTree.fromstring(junit("audit", cases))
    counts = {name: top.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "5", "failures": "1", "errors": "1", "skipped": "1", "time": "2.500"}
    (suite,) = top
    assert [len(case) for case in suite] == [0, 1, 1, 1, 1]
    assert strange(summary("audit", cases)) == []


@pytest.mark.long
def test_a_held_run_marks_the_check_file_and_is_reported(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(root, {"layers/silver/prices.sql": PRICES.format(MORE)})
    report = tmp_path / "report.xml"
    assert typed(["-C", str(root), "materialize", "silver.prices", "--junit", str(report)]) == 1
    lines = told(capsys)
    assert any(line.startswith("::error file=lake/checks/silver/prices.sane.sql,line=1,title=") for line in lines)
    top = ElementTree.fromstring(report.read_bytes())
    bad = {case.get("name") for case in top.iter("testcase") if case.find("failure") is not None}
    assert bad == {"write", "sane"}
    shown = (tmp_path / "summary.md").read_text()
    assert strange(shown) == []
    assert any(row[:3] == ["silver.prices", "sane", "failed"] for row in rows(shown))
    assert "octocat" not in report.read_text() + shown


@pytest.mark.long
def test_an_audit_and_a_check_are_reported_too(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "audit.xml"
    assert typed(["-C", str(root), "audit", "silver.prices", "--junit", str(report)]) == 0
    assert [case.get("name") for case in ElementTree.fromstring(report.read_bytes()).iter("testcase")] != []
    assert told(capsys) == []
    _write(root, {"layers/gold/towns.sql": "select cost from silver.prices"})
    assert typed(["-C", str(root), "check", "--junit", str(report)]) == 2
    assert any("file=lake/layers/gold/towns.sql,line=1," in line for line in told(capsys))
    assert ElementTree.fromstring(report.read_bytes()).get("failures") == "1"
    assert typed(["-C", str(root), "check", "--against", "main"]) == 1
    assert any("file=lake/layers/gold/towns.sql,line=1," in line for line in told(capsys))


def test_a_report_that_cannot_be_written_fails_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(["-C", str(root), "check", "--junit", str(root / "nowhere" / "report.xml")]) == 0
    assert "the results were not reported" in capsys.readouterr().err


def test_without_anybody_who_listens_nothing_is_told(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    root = prepared.again()
    _write(root, {"layers/gold/towns.sql": "select cost from silver.prices"})
    assert typed(["-C", str(root), "check"]) == 2
    assert told(capsys) == []
    with lakeflow.open(root) as lake:
        assert lake.project.assets
