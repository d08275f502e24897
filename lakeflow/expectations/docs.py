"""Great Expectations' own HTML (Data Docs) of recorded or repeated audits, written as files that need no network.

The library's pages load scripts, styles and a picture from eight hosts. Those are left out, and a small style sheet
stands in the page: what was audited, and when, is nobody's business but the reader's.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.view.audited.audits import Inspected
from lakeflow.expectations.base import LakeExpectation
from lakeflow.expectations.results import is_known, result_of

_REMOTE: Final = re.compile(
    r"<script[^>]*\bsrc=\"https?:[^>]*>\s*</script>|<link[^>]*\bhref=\"https?:[^>]*>|<img[^>]*\bsrc=\"https?:[^>]*>"
    r"|<source[^>]*https?:[^>]*>",
    re.IGNORECASE,
)
_NEWSLETTER: Final = re.compile(r"<footer.*?</footer>", re.DOTALL | re.IGNORECASE)
_STYLE: Final = """<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; }
td, th { border: 1px solid #8884; padding: .3rem .6rem; text-align: left; vertical-align: top; }
pre, code { white-space: pre-wrap; font-family: ui-monospace, monospace; }
.badge { border: 1px solid #8886; border-radius: .3rem; padding: 0 .3rem; }
nav, #ge-cta-footer, .ge-navigation-sidebar-container { display: none; }
</style>"""


def write_docs(directory: Path, audits: Sequence[Inspected]) -> tuple[Path, ...]:
    """One page an audit and an index of them all; the files written, the index first."""
    directory.mkdir(parents=True, exist_ok=True)
    written = [directory / "index.html"]
    for one in audits:
        path = directory / f"{_name(one)}.html"
        path.write_text(_rendered(one), "utf-8")
        written.append(path)
    written[0].write_text(_index(audits), "utf-8")
    return tuple(written)


def _rendered(one: Inspected) -> str:
    shown = ValidationResultsPageRenderer().render(_suite_result(one))
    text: str = DefaultJinjaPageView().render(shown)
    return _NEWSLETTER.sub("", _REMOTE.sub("", text)).replace("</head>", f"{_STYLE}</head>", 1)


def _suite_result(one: Inspected) -> ExpectationSuiteValidationResult:
    """Skipped checks judged nothing, so they stand in no page."""
    results = [_result(check) for check in one.checks if check.outcome is not Outcome.SKIPPED]
    passed = sum(bool(result.success) for result in results)
    return ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=results,
        suite_name=str(one.asset),
        suite_parameters={},
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results) if results else None,
        },
        meta={"run_id": {"run_name": _name(one), "run_time": one.committed_at.isoformat()}},
    )


class LakeflowCheck(LakeExpectation):
    """Stands in a page for a check that is no expectation, or of a class that is not known here."""

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        raise NotImplementedError("it is judged already")


def _result(check: CheckResult) -> ExpectationValidationResult:
    """The library renders a result by its class, or by its description where it has one."""
    found = result_of(check)
    if found is not None and is_known(found):
        return found
    told = {"observed_value": check.detail or str(check.outcome)}
    named = LakeflowCheck(description=check.name).configuration
    return ExpectationValidationResult(
        success=check.outcome is Outcome.PASSED, expectation_config=named, result=told, meta={}
    )


def _name(one: Inspected) -> str:
    return f"{one.asset}-{short_id(one.snapshot_id)}"


def _index(audits: Sequence[Inspected]) -> str:
    rows = "".join(map(_row, audits))
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Audits</title>{_STYLE}</head>'
    columns = "<tr><th>snapshot</th><th>written</th><th>checks passed</th></tr>"
    return f"{head}<body><h1>Audits</h1><table>{columns}{rows}</table></body></html>\n"


def _row(one: Inspected) -> str:
    passed = sum(check.outcome is Outcome.PASSED for check in one.checks)
    name, written = html.escape(_name(one)), one.committed_at.isoformat(timespec="seconds")
    cells = (f'<a href="{name}.html">{name}</a>', written, f"{passed} of {len(one.checks)}")
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
