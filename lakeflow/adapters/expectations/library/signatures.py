"""Great Expectations' classes as data: what their constructors take, and which metrics they ask for.

`signatures.json` is generated from the library (`python -m tests.expectations.signatures`) and holds for one release of
it. A `StandIn` made from it compiles to what the library's own object compiles to. What the table does not tell exactly
is not covered: then the library is imported, and its own object is used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, NoReturn

from lakeflow.core.values import dataclass

TABLE: Final = Path(__file__).with_name("signatures.json")
_EXACT: Final = 2**53
SEVERITIES: Final = ("critical", "warning", "info")


class NotCoveredError(Exception):
    """The table does not tell; the library must."""


@dataclass(frozen=True)
class NeededMetric:
    """A metric, under the names of the library."""

    metric_name: str
    metric_domain_kwargs: Mapping[str, Any]
    metric_value_kwargs: Mapping[str, Any]


@dataclass(frozen=True)
class Needs:
    metric_configurations: Mapping[str, NeededMetric]


@dataclass(frozen=True)
class Configuration:
    """What an expectation says of itself."""

    kwargs: Mapping[str, Any]
    said: Mapping[str, Any]

    def to_json_dict(self) -> dict[str, Any]:
        return dict(self.said)


class StandIn:
    """An expectation of the library, without it. Each class that stands for one has its name and those of its bases."""

    signature: Mapping[str, Any]

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.__fields_set__ = set(given)
        vars(self).update(self.signature["defaults"])
        vars(self).update(given)

    @property
    def configuration(self) -> Configuration:
        default = self.signature["defaults"]
        told = (name for name in self.signature["kwargs"] if name in self.__fields_set__)
        kwargs = {
            name: getattr(self, name) for name in told if name not in default or vars(self)[name] != default[name]
        }
        said: dict[str, Any] = {
            "type": self.signature["type"],
            "kwargs": kwargs,
            "meta": getattr(self, "meta", None) or {},
        }
        if (notes := getattr(self, "notes", None)) is not None:
            said["notes"] = notes
        return Configuration(kwargs, {**said, "severity": getattr(self, "severity", "critical")})

    def get_validation_dependencies(self, **_: object) -> Needs:
        if not self.signature["metrics"]:
            raise NotCoveredError("which metrics it asks for")
        found = self.signature["metrics"].items()
        return Needs(
            {name: NeededMetric(of, self._filled(domain), self._filled(values)) for name, (of, domain, values) in found}
        )

    def _filled(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return {name: getattr(self, ref["of"]) if "of" in ref else ref["is"] for name, ref in wanted.items()}

    def _validate(self, **_: object) -> NoReturn:
        raise NotCoveredError("only the library judges by its own code")


@cache
def signatures() -> Mapping[str, Any]:
    """The table by class; empty where another release of the library is installed."""
    known = json.loads(TABLE.read_text("utf-8"))
    try:
        installed = version("great_expectations")
    except PackageNotFoundError:
        return {}
    return known["classes"] if known["library"] == installed else {}


def stand_in(name: str, given: Mapping[str, Any], table: Mapping[str, Any] | None = None) -> StandIn:
    """What the class makes of these arguments. NotCoveredError where the table does not tell."""
    signature = (signatures() if table is None else table).get(name)
    if signature is None or not given.keys() >= set(signature["required"]):
        raise NotCoveredError(name)
    values = {field: _taken(signature["takes"].get(field, {}), value) for field, value in given.items()}
    optional = sorted(values.keys() - set(signature["required"]) - {"meta", "notes", "severity"})
    if optional in signature["except"] or _turned(values):
        raise NotCoveredError(name)
    return _class_of(name, json.dumps(signature))(values)


def _taken(takes: Mapping[str, str], value: Any) -> Any:
    """The value as the class keeps it."""
    how = takes.get(kind_of(value))
    if how is None:
        raise NotCoveredError(repr(type(value)))
    return float(value) if how == "float" else value


def _turned(values: Mapping[str, Any]) -> bool:
    """Is the lower bound above the upper one? Some classes refuse that."""
    low, high = values.get("min_value"), values.get("max_value")
    return isinstance(low, int | float) and isinstance(high, int | float) and low > high


def kind_of(value: Any) -> str:
    """What values of this kind have in common for a constructor; empty for values that the table never covers."""
    if value is None or isinstance(value, bool):
        return type(value).__name__
    if isinstance(value, str):
        return "text" if value.strip() else "blank"
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > _EXACT:
            return ""
        return f"{'share' if 0 <= value <= 1 else 'number'} {type(value).__name__}"
    if type(value) is list and value:
        kinds = {kind_of(each).removeprefix("share ").removeprefix("number ") for each in value}
        if kinds <= {"text"} or kinds <= {"int"} or kinds <= {"float"}:
            often = "one" if len(value) == 1 else "many" if len(set(value)) == len(value) else "twice"
            return f"{often} {kinds.pop()}"
    return "options" if type(value) is dict and _is_options(value) else ""


def _is_options(value: Any) -> bool:
    """Is it JSON with texts as keys, as in `meta`?"""
    if isinstance(value, dict):
        return all(type(key) is str and "$" not in key and _is_options(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_options, value))
    return value is None or isinstance(value, bool | str) or (isinstance(value, int | float) and kind_of(value) != "")


@cache
def _class_of(name: str, signature: str) -> type[StandIn]:
    """A class with the names of the library's class and of its bases, in their order, and methods where they have
    them.
    """
    said = json.loads(signature)
    made: type[StandIn] = StandIn
    for base, judges in reversed(said["bases"]):
        methods = {"_validate": StandIn._validate} if judges else {}  # noqa: SLF001 - our own
        made = type(base, (made,), {"signature": said, "__module__": said["module"], **methods})
    assert made.__name__ == name
    return made
