"""The decorator that declares a check as a Python function, and the value that it leaves there.

Importing this file is cheap on purpose: it comes with `import lakeflow`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, overload

from lakeflow.core.keys import EMPTY
from lakeflow.core.model.check import Severity
from lakeflow.core.values import dataclass

Function = TypeVar("Function", bound=Callable[..., Any])

BRANCH: Final = "branch"
"""The parameter that receives the audited snapshot."""
PUBLISHED: Final = "published"
"""The parameter that receives what readers see of the same table."""

_DECLARED: Final = "__lakeflow_check__"


@dataclass(frozen=True)
class PythonCheck:
    """`inputs` maps further parameters to `layer.name` or `published.layer.name`."""

    severity: Severity = Severity.CRITICAL
    inputs: Mapping[str, str] = EMPTY
    allow_empty: bool = False


@overload
def check(function: Function, /) -> Function: ...


@overload
def check(
    *, severity: str = ..., inputs: Mapping[str, str] = ..., allow_empty: bool = ...
) -> Callable[[Function], Function]: ...


def check(
    function: Function | None = None,
    /,
    *,
    severity: str = "critical",
    inputs: Mapping[str, str] = EMPTY,
    allow_empty: bool = False,
) -> Function | Callable[[Function], Function]:
    """A check of the asset in whose check file the function stands; the function stays a plain function.

    Its parameters: `branch` is the audited snapshot, `published` what readers see of it, others are named in `inputs`,
    `{"airports": "silver.airports"}`. Each is a DuckDB relation unless its annotation asks for another form, as in
    assets. It returns the bad rows (a relation, a SELECT, anything that is an Arrow stream), or True when all is well.
    ValueError for a severity that is none.
    """
    declared = PythonCheck(Severity(severity), dict(inputs), allow_empty)

    def declare(checked: Function) -> Function:
        setattr(checked, _DECLARED, declared)
        return checked

    return declare if function is None else declare(function)


def declared(value: object) -> PythonCheck | None:
    """What `@check` declared about a function; None for any other value."""
    found = getattr(value, _DECLARED, None) if callable(value) else None
    return found if isinstance(found, PythonCheck) else None
