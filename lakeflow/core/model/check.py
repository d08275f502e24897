"""What a check is: its severity and outcome, the file it stands in, and the suite of an asset."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lakeflow.core.keys import AssetKey


class Severity(StrEnum):
    """Great Expectations' own words; only `critical` holds a publish."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Outcome(StrEnum):
    """What a check said. `failed`: the data is bad. `errored`: the check could not look."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class ForeignKey:
    """A column whose values must stand in a dimension's key; NULL refers to nothing.

    Where the dimension keeps a history, `at` is the column of the fact that says when: a version must have held then.
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
class CheckFile:
    """A check file as it was read at plan time: these bytes are what the audit executes.

    `name` is empty for a suite (`<asset>.py`), else the middle of `<asset>.<name>.sql`.
    `references` are the tables that it reads besides its own asset; `published` those read as readers see them.
    """

    kind: CheckKind
    path: str
    text: str
    name: str = ""
    severity: Severity = Severity.CRITICAL
    allow_empty: bool = False
    references: tuple[AssetKey, ...] = ()
    published: tuple[AssetKey, ...] = ()


@dataclass(frozen=True)
class Suite:
    """What an asset is checked by, besides its schema, key and rows; `digest` is of all that can change a verdict."""

    files: tuple[CheckFile, ...] = ()
    digest: str = ""
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def references(self) -> frozenset[AssetKey]:
        """The tables that checks read as this run leaves them."""
        named = frozenset(key for file in self.files for key in file.references)
        return named | frozenset(foreign.dimension for foreign in self.foreign_keys)

    @property
    def published(self) -> frozenset[AssetKey]:
        return frozenset(key for file in self.files for key in file.published)


NO_CHECKS: Final = Suite()
