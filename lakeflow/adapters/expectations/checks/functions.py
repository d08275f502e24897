"""Checks that are written as Python functions: `@check` in the asset's check file."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.expectations.checks.check import NOTHING, Broken, Check, Observation, Rule, share
from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.plans import Aggregate
from lakeflow.adapters.expectations.table import Audited, CannotCheck
from lakeflow.core.declare.check_decorator import BRANCH, PUBLISHED, PythonCheck
from lakeflow.core.errors import AssetError
from lakeflow.core.model.check import CheckFile, Outcome
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

_ROWS: Final = Aggregate("count(*)")


@dataclass(frozen=True)
class DeclaredCheckFunction:
    """A check function of a file, with the arguments of its decorator."""

    name: str
    function: Callable[..., Any]
    declared: PythonCheck


def function_check(written: DeclaredCheckFunction, file: CheckFile, table: Audited, *, allow_empty: bool) -> Check:
    name = written.name.replace("_", " ")
    unit, declared = f"{file.path}#{written.name}", written.declared
    try:
        inputs = _inputs(written, table)
    except CannotCheck as error:
        return Check(unit, name, Broken(str(error)), file.path, declared.severity)
    allowed = allow_empty or file.allow_empty or declared.allow_empty
    rule: Rule = Called(written.function, inputs, file.path, allowed, sampled=not table.guarded)
    return Check(unit, name, rule, file.path, declared.severity, personal=table.guarded)


def _inputs(written: DeclaredCheckFunction, table: Audited) -> dict[str, str]:
    """The relation of each parameter; CannotCheck for a parameter that means none."""
    known = {BRANCH: str(table.asset), PUBLISHED: f"published.{table.asset}", **written.declared.inputs}
    inputs = {}
    for name in inspect.signature(written.function).parameters:
        if name not in known:
            raise CannotCheck(f"nothing is known as {name!r}; there are {', '.join(known)}")
        inputs[name] = known[name]
    return inputs


@dataclass(frozen=True)
class Called:
    """`inputs` maps parameters to relations; `sampled` says whether some of the bad rows may be shown."""

    function: Callable[..., Any] = field(compare=False)
    inputs: Mapping[str, str]
    path: str
    allow_empty: bool
    sampled: bool
    plans: tuple[Plan, ...] = (_ROWS,)

    def find(self, answers: Answers) -> Observation:
        rows = answers.value(_ROWS)
        self._require_inputs(answers.table)
        try:
            returned = answers.call(self.function, self.inputs)
        except (AssetError, CannotCheck):
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - any fault of user code is one errored check
            raise CannotCheck(self._told(error)) from None
        if rows == 0 and returned.good and not self.allow_empty:
            return Observation(Outcome.ERRORED, NOTHING, rows=0)
        outcome = Outcome.PASSED if returned.good else Outcome.FAILED
        if not returned.failed:
            return Observation(outcome, "" if returned.good else "it returned False", returned.failed, rows)
        failed = returned.failed
        detail = share(failed, rows) if failed <= rows else f"{counted(failed, 'row')} returned"
        shown = (dict(zip(returned.columns, row, strict=True)) for row in returned.rows if self.sampled)
        return Observation(outcome, detail, failed, rows, tuple(shown))

    def _require_inputs(self, table: Audited) -> None:
        there = {str(table.asset), *table.readable}
        for name, relation in self.inputs.items():
            if relation not in there:
                raise CannotCheck(f"{name} is {relation}, which was never built")

    def _told(self, error: BaseException) -> str:
        """What went wrong and where; only the kind of error if its text may quote personal data."""
        frames = [each.lineno for each in traceback.extract_tb(error.__traceback__) if _is(each.filename, self.path)]
        place = f"{self.path}:{frames[-1]}" if frames else self.path
        words = "" if not self.sampled else f": {' '.join(str(error).split())[:500]}"
        return f"{place}: {type(error).__name__}{words}"


def _is(filename: str, path: str) -> bool:
    return Path(filename).as_posix().endswith(path)
