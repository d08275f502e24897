"""A cache that somebody else wrote, or that says less than the check file, decides nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.expectations.audit import Suites
from lakeflow.adapters.expectations.checks.check import Check
from lakeflow.adapters.expectations.compile.cache import SuiteCache
from lakeflow.adapters.expectations.compile.serialise import dumps, loads
from lakeflow.adapters.expectations.compile.stated import is_stated
from lakeflow.adapters.machine.cache_folder import CacheFolder
from lakeflow.adapters.machine.sealed import read_sealed, write_sealed
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.run.audits.audit_request import AuditRequest

from .lake import audit, request, scan_of, suite

LINES = (
    'gxe.ExpectColumnValuesToBeBetween(column="n", min_value=0, max_value=2)',
    'gxe.ExpectColumnValuesToNotBeNull(column="n")',
    'gxe.ExpectColumnToExist(column="n")',
)
Poison = Callable[[list[Check]], list[Check]]


@pytest.fixture
def asked(tmp_path: Path) -> AuditRequest:
    """One row is bad."""
    return request(scan_of(tmp_path, n=("long", [1, 2, 9])), suite(*LINES))


@pytest.fixture
def kept(asked: AuditRequest, tmp_path: Path) -> Path:
    """The file that is kept of its suite."""
    warmed(asked, tmp_path).checks_of(asked.suite.files[0])
    (path,) = (tmp_path / "kept").glob("*.json")
    return path


def warmed(asked: AuditRequest, tmp_path: Path) -> Suites:
    return Suites(asked, SuiteCache(CacheFolder(tmp_path / "kept")))


def outcomes(asked: AuditRequest, tmp_path: Path) -> list[Outcome]:
    return [each.outcome for each in audit(asked, suites=warmed(asked, tmp_path)) if each.path]


TRUE = [Outcome.FAILED, Outcome.PASSED, Outcome.PASSED]


@pytest.mark.long
def test_whoever_can_only_write_the_cache_does_not_decide_what_passes(
    asked: AuditRequest, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a digest, with a key of theirs, and with a text of ours under another name."""
    for text in ("[]", '["list"]', dumps(loads(read_sealed(kept) or "")[1:])):
        kept.write_text(f"{hashlib.sha256(text.encode()).hexdigest()[:32]}\n{text}")
        assert outcomes(asked, tmp_path) == TRUE
        with monkeypatch.context() as theirs:
            theirs.setenv("XDG_STATE_HOME", str(tmp_path / "theirs"))
            write_sealed(kept, text)
        assert outcomes(asked, tmp_path) == TRUE
        write_sealed(kept.with_name("other.json"), text)
        kept.write_bytes(kept.with_name("other.json").read_bytes())
        assert outcomes(asked, tmp_path) == TRUE


@pytest.mark.parametrize(
    "poison",
    [
        lambda checks: [],
        lambda checks: checks[:-1],
        lambda checks: checks[1:],
        lambda checks: [checks[1], checks[0], checks[2]],
        lambda checks: [*checks, checks[0]],
        lambda checks: [checks[2]] * 3,
    ],
)
def test_checks_that_are_not_those_of_the_text_are_made_anew(
    asked: AuditRequest, kept: Path, tmp_path: Path, poison: Poison
) -> None:
    """Even under the right seal: a fault of ours must not drop a check in silence."""
    write_sealed(kept, dumps(poison(loads(read_sealed(kept) or ""))))
    assert outcomes(asked, tmp_path) == TRUE
    assert len(loads(read_sealed(kept) or "")) == len(LINES)


FORMS = (
    "import great_expectations.expectations as gxe\nexpectations = [{}]",
    "import great_expectations.expectations as gxe\nexpectations: list = ({},)",
    "import great_expectations.expectations as gxe\nexpectations = []\nexpectations += [{}]",
    "from great_expectations.expectations import *\nexpectations = [{}]",
)


@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=4), st.sampled_from(FORMS), st.integers(0, 3))
def test_every_check_less_or_more_than_the_text_states_is_noticed(lines: list[str], form: str, which: int) -> None:
    text = form.format(", ".join(lines)).replace("gxe." if "*" in form else "\0", "")
    file = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", text)
    checks = [_check(file, place, line) for place, line in enumerate(lines)]
    assert is_stated(file, checks)
    at = which % len(lines)
    assert not is_stated(file, [*checks[:at], *checks[at + 1 :]])
    assert not is_stated(file, [_check(file, place, line) for place, line in enumerate([*lines, lines[0]])])
    other = next(line for line in LINES if line != lines[at])
    assert not is_stated(file, [*checks[:at], _check(file, at, other), *checks[at + 1 :]])


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("expectations = [gxe.ExpectColumnToExist(column=c) for c in 'ab']", True),
        ("more = [gxe.ExpectColumnToExist(column='a')]\nexpectations = more", True),
        ("from lakeflow import check\n@check\ndef few(branch):\n    return branch", False),
    ],
)
def test_where_the_text_does_not_spell_them_out_there_are_some_or_none(text: str, bound: bool) -> None:
    file = CheckFile(
        CheckKind.SUITE, "checks/silver/weather.py", f"import great_expectations.expectations as gxe\n{text}"
    )
    some = [_check(file, 0, LINES[2])]
    assert (is_stated(file, some), is_stated(file, [])) == (bound, not bound)


def _check(file: CheckFile, place: int, line: str) -> Check:
    kind = line.partition("(")[0].removeprefix("gxe.")
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind).lstrip("_")
    return Check(f"{file.path}#{place}", kind, None, file.path, configuration={"type": snake})  # type: ignore[arg-type]
