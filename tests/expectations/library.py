"""What the library's own pandas engine says, and what ours says, of the same columns and the same lines of a suite."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pandas as pd

from lakeflow.adapters.expectations.library import library as seam
from lakeflow.core.model.check import Outcome

from .lake import checks, request, scan_of, suite

Columns = Mapping[str, tuple[str, list[Any]]]
Verdict = tuple[bool | None, int | None]
"""Passed or not, None for an expectation that broke; and the number of bad rows where rows are judged."""

_DTYPES: Final = {
    "long": "int64",
    "string": "object",
    "double": "float64",
    "timestamp": "datetime64[ns]",
    "boolean": "bool",
    "decimal(9,2)": "object",
    "date": "object",
}


def release() -> tuple[int, int]:
    """Of the library that is installed."""
    major, minor, *_ = version("great_expectations").split(".")
    return int(major), int(minor)


def has(line: str) -> bool:
    """Whether this release of the library has the expectation."""
    return hasattr(seam.load(), line.partition("(")[0])


def is_data(line: str) -> bool:
    """Whether this release has it, and asks for the figures by which we judge it without the library."""
    return has(line) and (release() >= (1, 17) or "Distinct" not in line)


def made(line: str) -> Any:
    from great_expectations.expectations.row_conditions import Column

    one = eval(f"gxe.{line}", {"gxe": seam.load(), "datetime": dt, "Column": Column})
    one.meta = {**(one.meta or {}), "line": line}  # the results come back in another order
    return one


def theirs(columns: Columns, lines: Sequence[str]) -> dict[str, Verdict]:
    import great_expectations as gx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="ephemeral")
        asset = context.data_sources.add_pandas("frame").add_dataframe_asset("frame")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": _frame(columns)})
        found = batch.validate(gx.ExpectationSuite(name="all", expectations=[made(line) for line in lines])).results
    return {one.expectation_config.meta["line"]: _their_verdict(one) for one in found}


def _frame(columns: Columns) -> pd.DataFrame:
    return pd.DataFrame(
        {name: pd.Series(values, dtype=_dtype(kind, values)) for name, (kind, values) in columns.items()}
    )


def _dtype(kind: str, values: list[Any]) -> str:
    return "float64" if kind == "long" and None in values else _DTYPES[kind]


def _their_verdict(one: Any) -> Verdict:
    """Set expectations count distinct values under the same word; only rules about rows give a share of rows."""
    info = one.exception_info
    broke = info.get("raised_exception") or any(
        isinstance(more, dict) and more.get("raised_exception") for more in info.values()
    )
    if broke:
        return None, None
    return bool(one.success), one.result.get("unexpected_count") if "unexpected_percent" in one.result else None


def ours(directory: Path, columns: Columns, lines: Sequence[str]) -> dict[str, Verdict]:
    found = checks(request(scan_of(directory, **columns), suite(*(f"gxe.{line}" for line in lines))))
    return {
        line: (None if one.outcome is Outcome.ERRORED else one.outcome is Outcome.PASSED, one.failed_rows)
        for line, one in zip(lines, found, strict=True)
    }
