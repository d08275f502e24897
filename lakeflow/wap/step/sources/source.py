"""What one step reads and writes, as one value. It is chosen once, so no later code asks what kind of step it is.

1. Does it bring anything?            `nothing` and `waits`
2. What does the code get?            `asset`, `inputs`, `produce`, or `without_code`
3. What does its snapshot say?        `said`, with the sidecars that it names
4. Does what was written go further?  `lost`, `came_to_nothing` and `tells_news`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Self

from lakeflow.core.keys import TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import StepRecord, StepState
from lakeflow.core.model.table import Scan
from lakeflow.core.plan.in_time.partitions import Pending
from lakeflow.core.plan.planning import Step
from lakeflow.core.plan.reasons import TO_AUDIT, Cause
from lakeflow.core.ports.engine import Produced
from lakeflow.core.run.code_terms import Terms
from lakeflow.core.values import dataclass
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.quarantine import Quarantine


@dataclass(frozen=True)
class Nothing:
    """Main stays, because there is nothing to publish: `why` says the reason. `main` is the snapshot that the step's
    record names then.

    `verdict` is what today's code found out about main. It is recorded, so that nobody has to find it out again.
    """

    why: str
    main: int | None = None
    verdict: str = ""


UNCHANGED_INPUTS = Nothing("its inputs turned out unchanged")


@dataclass(frozen=True)
class Source:
    """By default, all rows of all inputs, as they are pinned. Each kind overrides only what differs.

    `declared` is the asset as its author wrote it, `asset` the same as this write treats it. `quarantine` takes the
    rows that checks refuse.
    """

    declared: Asset
    asset: Asset
    quarantine: Quarantine

    def opened(self, attempt: Attempt, record: StepRecord) -> StepRecord:
        """Add to the step's record what its rows are made from."""
        return record

    def settled(self, attempt: Attempt) -> Self:
        """Decide again after the steps above have ended: one of them may have ended unchanged, which no plan knows."""
        return self

    def nothing(self, attempt: Attempt, step: Step) -> Nothing | None:
        """Give the reason why nothing has to be written after all. Asked where only the steps above were a reason to
        write.
        """
        if {reason.cause for reason in step.reasons} - TO_AUDIT != {Cause.UPSTREAM_RUNS}:
            return None
        still = {StepState.UNCHANGED, StepState.AUDITED}
        stands = all(attempt.step(key).state in still for key in step.upstreams)
        return UNCHANGED_INPUTS if stands or self.is_empty else None

    @property
    def is_empty(self) -> bool:
        """Were inputs written, but without a row to read?"""
        return False

    @property
    def waits(self) -> str:
        """Why a person must decide first; then nothing is read. Empty when nobody must."""
        return ""

    def inputs(self, attempt: Attempt) -> Mapping[TableKey, Scan]:
        """The pinned scans that the code reads."""
        return attempt.inputs(self.asset)

    @property
    def partitions(self) -> tuple[Pending, ...]:
        """The partitions in time that this one write builds, window by window; empty for an asset without such
        partitions.
        """
        return ()

    def without_code(self, attempt: Attempt) -> Computed | None:
        """What to write when no code has to run; None when the code must run."""
        return None

    def produce(
        self, attempt: Attempt, inputs: Mapping[TableKey, Scan], terms: Terms
    ) -> AbstractContextManager[Produced]:
        """Run the asset's code on the inputs."""
        return attempt.world.engine.produce(self.asset, inputs, terms)

    def refusals(self, found: Iterable[Refusal]) -> tuple[Refusal, ...]:
        """The checks that may refuse rows of this write, each with its limit."""
        return tuple(found)

    def said(self, attempt: Attempt, record: StepRecord, computed: Computed, made: Provenance) -> Provenance:
        """Add to the provenance where the rows come from, and write the sidecars that it names."""
        return replace(made, readmitted=self.quarantine.position(computed.table, made))

    def lost(self, attempt: Attempt, record: StepRecord) -> str:
        """Why a person must look at the written rows first; empty when nobody must."""
        return ""

    def came_to_nothing(self, attempt: Attempt, record: StepRecord) -> Nothing | None:
        """Why the written rows are dropped without an audit; None when they are not."""
        return None

    def tells_news(self, attempt: Attempt, record: StepRecord) -> bool:
        """Does the snapshot record what main's does not? Then it is published even with equal rows."""
        return False
