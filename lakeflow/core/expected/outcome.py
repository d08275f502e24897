"""What came of an example."""

from __future__ import annotations

from lakeflow.core.expected.compare import RowDifference
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class ExampleResult:
    """What came of one example. `message` says what went otherwise, and is empty where all came as expected; `hint` is
    what to do. `difference` is that of the rows, if they differ. The example stands in `path`, at `line`.
    """

    asset: AssetKey
    name: str
    path: str
    line: int
    message: str = ""
    hint: str = ""
    difference: RowDifference | None = None

    @property
    def ok(self) -> bool:
        """Did all come as expected?"""
        return not self.message


def is_named(check: CheckResult, name: str) -> bool:
    """By the name that screens show, or for a check of a file of its own as that file is called."""
    said = _alike(name)
    file = check.path.rpartition("/")[2].removesuffix(".sql").partition(".")[2]
    return said in {_alike(check.name), _alike(file)}


def unfailed(checks: tuple[CheckResult, ...], name: str) -> str:
    """Why that check did not fail on data that it judged; empty where it failed."""
    found = next((check for check in checks if is_named(check, name)), None)
    if found is None:
        names = ", ".join(check.name for check in checks)
        return f"no check is called {name!r}: there are {names or 'none'}"
    if found.outcome is Outcome.FAILED:
        return ""
    return f"check {found.name!r} {found.outcome}{f': {found.detail}' if found.detail else ''}"


def _alike(name: str) -> str:
    return name.replace("_", " ").strip().lower()
