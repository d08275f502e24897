"""The forms in which a Python asset can get an input; the parameter's annotation chooses one.

Annotations may be text (`from __future__ import annotations`) or name packages that are imported only for type
checkers. So a form is recognised by its name, and pandas or polars are imported only when they are asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, TypeAlias

from duckdb import DuckDBPyRelation

from lakeflow.adapters.duckdb.code.frames import to_pandas

Function: TypeAlias = Callable[..., Any]


class InputForm(StrEnum):
    """The forms, in the words of messages. All but the relation and the reader hold the whole input in memory."""

    RELATION = "a DuckDB relation"
    TABLE = "pyarrow.Table"
    READER = "pyarrow.RecordBatchReader"
    PANDAS = "pandas.DataFrame"
    POLARS = "polars.DataFrame"
    LAZY = "polars.LazyFrame"


_BY_NAME: Final = {
    ("duckdb", "DuckDBPyRelation"): InputForm.RELATION,
    ("lakeflow", "Relation"): InputForm.RELATION,
    ("pyarrow", "Table"): InputForm.TABLE,
    ("pyarrow", "RecordBatchReader"): InputForm.READER,
    ("pandas", "DataFrame"): InputForm.PANDAS,
    ("polars", "DataFrame"): InputForm.POLARS,
    ("polars", "LazyFrame"): InputForm.LAZY,
}

_ALIASES: Final = {"pa": "pyarrow", "pd": "pandas", "pl": "polars", "_duckdb": "duckdb"}
_BARE: Final = {name: form for (_, name), form in _BY_NAME.items() if name != "DataFrame"}
"""Names that tell the form without their package; `DataFrame` does not, since two packages have one."""


def form_of(function: Function, parameter: str) -> InputForm | None:
    """The form that the parameter asks for: a relation without an annotation; None for an unknown one."""
    found = inspect.signature(function).parameters.get(parameter)
    if found is None or found.annotation in {inspect.Parameter.empty, Any}:
        return InputForm.RELATION
    annotation = found.annotation
    if isinstance(annotation, str):
        annotation = _resolved(annotation, function)
    return _named(annotation) if isinstance(annotation, str) else _classed(annotation)


def _resolved(text: str, function: Function) -> object:
    """The object that the text names where the function was written; the text itself when that does not exist at run
    time.
    """
    scope = inspect.unwrap(function).__globals__
    first, *rest = text.strip("'\"").split(".")
    value = scope.get(first)
    for name in rest:
        value = getattr(value, name, None)
    return text.strip("'\"") if value is None else value


def _named(text: str) -> InputForm | None:
    package, _, name = text.rpartition(".")
    if not package:
        return _BARE.get(name)
    top = package.partition(".")[0]
    return _BY_NAME.get((_ALIASES.get(top, top), name))


def _classed(annotation: object) -> InputForm | None:
    module = str(getattr(annotation, "__module__", "")).partition(".")[0]
    return _BY_NAME.get((_ALIASES.get(module, module), getattr(annotation, "__name__", "")))


def in_form(relation: DuckDBPyRelation, form: InputForm) -> Any:
    """The relation's rows in that form. ImportError when its package is not installed."""
    match form:
        case InputForm.RELATION:
            return relation
        case InputForm.TABLE:
            return relation.to_arrow_table()
        case InputForm.READER:
            return relation.to_arrow_reader()
        case InputForm.PANDAS:
            # relation.df() would turn decimals into floats, and warns under pandas 3
            return to_pandas(relation.to_arrow_table())
        case InputForm.POLARS:
            return relation.pl()
        case InputForm.LAZY:
            return relation.pl(lazy=True)
