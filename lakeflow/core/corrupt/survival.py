"""What an asset's checks said of corrupted copies: which faults readers would have seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from lakeflow.core.corrupt.corruption import Corruption
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult
from lakeflow.core.values import dataclass


class Survival(StrEnum):
    """Would the corruption have reached readers? `caught`: the run would be held. `warned`: published, with a warning.
    `missed`: published, and nobody told. `not_applicable`: it changes nothing in this table.
    """

    MISSED = "missed"
    WARNED = "warned"
    CAUGHT = "caught"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class CorruptionResult:
    """What became of one corruption. `rows` is how many it changed, `caught_by` the checks that would hold it,
    `warned_by` those that would only say so, `suggested` the checks that `suggest` proposes and that would fail. `why`
    says why it is not applicable.
    """

    corruption: Corruption
    state: Survival
    rows: int = 0
    caught_by: tuple[str, ...] = ()
    warned_by: tuple[str, ...] = ()
    suggested: tuple[str, ...] = ()
    why: str = ""

    @property
    def survives(self) -> bool:
        """Would readers see it?"""
        return self.state in {Survival.MISSED, Survival.WARNED}


@dataclass(frozen=True)
class MutationReport:
    """The worth of an asset's checks, by what they say of corrupted copies of one snapshot. `failing` are checks that
    fail on the snapshot as it is: they catch nothing.
    """

    asset: AssetKey
    snapshot_id: int
    share: float
    seed: int
    results: tuple[CorruptionResult, ...]
    failing: tuple[str, ...] = ()

    @property
    def survivors(self) -> tuple[CorruptionResult, ...]:
        return tuple(each for each in self.results if each.survives)

    def count(self, state: Survival) -> int:
        return sum(each.state is state for each in self.results)


def judged(
    corruption: Corruption, rows: int, before: Sequence[CheckResult], after: Sequence[CheckResult], proposed: str
) -> CorruptionResult:
    """What the checks say of the copy that they did not say of the table itself. Those of the file `proposed` are no
    checks of the asset yet.
    """
    known = {(check.path, check.name): check for check in before}
    new = [check for check in after if _is_worse(check, known.get((check.path, check.name)))]
    own = [check for check in new if check.path != proposed]
    caught = tuple(check.name for check in own if check.holds)
    warned = tuple(check.name for check in own if not check.holds)
    state = Survival.CAUGHT if caught else Survival.WARNED if warned else Survival.MISSED
    suggested = () if caught else _helpful([check for check in new if check.path == proposed], warned=bool(warned))
    return CorruptionResult(corruption, state, rows, caught, warned, suggested)


def failing(checks: Iterable[CheckResult], proposed: str) -> tuple[str, ...]:
    """The asset's checks that fail on the table as it is."""
    return tuple(check.name for check in checks if check.path != proposed and _fails(check))


def worst_first(results: Iterable[CorruptionResult]) -> tuple[CorruptionResult, ...]:
    """What nobody would notice comes first, each in the order in which it was tried."""
    order = list(Survival)
    return tuple(sorted(results, key=lambda each: order.index(each.state)))


def _helpful(checks: Sequence[CheckResult], *, warned: bool) -> tuple[str, ...]:
    """Proposed checks that would say more than is said already: where something warns, only those that would hold."""
    return tuple(check.name for check in checks if check.holds or not warned)


def _is_worse(check: CheckResult, before: CheckResult | None) -> bool:
    if before is None:
        return _fails(check)
    return (_fails(check) and not _fails(before)) or (check.holds and not before.holds)


def _fails(check: CheckResult) -> bool:
    return check.outcome in {Outcome.FAILED, Outcome.ERRORED}
