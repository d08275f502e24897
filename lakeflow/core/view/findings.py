"""The findings of a look at a machine or a lake, as values: how serious, about what, and what to type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

from lakeflow.core.errors import LakeflowError, ProjectError
from lakeflow.core.values import dataclass


class Level(StrEnum):
    """How serious a finding is. `warning`: it works, and somebody should look. `problem`: something does not work, or
    is not true.
    """

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One finding; `hint` is what to type or do, empty where all is well."""

    level: Level
    subject: str
    message: str
    hint: str = ""


GIGABYTE: Final = 10**9
_LITTLE: Final = 5 * GIGABYTE
_TOO_LITTLE: Final = GIGABYTE // 2
_REQUIREMENT: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*(?P<range>[^;]*)")
_BOUND: Final = re.compile(r"(?P<sign>>=|<=|==|<|>)\s*(?P<version>[0-9.]+)")


def well(subject: str, message: str) -> Finding:
    return Finding(Level.OK, subject, message)


def of_error(subject: str, error: LakeflowError) -> tuple[Finding, ...]:
    """An error as findings, one for each fault of the project's files."""
    if isinstance(error, ProjectError):
        return tuple(Finding(Level.PROBLEM, subject, str(fault), fault.hint) for fault in error.faults)
    return (Finding(Level.PROBLEM, subject, error.message, error.hint or ""),)


def python(version: str, wanted: str) -> Finding:
    """Does this Python fit? `wanted` is a range such as `>=3.11`."""
    if in_range(version, wanted):
        return well("python", version)
    return Finding(Level.PROBLEM, "python", f"{version}, but {wanted} is needed", "install a newer Python")


def libraries(required: Iterable[str], installed: Mapping[str, str | None]) -> Iterator[Finding]:
    """One finding for each requirement (`duckdb>=2.0,<2.1`); `installed` maps a name to its version, None: not
    installed.

    Requirements of extras are left out.
    """
    for requirement in required:
        match = _REQUIREMENT.match(requirement)
        if match and "extra ==" not in requirement:
            yield _library(match["name"], match["range"].strip(), installed.get(match["name"]))


def requirement_names(required: Iterable[str]) -> tuple[str, ...]:
    matches = (_REQUIREMENT.match(requirement) for requirement in required if "extra ==" not in requirement)
    return tuple(match["name"] for match in matches if match)


def in_range(version: str, wanted: str) -> bool:
    """Does `2.0.1` lie in `>=2.0,<2.1`? Numbers are compared; what follows them (`rc1`) is not."""
    bounds = _BOUND.finditer(wanted)
    return all(_holds(_numbers(version), bound["sign"], _numbers(bound["version"])) for bound in bounds)


def disk(place: str, free: int) -> Finding:
    """Is there enough disk space? `free` is in bytes."""
    amount = f"{free / GIGABYTE:,.1f} GB free at {place}"
    if free >= _LITTLE:
        return well("disk", amount)
    level = Level.PROBLEM if free < _TOO_LITTLE else Level.WARNING
    return Finding(level, "disk", f"only {amount}", f"make room on the disk of {place}")


def _library(name: str, wanted: str, version: str | None) -> Finding:
    ours = f"python -m pip install '{name}{wanted}'"
    if version is None:
        return Finding(Level.PROBLEM, name, "cannot be imported", ours)
    if not in_range(version, wanted):
        return Finding(Level.PROBLEM, name, f"{version}, but {wanted} is needed", ours)
    return well(name, version)


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version; `2.0.0` and `2` are the same version."""
    numbers = [int(part) for part in re.findall(r"\d+", re.split(r"[^0-9.]", version)[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _holds(version: tuple[int, ...], sign: str, bound: tuple[int, ...]) -> bool:
    match sign:
        case ">=":
            return version >= bound
        case "<=":
            return version <= bound
        case ">":
            return version > bound
        case "<":
            return version < bound
    return version == bound
