"""Executes a check file: the bytes that the plan read, under the file's own path and in a module of its own."""

from __future__ import annotations

import ast
import hashlib
import sys
import traceback
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from lakeflow.adapters.expectations.checks.functions import DeclaredCheckFunction
from lakeflow.adapters.expectations.table import CannotCheck
from lakeflow.core.declare.check_decorator import declared
from lakeflow.core.model.check import CheckFile
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Contents:
    """What a check file holds: expectations, and functions by name."""

    expectations: tuple[Any, ...] = ()
    functions: tuple[DeclaredCheckFunction, ...] = ()


def contents_of(file: CheckFile, root: str) -> Contents:
    """What the file calls `expectations`, a list or an ExpectationSuite with its `suite_parameters` filled in, and the
    functions that `@check` decorates.

    CannotCheck, naming file and line, when it has neither. What the file prints goes where the process prints. Its own
    `sys.exit` is a fault like any other.
    """
    module = _execute(file, root, file.text)
    functions = _functions_of(module)
    if functions and not getattr(module, "expectations", None):
        return Contents(functions=functions)
    return Contents(_expectations_of(module, file), functions)


def functions_of(file: CheckFile, root: str, part: ast.Module) -> tuple[DeclaredCheckFunction, ...]:
    """The check functions of the file, by executing only this part of it. CannotCheck when that fails."""
    return _functions_of(_execute(file, root, part))


def _functions_of(module: ModuleType) -> tuple[DeclaredCheckFunction, ...]:
    found = ((name, value, declared(value)) for name, value in vars(module).items())
    return tuple(DeclaredCheckFunction(name, value, said) for name, value, said in found if said is not None)


def _expectations_of(module: ModuleType, file: CheckFile) -> tuple[Any, ...]:
    if not hasattr(module, "expectations"):
        raise CannotCheck(f"{file.path} defines no `expectations = [...]` and no function with @check")
    found, given = module.expectations, getattr(module, "suite_parameters", None)
    if hasattr(found, "suite_parameters"):  # the library's own suite
        found, given = found.expectations, {**(found.suite_parameters or {}), **(given or {})}
    if not isinstance(found, (list, tuple)):
        raise CannotCheck(f"{file.path}: `expectations` is a {type(found).__name__}, not a list")
    if not found:
        raise CannotCheck(f"{file.path}: `expectations` is empty; a suite that looks at nothing has not passed")
    return _filled_in(found, given or {}, file.path)


def _filled_in(found: Iterable[Any], given: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(given, dict):
        raise CannotCheck(f"{path}: `suite_parameters` is a {type(given).__name__}, not a dict")
    try:
        return tuple(resolved(one, given) for one in found)
    except ValueError as error:  # the class refuses the value, as it would have refused it written out
        raise CannotCheck(f"{path}: a suite parameter does not fit: {_one_line(error)}") from None


def _execute(file: CheckFile, root: str, source: str | ast.Module) -> ModuleType:
    path = str(Path(root, file.path))
    if root not in sys.path:
        sys.path.append(root)  # after the installed packages: a project's own names must not replace them
    module = ModuleType(f"_lakeflow_check_{hashlib.sha256(path.encode()).hexdigest()[:12]}")
    module.__file__ = path
    sys.modules[module.__name__] = module  # dataclasses and pydantic look their module up
    try:
        exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - the user's code is what we are for
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any fault of user code is one errored check
        raise CannotCheck(_fault(error, file.path, path)) from None
    return module


def _fault(error: BaseException, shown: str, path: str) -> str:
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"{shown}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    place = f"{shown}:{frames[-1]}" if frames else shown
    return f"{place}: {type(error).__name__}: {_one_line(error)}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500]


_MARK: Final = "$PARAMETER"


def resolved(expectation: Any, given: Mapping[str, Any]) -> Any:
    """The same expectation with the values of its parameters, validated by its own class; unchanged where a value is
    missing.
    """
    asked = _open(expectation)
    if not asked:
        return expectation
    from great_expectations.core.suite_parameters import parse_suite_parameter  # noqa: PLC0415 - as in seam
    from great_expectations.exceptions import SuiteParameterError  # noqa: PLC0415 - as in seam

    try:
        with warnings.catch_warnings():  # of the library, about its own parser
            warnings.simplefilter("ignore")
            values = {name: parse_suite_parameter(said, dict(given)) for name, said in asked.items()}
    except SuiteParameterError:
        return expectation
    own = {name: getattr(expectation, name) for name in expectation.__fields_set__}
    return type(expectation)(**{**own, **values})


def refuse_open(expectation: Any) -> None:
    """CannotCheck for an expectation with a parameter that has no value."""
    asked = sorted(set(_open(expectation).values()))
    if asked:
        raise CannotCheck(
            f"the suite parameter {asked[0]} has no value; give it in the check file: "
            f"suite_parameters = {{{asked[0]!r}: …}}"
        )


def _open(expectation: Any) -> Mapping[str, str]:
    """The arguments that are still parameters, each with the name (or expression) of the parameter."""
    arguments = {name: getattr(expectation, name, None) for name in getattr(expectation, "__fields_set__", ())}
    return {name: str(one[_MARK]) for name, one in arguments.items() if isinstance(one, dict) and _MARK in one}
