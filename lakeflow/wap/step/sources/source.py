"""What one step reads and writes, as one value: chosen once, when the step begins, so that its story asks no kind.

1. Does it bring anything?            `nothing` and `waits`
2. What does the code get?            `asset`, `inputs`, `produce`, or `without_code`
3. What does its snapshot say?        `said`, with the sidecars that it names
4. Does what was written go further?  `lost`, `came_to_nothing` and `tells_news`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Self

from lakeflow.core.keys import TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import StepRecord, StepState
from lakeflow.core.model.table import Scan
from lakeflow.core.plan.partitions import Pending
from lakeflow.core.plan.planning import Step
from lakeflow.core.plan.reasons import TO_AUDIT, Cause
from lakeflow.core.ports import Produced
from lakeflow.core.run.code_terms import Terms
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.quarantine import Quarantine


@dataclass(frozen=True)
class Nothing:
    """There is nothing to publish, and `why`; main stays. `main` is the snapshot that the step's record names then.

    `verdict` is what was found of main by today's code; it is recorded, so that nobody has to find it again.
    """

    why: str
    main: int | None = None
    verdict: str = ""


UNCHANGED_INPUTS = Nothing("its inputs turned out unchanged")


@dataclass(frozen=True)
class Source:
    """By itself: all rows of all inputs, as they are pinned. A kind answers only what is another thing for it.

    `asset` is the asset as this write treats it, of what is `declared`; `quarantine` takes the rows that checks refuse.
    """

    declared: Asset
    asset: Asset
    quarantine: Quarantine

    def opened(self, attempt: Attempt, record: StepRecord) -> StepRecord:
        """The step's record with what its rows are made from."""
        return record

    def settled(self, attempt: Attempt) -> Self:
        """The same once the steps above have ended: one of them may have ended unchanged, which no plan knows."""
        return self

    def nothing(self, attempt: Attempt, step: Step) -> Nothing | None:
        """Why nothing has to be written after all, where the steps above were the only reason to write."""
        if {reason.cause for reason in step.reasons} - TO_AUDIT != {Cause.UPSTREAM_RUNS}:
            return None
        still = {StepState.UNCHANGED, StepState.AUDITED}
        stands = all(attempt.step(key).state in still for key in step.upstreams)
        return UNCHANGED_INPUTS if stands or self.is_empty else None

    @property
    def is_empty(self) -> bool:
        """Is there no row to read, although inputs were written?"""
        return False

    @property
    def waits(self) -> str:
        """Why a person must decide first; then nothing is read."""
        return ""

    def inputs(self, attempt: Attempt) -> Mapping[TableKey, Scan]:
        """The pinned scans that the code reads."""
        return attempt.inputs(self.asset)

    @property
    def partitions(self) -> tuple[Pending, ...]:
        """Those in time that are built, window by window, all in one write; empty: the asset is not built so."""
        return ()

    def without_code(self, attempt: Attempt) -> Computed | None:
        """What is written where no code has to run for it."""
        return None

    def produce(
        self, attempt: Attempt, inputs: Mapping[TableKey, Scan], terms: Terms
    ) -> AbstractContextManager[Produced]:
        """Run the code."""
        return attempt.world.engine.produce(self.asset, inputs, terms)

    def refusals(self, found: Iterable[Refusal]) -> tuple[Refusal, ...]:
        """The checks that may refuse rows of this write, and how many of them."""
        return tuple(found)

    def said(self, attempt: Attempt, record: StepRecord, computed: Computed, made: Provenance) -> Provenance:
        """What the snapshot says of where its rows come from; sidecars that it names are written."""
        return replace(made, readmitted=self.quarantine.position(computed.table, made))

    def lost(self, attempt: Attempt, record: StepRecord) -> str:
        """Why what was written must wait for a person; empty when it need not."""
        return ""

    def came_to_nothing(self, attempt: Attempt, record: StepRecord) -> Nothing | None:
        """Why what was written is dropped unseen."""
        return None

    def tells_news(self, attempt: Attempt, record: StepRecord) -> bool:
        """Does the snapshot say what main's does not, so that it is published even with the same rows?"""
        return False
