"""Each expectation of the installed Great Expectations is computed, or refused with what to use instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from lakeflow.adapters.expectations.audit import Past, alone, steps
from lakeflow.adapters.expectations.checks import names
from lakeflow.adapters.expectations.library import library as seam
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.table import Scan

from . import every
from .lake import LocalQueries, checks, request, suite


def installed() -> set[str]:
    """The library's own list, by class name."""
    gxe = seam.load()
    classes = {name: getattr(gxe, name) for name in dir(gxe)}
    return {
        name
        for name, one in classes.items()
        if isinstance(one, type) and issubclass(one, gxe.Expectation) and one is not gxe.Expectation
    }


def known(lines: tuple[str, ...]) -> list[str]:
    """The lines whose expectation this release has."""
    return [line for line in lines if every.name_of(line) in installed()]


def test_every_expectation_is_computed_or_refused() -> None:
    ours = {every.name_of(line) for line in (*every.COMPUTED, *every.REFUSED)}
    assert installed() - ours == set()


def test_what_is_computed_looks_at_the_data_and_passes(tmp_path: Path) -> None:
    asked = every.lines(*known(every.COMPUTED))
    results = checks(request(every.table(tmp_path), suite(*asked)))
    assert {result.name: result for result in results if result.outcome is not Outcome.PASSED} == {}
    assert len(results) == len(asked)


def test_what_is_not_computed_says_what_to_use(tmp_path: Path) -> None:
    asked = every.lines(*known(every.REFUSED))
    results = checks(request(every.table(tmp_path), suite(*asked)))
    assert {result.outcome for result in results} == {Outcome.ERRORED}
    assert [
        result.detail for result in results if " use " not in result.detail and " write " not in result.detail
    ] == []


def test_what_is_computed_is_named_in_words() -> None:
    assert set(names._NAMES) == {every.name_of(line) for line in every.COMPUTED}


@pytest.mark.long
def test_the_page_says_of_each_how_it_is_answered(tmp_path: Path) -> None:
    scan = every.table(tmp_path)
    told = {line: _told(line) for line in known((*every.COMPUTED, *every.REFUSED))}
    seen = {line: _seen(scan, line) for line in told}
    assert told == seen


def test_the_page_names_no_expectation_that_there_is_not() -> None:
    ours = {every.name_of(line) for line in (*every.COMPUTED, *every.REFUSED)}
    assert set(_PAGE) == ours


_ROW: Final = re.compile(r"^\| `(\w+)` \| (.+) \|$", re.MULTILINE)
_PAGE: Final[dict[str, str]] = dict(_ROW.findall((Path(__file__).parents[2] / "docs/expectations.md").read_text()))
_OWN: Final = re.compile(r"\(SELECT|FROM \(|GROUP BY|median|quantile")


def _told(line: str) -> str:
    return _PAGE[every.name_of(line)].partition(":")[0]


def _seen(scan: Scan, line: str) -> str:
    """How the audit answers it: by what it asks the engine, and by its refusal."""
    asked = request(scan, suite(*every.lines(line)))
    queries = LocalQueries(asked)
    (result,) = [step.result for step in steps(asked, alone(queries), Past()) if step.result and step.result.path]
    queries.duckdb.close()
    if result.outcome is Outcome.ERRORED:
        return "refused" if result.detail == _PAGE[every.name_of(line)].partition(": ")[2] else result.detail
    statements = [sql for sql in queries.asked if "LIMIT 0" not in sql and "regexp_matches(''" not in sql]
    if queries.batched:
        return "value by value"
    if any(map(_OWN.search, statements)):
        return "query"
    return "scan" if statements else "schema"
