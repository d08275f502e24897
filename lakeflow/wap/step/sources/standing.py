"""Steps that read nothing: main is only audited, or a person must decide first."""

from __future__ import annotations

from typing import Final

from lakeflow.core.plan.planning import Step
from lakeflow.core.values import dataclass
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.sources.source import Nothing, Source

_STAYS: Final = Nothing("what its checks refer to stays as it is")


@dataclass(frozen=True)
class Standing(Source):
    """The plan asks for an audit of main, and for no write."""

    def nothing(self, attempt: Attempt, step: Step) -> Nothing | None:
        return _STAYS


@dataclass(frozen=True)
class Undecided(Source):
    """The author forbids a rebuild, or a rebuild could not restore main's rows: a person decides."""

    why: str

    @property
    def waits(self) -> str:
        return self.why
