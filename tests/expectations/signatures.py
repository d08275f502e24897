"""Makes the table of signatures from the library that is installed: `python -m tests.expectations.signatures`.

Each class is tried: what its constructor does with values of each kind, which of its arguments go together, and which
metrics it asks for. Only what a stand-in repeats exactly gets into the table.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from itertools import chain, combinations
from typing import Any, Final

from lakeflow.adapters.expectations.checks import names
from lakeflow.adapters.expectations.library import library
from lakeflow.adapters.expectations.library.signatures import TABLE, NotCoveredError, kind_of, stand_in
from lakeflow.core.model.check import Severity

SAMPLES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, 2, 17, -5, 2**40, 0.0, 0.25, 1.0, 2.5, -3.25, 1e300),
    *("a", "b c", "5", "1e3", "nan", "true", "2020-01-01", "2020-01-01T00:00:00", "ÄÖ", "(", "%Y", "[a]", '{"a": 1}'),
    *("any", "all", "never", "neither", "critical", "", " "),
    *(["a"], ["a", "b"], ["b", "5", "2020-01-01"], ["a", "a"], [1], [3, 2], [2, 2, 1], [0.5], [0.5, -2.25], [0.5, 0.5]),
    *({}, {"a": 1}, {"lakeflow": {"allow_empty": True, "order_by": ["a"]}}),
)
_TYPICAL: Final[Mapping[str, Any]] = {
    "column": "c",
    "column_A": "a",
    "column_B": "b",
    "column_list": ["a", "b"],
    "column_set": ["a", "b"],
    "value_set": ["x", "y"],
    "type_": "string",
    "type_list": ["string", "long"],
    "value": 7,
    "threshold": 2.5,
    "regex": "^x",
    "regex_list": ["^x", "^y"],
    "like_pattern": "x%",
    "like_pattern_list": ["x%", "y%"],
    "strftime_format": "%Y",
    "sum_total": 5.5,
    "double_sided": True,
    "min_value": 2.25,
    "max_value": 9.75,
}
_OTHER: Final[Mapping[str, Any]] = {
    "column": "d",
    "column_A": "e",
    "column_B": "f",
    "column_list": ["e", "f", "g"],
    "column_set": ["e", "f"],
    "value_set": ["p", "q"],
    "type_": "long",
    "type_list": ["date", "string"],
    "value": 8,
    "threshold": 3.5,
    "regex": "^p",
    "regex_list": ["^p", "^q"],
    "like_pattern": "p%",
    "like_pattern_list": ["p%", "q%"],
    "strftime_format": "%m",
    "sum_total": 6.5,
    "double_sided": False,
    "min_value": 3.25,
    "max_value": 8.75,
}
_WHOLE: Final = {"min_value": 2, "max_value": 9}
_ALWAYS: Final = ("meta", "notes", "severity")
_UNSEEN: Final = frozenset(
    {"id", "result_format", "description", "catch_exceptions", "rendered_content", "windows", "severity"}
    | {"library_metadata"}
)
"""What no check is compiled from."""
_LEFT_OUT: Final = (_UNSEEN - {"severity"}) | {"row_condition", "condition_parser", "batch_id"}


def table() -> dict[str, Any]:
    """The table of the installed library."""
    gxe = library.load()
    kinds = (getattr(gxe, name) for name in sorted(dir(gxe)) if name.startswith("Expect") and name != "Expectation")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {kind.__name__: signature for kind in kinds if (signature := _signature(kind)) is not None}
    return {"library": version("great_expectations"), "classes": found}


def _signature(kind: type) -> dict[str, Any] | None:
    """The signature of a class; None where not even its plainest use can be repeated."""
    fields: Mapping[str, Any] = vars(kind)["__fields__"]
    takes = [name for name in fields if name not in _LEFT_OUT]
    required = sorted(name for name in takes if fields[name].required)
    base = {name: _TYPICAL[name] for name in required if name in _TYPICAL}
    if "min_value" in takes and _made(kind, base) is None:
        base["max_value"] = _WHOLE["max_value"]
    if (plain := _made(kind, base)) is None:
        return None
    draft = {
        "module": kind.__module__,
        "bases": [[each.__name__, "_validate" in vars(each)] for each in kind.__mro__ if each is not object],
        "type": plain.configuration.to_json_dict()["type"],
        "defaults": _defaults(fields),
        "required": required,
        "takes": {name: dict.fromkeys(map(kind_of, SAMPLES), "same") for name in takes},
        "except": [],
    }
    optional = _optional(kind, base, takes)
    draft["kwargs"] = [name for name in takes if name not in _ALWAYS]
    if (metrics := _metrics(kind, base, optional)) is None:
        return None
    draft["metrics"] = metrics
    draft["takes"] = {name: found for name in takes if (found := _takes(kind, draft, base, name))}
    if any(not draft["takes"].get(name) for name in required) or not _is_repeated(kind, draft, base):
        return None
    draft["except"] = [
        list(each)
        for each in _subsets(optional)
        if not _is_repeated(kind, draft, _some(base, required, each, optional))
    ]
    return draft


def _defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    optional = {
        name: field.get_default() for name, field in fields.items() if not field.required and name not in _UNSEEN
    }
    return {name: value for name, value in optional.items() if _is_plain(value)}


def _some(
    base: Mapping[str, Any], required: list[str], chosen: tuple[str, ...], values: Mapping[str, Any]
) -> dict[str, Any]:
    return {**{name: base[name] for name in required}, **{name: values[name] for name in chosen}}


def _subsets(optional: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    names = sorted(optional)
    return chain.from_iterable(combinations(names, size) for size in range(len(names) + 1))


def _optional(kind: type, base: Mapping[str, Any], takes: list[str]) -> dict[str, Any]:
    """A value of each optional argument, other than its default."""
    found = dict[str, Any]()
    for name in takes:
        if name in _ALWAYS or vars(kind)["__fields__"][name].required:
            continue
        default = vars(kind)["__fields__"][name].get_default()
        for value in (_TYPICAL.get(name), _WHOLE.get(name), *SAMPLES):
            made = None if value is None else _made(kind, {**base, name: value})
            if made is not None and value != default and _same(getattr(made, name), value):
                found[name] = value
                break
    return found


def _takes(kind: type, draft: Mapping[str, Any], base: Mapping[str, Any], name: str) -> dict[str, str]:
    """How the class keeps values of each kind; a kind of which one value is kept otherwise is left out."""
    kinds: dict[str, set[str]] = {}
    other = {"min_value": "max_value", "max_value": "min_value"}.get(name)
    base = {each: value for each, value in base.items() if each != other}
    for value in SAMPLES if name != "severity" else [each.value for each in Severity]:
        kinds.setdefault(kind_of(value), set()).add(_kept(kind, draft, {**base, name: value}, name))
    told = {of: how.pop() for of, how in kinds.items() if of and len(how) == 1 and how != {""}}
    return {of: how for of, how in told.items() if of != "options" or name == "meta"}


def _kept(kind: type, draft: Mapping[str, Any], given: Mapping[str, Any], name: str) -> str:
    if (made := _made(kind, given)) is None:
        return ""
    kept, value = getattr(made, name), given[name]
    if name == "severity":
        return "same"
    how = (
        "same"
        if _same(kept, value)
        else "float"
        if type(kept) is float and type(value) is int and kept == value
        else ""
    )
    trial = {**draft, "takes": {**draft["takes"], name: {kind_of(value): how}}}
    lenient = {each: {kind_of(given[each]): "same"} for each in given if each != name}
    for each in lenient:
        if type(getattr(made, each)) is float and type(given[each]) is int:
            lenient[each] = {kind_of(given[each]): "float"}
    trial["takes"] = {**trial["takes"], **lenient}
    return how if how and _is_repeated(kind, trial, given) else ""


def _metrics(kind: type, base: Mapping[str, Any], optional: Mapping[str, Any]) -> dict[str, Any] | None:
    """Each metric with where its arguments come from; None where that cannot be told."""
    first = _made(kind, {**base, **optional})
    others = {
        name: _OTHER.get(name, not value if isinstance(value, bool) else value)
        for name, value in {**base, **optional}.items()
    }
    second = _made(kind, others)
    try:
        if first is None or second is None:
            return None
        one, two = library.metrics_of(first), library.metrics_of(second)
    except Exception:  # noqa: BLE001 - without an engine, or it is not computed here
        return {}
    if list(one) != list(two):
        return None
    found = {}
    for name, metric in one.items():
        of = two[name]
        pairs = [(metric.domain, of.domain), (metric.values, of.values)]
        references = [_references(before, after, first, second) for before, after in pairs]
        if metric.name != of.name or None in references:
            return None
        found[name] = [metric.name, *references]
    return found


def _references(before: Mapping[str, Any], after: Mapping[str, Any], first: Any, second: Any) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for name, value in before.items():
        if name == "order_by":
            continue  # our own, out of `meta`
        fields = sorted(vars(type(first))["__fields__"].keys() - _UNSEEN, key=lambda each: (each != name, each))
        from_ = next(
            (
                f
                for f in fields
                if value is not None and _same(getattr(first, f), value) and _same(getattr(second, f), after[name])
            ),
            None,
        )
        if from_ is not None:
            found[name] = {"of": from_}
        elif _is_json(value) and _same(value, after[name]):
            found[name] = {"is": value}
        else:
            return None
    return found


def _made(kind: type, given: Mapping[str, Any]) -> Any:
    try:
        return kind(**given)
    except Exception:  # noqa: BLE001 - whatever the library refuses
        return None


def _is_repeated(kind: type, signature: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Does a stand-in say all that the library's own object says?"""
    theirs = _made(kind, given)
    try:
        ours = stand_in(kind.__name__, given, {kind.__name__: signature})
    except NotCoveredError:
        return False
    return theirs is not None and _says(theirs, signature) == _says(ours, signature)


def _says(expectation: Any, signature: Mapping[str, Any]) -> Any:
    fields = {*signature["defaults"], *signature["takes"]} - {"severity"}
    said = {name: _typed(getattr(expectation, name)) for name in fields}
    configuration = json.dumps(library.configuration_of(expectation))
    kwargs = {name: _typed(value) for name, value in expectation.configuration.kwargs.items()}
    bases = [each.__name__ for each in type(expectation).__mro__ if each.__name__ != "StandIn"]
    mine = sorted(expectation.__fields_set__), bases, type(expectation).__module__, str(_severity(expectation))
    return (
        said,
        configuration,
        kwargs,
        mine,
        _or_error(lambda: names.name_of(expectation)),
        _or_nothing(lambda: _asked(expectation)),
    )


def _severity(expectation: Any) -> Any:
    given = getattr(expectation, "severity", "critical")
    return getattr(given, "value", given)


def _asked(expectation: Any) -> Any:
    found = library.metrics_of(expectation)
    return [(name, each.name, _typed(dict(each.domain)), _typed(dict(each.values))) for name, each in found.items()]


def _or_nothing(ask: Any) -> Any:
    """Where there is an error, the check is left to the library, whatever it says."""
    found = _or_error(ask)
    return [] if isinstance(found, str) else found


def _or_error(ask: Any) -> Any:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - an error is an answer too
        return f"{type(error).__name__}: {error}"


def _same(one: Any, other: Any) -> bool:
    return bool(_typed(one) == _typed(other))


def _typed(value: Any) -> Any:
    """The value with its types, since 1 == 1.0 == True."""
    if isinstance(value, list | tuple):
        return type(value).__name__, [_typed(each) for each in value]
    if isinstance(value, dict):
        return "dict", [(key, _typed(each)) for key, each in value.items()]
    return type(value).__name__, value


def _is_plain(value: Any) -> bool:
    return type(value) in (type(None), bool, int, float, str)


def _is_json(value: Any) -> bool:
    try:
        return _same(json.loads(json.dumps(value)), value)
    except (TypeError, ValueError):
        return False


def written(found: Mapping[str, Any]) -> str:
    return json.dumps(found, indent=1, sort_keys=False, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TABLE.write_text(written(table()), "utf-8")
