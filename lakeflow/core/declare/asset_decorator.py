"""The decorator that declares an asset in Python; it leaves the function as it is.

Importing this file is cheap on purpose: every file of a project does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal, TypeAlias, TypedDict, TypeVar, overload

from lakeflow.core.declare.declaration import FIELDS
from lakeflow.core.declare.fields import NewKeysInput, NewRowsInput
from lakeflow.core.wording import did_you_mean

ATTRIBUTE: Final = "__lakeflow__"
"""The attribute of the function that holds what `@asset` was given."""

Function = TypeVar("Function", bound=Callable[..., Any])
Names: TypeAlias = str | Sequence[str]


class ColumnFields(TypedDict, total=False):
    """What can be declared about a column: its type in Iceberg's or DuckDB's words, whether it is personal, its mask,
    and its description.
    """

    type: str
    pii: bool
    mask: Literal["hash", "redact"]
    description: str


class ExampleFields(TypedDict, total=False):
    """An example: rows of inputs as dicts or CSV text, and the rows that the code gives or the checks that fail."""

    name: str
    given: Mapping[str, str | Sequence[Mapping[str, Any]]]
    files: Mapping[str, str]
    expect: str | Sequence[Mapping[str, Any]]
    fails: Names
    partition: str | date
    at: datetime


def new_rows(upstream: str) -> str:
    """Only the rows of `layer.name` that came since the asset's own published snapshot was made.

    `@asset(inputs={"raw": new_rows("bronze.flights")}, write="append")`; a SQL header says `new_rows = […]`.
    """
    return NewRowsInput(upstream)


def new_keys(upstream: str, *columns: str) -> str:
    """All rows of `layer.name` of each key, told by these columns, that has new rows since the asset's own published
    snapshot was made.

    `@asset(inputs={"orders": new_keys("bronze.orders", "customer")}, write="upsert")`; a SQL header says
    `new_keys = {"bronze.orders" = "customer"}`.
    """
    if not columns or not all(isinstance(column, str) and column for column in columns):
        raise TypeError(
            'new_keys() takes an upstream and the columns of its key: new_keys("bronze.orders", "customer")'
        )
    return NewKeysInput(upstream, columns)


@overload
def asset(function: Function, /) -> Function: ...


@overload
def asset(
    *,
    inputs: Mapping[str, str] = ...,
    external: Names = ...,
    renamed_from: str = ...,
    key: Names = ...,
    write: Literal["append", "replace", "upsert", "partition", "scd2"] = ...,
    keep: Names = ...,
    keep_snapshots: int = ...,
    deleted: str = ...,
    at: str = ...,
    track: Names = ...,
    deletes: Literal["ignore", "close"] = ...,
    partition_by: Names = ...,
    sort_by: Names = ...,
    description: str = ...,
    owner: str = ...,
    tags: Names = ...,
    columns: Mapping[str, ColumnFields] = ...,
    checks: Names = ...,
    layer: Literal["bronze", "silver", "gold"] = ...,
    reads: Names = ...,
    source: Mapping[str, object] = ...,
    kind: Literal["dimension", "fact", "mart"] = ...,
    foreign_keys: Mapping[str, str] = ...,
    derives: Mapping[str, Names] = ...,
    on_rewrite: Literal["rebuild", "hold"] = ...,
    partition: str = ...,
    start: str | date = ...,
    end: str | date = ...,
    lookback: int = ...,
    zone: str = ...,
    partial: bool = ...,
    input_times: Mapping[str, str] = ...,
    fresh: str = ...,
    fresh_by: str = ...,
    fresh_column: str = ...,
    refresh: str = ...,
    allow_empty: bool = ...,
    engine: Literal["duckdb", "spark"] = ...,
    timeout: float = ...,
    retries: int = ...,
    max_rows: int = ...,
    max_bytes: int | str = ...,
    examples: Sequence[ExampleFields] = ...,
) -> Callable[[Function], Function]: ...


def asset(function: Function | None = None, /, **fields: Any) -> Function | Callable[[Function], Function]:
    """Declare that a function makes the table of its own name; the function stays as it is.

    Nothing is judged here but a misspelled field: faults of all files are reported together at load.

    Args:
        function: only when the decorator is used bare.
        **fields: all of them optional, the same as in a SQL header; `docs/assets.md` tells each in full.

            - `inputs` maps a parameter to the `layer.name` that it receives, or to `new_rows("layer.name")` or
              `new_keys("layer.name", "column")`; `external`
              names tables of other catalogs, each `catalog.namespace.table`
            - `key` is the primary key, `kind` and `foreign_keys` say what a gold asset is and refers to
            - `derives` says which columns of its inputs a column is derived from, each `input.column`
            - `columns` says of a column its `type`, whether it is `pii`, its `mask` and its `description`
            - `write` is `append` (bronze's default), `replace` (the default elsewhere), `upsert` (with `keep`
              and `deleted`), `partition` or `scd2` (with those, `at`, `track` and `deletes`)
            - `keep` ("30d") and `keep_snapshots` say how much of what readers saw stays readable
            - `on_rewrite` is `rebuild` or `hold`
            - `partition_by` and `sort_by` say how rows lie in files; `partition`, `start`, `end`, `lookback`, `zone`,
              `partial` and `input_times` build the table by partitions in time
            - `fresh` is the most that its last publish may be old ("36h"), `fresh_by` a time by which it is renewed
              ("08:00 Europe/Oslo"), `fresh_column` counts from that column's newest value instead
            - `source` is `files(…)`, outside files that land once each; `reads` are globs of outside files
            - `timeout` (seconds), `retries`, `max_rows` and `max_bytes` are what its code may take, 0 for no bound
            - `examples` are rows of its inputs with the rows or failing checks that come of them: `lakeflow test`
            - `engine` is what runs its code, `duckdb` (the default) or `spark`
            - `checks` are shared check files, `allow_empty` lets checks pass on no rows
            - `renamed_from` is the name that its table still has, `layer` is needed only where no folder says it
            - `description` (default: the docstring), `owner` and `tags` are for people

    """

    def declare(function: Function) -> Function:
        setattr(function, ATTRIBUTE, dict(fields))
        return function

    if unknown := next((name for name in fields if name not in FIELDS), None):
        hint = did_you_mean(unknown, FIELDS, f"the fields are {', '.join(FIELDS)}")
        raise TypeError(f"asset() has no field {unknown!r}: {hint}")
    return declare if function is None else declare(function)
