"""What a check is: its severity and outcome, the file it stands in, and the suite of an asset."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.values import dataclass


class Severity(StrEnum):
    """Great Expectations' own words. Only a failed `critical` check holds a publish."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class SqlDialect(StrEnum):
    """The SQL of a row check: that of the engine which reads it."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class Outcome(StrEnum):
    """The outcome of a check. `failed`: the data is bad. `errored`: the check could not look at the data."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class ForeignKey:
    """A column whose values must stand in a dimension's key; NULL refers to nothing.

    Where the dimension keeps versions (scd2), `at` is the fact's column with a time: a version must have been valid
    then.
    """

    column: str
    dimension: AssetKey
    key: str
    at: str = ""

    def __str__(self) -> str:
        return f"{self.column} in {self.dimension}{self._then}"

    @property
    def target(self) -> str:
        """As it is declared: `gold.carriers.carrier`, or `gold.airports.airport at day`."""
        return f"{self.dimension}.{self.key}{self._then}"

    @property
    def _then(self) -> str:
        return f" at {self.at}" if self.at else ""


class CheckKind(StrEnum):
    SUITE = "suite"
    ROWS = "rows"


@dataclass(frozen=True)
class Thresholds:
    """How many bad rows a check allows: above `warn` it fails as a warning, above `hold` it holds the publish.

    A fraction is a share of the rows that were judged, a whole number of at least 1 counts rows.
    """

    warn: float | None = None
    hold: float | None = None

    def severity(self, failed: int, rows: int) -> Severity | None:
        """The severity of that many bad rows; None when the check allows them."""
        if self.hold is not None and _exceeds(failed, rows, self.hold):
            return Severity.CRITICAL
        return Severity.WARNING if self.warn is not None and _exceeds(failed, rows, self.warn) else None

    def __str__(self) -> str:
        said = {"warns": self.warn, "holds": self.hold}
        return ", ".join(f"{word} above {_words(limit)}" for word, limit in said.items() if limit is not None)


def read_thresholds(warn: object, hold: object) -> Thresholds | str | None:
    """The declared thresholds (None where there are none), or the end of a sentence that says what is wrong with
    them.
    """
    for name, limit in (("warn", warn), ("hold", hold)):
        if limit is not None and not _is_limit(limit):
            return f"{name} is neither a share such as 0.01 nor a number of rows such as 100"
    if warn is None and hold is None:
        return None
    found = Thresholds(*(limit if isinstance(limit, int | float) else None for limit in (warn, hold)))
    if found.warn is not None and found.hold is not None and _is_share(found.warn) == _is_share(found.hold):
        return found if found.warn <= found.hold else "warn is above hold, and would never be heard"
    return found


def _is_limit(limit: object) -> bool:
    if not isinstance(limit, int | float) or limit is True or limit is False:
        return False
    return 0 <= limit <= 1 if _is_share(limit) else limit >= 1


def _is_share(limit: float) -> bool:
    return type(limit) is float or limit == 0


def _exceeds(failed: int, rows: int, limit: float) -> bool:
    return failed > (limit * rows if _is_share(limit) else limit)


def _words(limit: float) -> str:
    return f"{limit * 100:g}%" if _is_share(limit) else f"{limit:,} rows"


@dataclass(frozen=True)
class CheckFile:
    """A check file as it was read at plan time: these bytes are what the audit executes.

    `name` is empty for a suite (`<asset>.py`), otherwise the middle of `<asset>.<name>.sql`. `references` are the other
    tables that it reads as the run leaves them; `published` are tables that it reads as readers see them. `dialect` is
    the SQL that a row check is written in.
    """

    kind: CheckKind
    path: str
    text: str
    name: str = ""
    severity: Severity = Severity.CRITICAL
    allow_empty: bool = False
    thresholds: Thresholds | None = None
    references: tuple[AssetKey, ...] = ()
    published: tuple[AssetKey, ...] = ()
    dialect: SqlDialect = SqlDialect.DUCKDB


@dataclass(frozen=True)
class Suite:
    """What an asset is checked by, besides its schema, key and rows. `digest` covers everything that can change a
    verdict.
    """

    files: tuple[CheckFile, ...] = ()
    digest: str = ""
    foreign_keys: tuple[ForeignKey, ...] = ()

    @cached_property
    def references(self) -> frozenset[AssetKey]:
        """The tables that its checks read as this run leaves them."""
        named = frozenset(key for file in self.files for key in file.references)
        return named | frozenset(foreign.dimension for foreign in self.foreign_keys)

    @cached_property
    def published(self) -> frozenset[AssetKey]:
        return frozenset(key for file in self.files for key in file.published)


@dataclass(frozen=True)
class DeclaredCheck:
    """A check that an asset has, before it has looked at anything: its name, how much it weighs, and its file.

    `path` is empty for what every asset is checked by: its schema, its key, its rows.
    """

    name: str
    severity: Severity = Severity.CRITICAL
    path: str = ""


NO_CHECKS: Final = Suite()
