"""The nouns of a project: assets in layers, their columns, code and checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from itertools import count
from typing import Any, ClassVar, Final

from lakeflow.core.examples.example import Example
from lakeflow.core.keys import EMPTY, AssetKey, ExternalKey, TableKey
from lakeflow.core.model.check import NO_CHECKS, Suite
from lakeflow.core.model.file_source import FileSource
from lakeflow.core.model.layout import PLAIN, Layout
from lakeflow.core.model.scd2_columns import VALID_FROM
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.time.freshness import Freshness
from lakeflow.core.time.refresh import Refresh
from lakeflow.core.time.timeline import Timeline
from lakeflow.core.values import dataclass


class AssetKind(StrEnum):
    """What a gold table is in a star schema: its key is its grain, and a fact refers to dimensions."""

    DIMENSION = "dimension"
    FACT = "fact"
    MART = "mart"


class Computer(StrEnum):
    """The engine that runs an asset's code. Whatever else is asked of its table, DuckDB answers."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class OnRewrite(StrEnum):
    """What an asset with incremental inputs does when rows that it has read were rewritten or taken back."""

    REBUILD = "rebuild"
    HOLD = "hold"


class Mask(StrEnum):
    """How a personal value is masked in a table. Both masks give text, and leave NULL as it is.

    `hash`: HMAC-SHA256 of the value's text, keyed with the salt, in hexadecimal: equal values stay equal, so that
    masked keys join. `redact`: the same three stars for every value.
    """

    HASH = "hash"
    REDACT = "redact"


class Deletes(StrEnum):
    """What an scd2 table does with a key that does not come any more."""

    IGNORE = "ignore"
    CLOSE = "close"


@dataclass(frozen=True)
class Column:
    """What an asset declares about one column; `type` is spelled as in Iceberg or DuckDB.

    `pii` False is a declaration too: the column is made from personal data, but tells nothing about a person.
    """

    type: str | None = None
    pii: bool | None = None
    description: str = ""
    mask: Mask | None = None


@dataclass(frozen=True)
class Limits:
    """What an asset's code may take: time, tries, rows and bytes.

    `timeout` is in seconds, for one try from its start to its last file. `retries` are further tries after an error of
    the code. Rows and bytes are those of the files that the code gives.

    None means not declared; 0 means no bound, or no retry.
    """

    timeout: float | None = None
    retries: int | None = None
    max_rows: int | None = None
    max_bytes: int | None = None

    def over(self, default: Limits) -> Limits:
        """These limits, with the defaults in place of those not declared."""
        return Limits(
            default.timeout if self.timeout is None else self.timeout,
            default.retries if self.retries is None else self.retries,
            default.max_rows if self.max_rows is None else self.max_rows,
            default.max_bytes if self.max_bytes is None else self.max_bytes,
        )


UNLIMITED: Final = Limits()


@dataclass(frozen=True)
class PythonCode:
    """An asset written as a function, which stays callable. `kept` says that it is to be made from the asset's source,
    which the ledger keeps, and not from its file.
    """

    function: Callable[..., Any] = field(compare=False, repr=False)
    path: str
    line: int
    kept: bool = False
    engine: Computer = Computer.DUCKDB


@dataclass(frozen=True)
class SqlCode:
    """An asset written as one SELECT. The text of the file is what runs, unchanged."""

    text: str
    path: str
    line: int
    engine: ClassVar[Computer] = Computer.DUCKDB


@dataclass(frozen=True)
class SparkSql:
    """An asset written as one SELECT of Spark SQL. Only the names of tables are replaced in the text that runs."""

    text: str
    path: str
    line: int
    engine: ClassVar[Computer] = Computer.SPARK


Code = PythonCode | SqlCode | SparkSql
"""What computes an asset's rows."""


@dataclass(frozen=True)
class Asset:
    """A table defined by code.

    `inputs` maps the name under which the code sees an upstream (a parameter, or `layer.name` in SQL) to the
    upstream; `externals` does so for tables of other catalogs. `code_version` is the fingerprint of all code that
    can change the data, `source` the text it was made from. `reads` are globs of outside files, relative to the
    root; their content is the fingerprint of a root; `named_files` are paths and globs that its SELECT spells out.
    `files` are the outside files that a bronze asset lands, each once. Only a gold asset has a `kind`. `timeline`
    says which partitions in time the asset is built by, and from when; `input_times` gives the time of an input's
    rows, as SQL over one row of it, where the code does not tell. Of the inputs `new_rows`, each write reads only
    the rows that the asset has not consumed yet. Of the inputs `new_keys`, it reads all rows of each key, told by
    these columns, that has such rows. `freshness` is how fresh the asset must be; None means as fresh as what is
    made from it. `refresh` is when `serve` looks after it; None where its layer or what is made from it says when.
    `salt` is the fingerprint of the salt of its hashes; empty when the asset has no hashes, or no salt is set. `at`
    names the column with the time from which a row of an scd2 table is valid (empty: the time of the write).
    `layout` is how its rows lie in files. `last_by` names the column whose greatest value chooses between rows with
    one key; empty means that no key may come twice. `deleted` is the condition of a row that deletes its key.
    `track` names the columns whose change begins a new version (none: all). `derives` says of columns that a
    function gives which columns of its inputs they are derived from. `keep_snapshots` and `keep_age` say how much
    of main's past stays, where the settings do not hold. `examples` say what its code gives of given rows.
    """

    key: AssetKey
    code: Code
    write: WriteMode
    inputs: Mapping[str, AssetKey] = EMPTY
    externals: Mapping[str, ExternalKey] = EMPTY
    primary_key: tuple[str, ...] = ()
    last_by: str = ""
    deleted: str = ""
    at: str = ""
    track: tuple[str, ...] = ()
    deletes: Deletes = Deletes.IGNORE
    layout: Layout = PLAIN
    columns: Mapping[str, Column] = EMPTY
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    named_files: tuple[str, ...] = ()
    files: FileSource | None = None
    kind: AssetKind | None = None
    new_rows: frozenset[AssetKey] = frozenset()
    new_keys: Mapping[AssetKey, tuple[str, ...]] = EMPTY
    on_rewrite: OnRewrite = OnRewrite.REBUILD
    timeline: Timeline | None = None
    input_times: Mapping[AssetKey, str] = EMPTY
    freshness: Freshness | None = None
    keep_snapshots: int | None = None
    keep_age: timedelta | None = None
    refresh: Refresh | None = None
    allow_empty: bool = False
    limits: Limits = UNLIMITED
    code_version: str = ""
    source: str = field(default="", repr=False)
    renamed_from: AssetKey | None = None
    salt: str = ""
    derives: Mapping[str, tuple[str, ...]] = EMPTY
    examples: tuple[Example, ...] = field(default=(), repr=False)

    @property
    def engine(self) -> Computer:
        """What runs its code."""
        return self.code.engine

    @property
    def place(self) -> str:
        """The file of its code, with the line where a file may hold several assets."""
        return f"{self.code.path}:{self.code.line}" if isinstance(self.code, PythonCode) else self.code.path

    @property
    def row_key(self) -> tuple[str, ...]:
        """The columns that tell its rows apart: the key, and for versions their beginning too."""
        return (*self.primary_key, VALID_FROM) if self.write.traits.versioned else self.primary_key

    @property
    def version_key(self) -> tuple[str, ...]:
        """The key whose versions the rows are; empty where the asset keeps no versions."""
        return self.primary_key if self.write.traits.versioned else ()

    @cached_property
    def upstreams(self) -> frozenset[AssetKey]:
        return frozenset(self.inputs.values())

    @property
    def parameters(self) -> Mapping[str, TableKey]:
        """What each parameter of a function receives."""
        return {**self.inputs, **{name: key for name, key in self.externals.items() if "." not in name}}

    @cached_property
    def external(self) -> frozenset[ExternalKey]:
        """The tables of other catalogs that it reads."""
        return frozenset(self.externals.values())

    @property
    def outside(self) -> tuple[str, ...]:
        """Globs of all outside files that it is made from."""
        return self.files.globs if self.files else self.reads

    @cached_property
    def pii(self) -> frozenset[str]:
        """Lower-cased names of the columns that hold personal data."""
        return frozenset(name.lower() for name, column in self.columns.items() if column.pii)

    @cached_property
    def masks(self) -> Mapping[str, Mask]:
        """The mask of each column that has one, by its lower-cased name."""
        return {name.lower(): column.mask for name, column in self.columns.items() if column.mask}


@dataclass(frozen=True)
class Project:
    """Everything that the project's files declare: assets in dependency order, and their suites. `root` is absolute."""

    root: str
    assets: Mapping[AssetKey, Asset]
    suites: Mapping[AssetKey, Suite] = EMPTY

    def suite(self, key: AssetKey) -> Suite:
        return self.suites.get(key, NO_CHECKS)


Upstreams = Mapping[AssetKey, frozenset[AssetKey]]


def ancestors(keys: Iterable[AssetKey], upstreams: Upstreams, generations: int | None = None) -> set[AssetKey]:
    """The assets and what they are made from, this many generations up; None means all."""
    found = set(keys)
    edge = set(found)
    for _ in count() if generations is None else range(generations):
        edge = {above for key in edge for above in upstreams.get(key, ())} - found
        if not edge:
            break
        found |= edge
    return found


def downstreams(upstreams: Upstreams) -> Upstreams:
    """The graph with its edges reversed."""
    below: dict[AssetKey, set[AssetKey]] = {key: set() for key in upstreams}
    for key, above in upstreams.items():
        for other in above & below.keys():
            below[other].add(key)
    return {key: frozenset(found) for key, found in below.items()}
