"""What a run did, in OpenLineage's words: each step is a run of the job that its asset is, and each audit one of its
own, because what checks say belongs to the dataset that they read.

No SQL stands in them and no value of the data: a check of a check file is told by its kind and its column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from lakeflow.core.drawing.openlineage import PRODUCER, DatasetWriter, facet
from lakeflow.core.model.asset import Project
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import CheckResult, RunRecord, StepRecord, StepState
from lakeflow.core.values import dataclass

_EVENT: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_ENDS: Final[Mapping[StepState, str]] = {
    StepState.PUBLISHED: "COMPLETE",
    StepState.UNCHANGED: "COMPLETE",
    StepState.AUDITED: "COMPLETE",
    StepState.HELD: "FAIL",
    StepState.ERRORED: "FAIL",
    StepState.CONFLICT: "FAIL",
}
"""How a step ended. One that was skipped never began, and a later decision about one is no run of it."""
_SEVERITIES: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "error",
    Severity.WARNING: "warn",
    Severity.INFO: "warn",
}


@dataclass(frozen=True)
class RunTeller:
    """Tells of the runs of a lake. `id` is the lake's own, so that the ids of runs are the same however often they are
    told, and no other lake's.
    """

    project: Project
    datasets: DatasetWriter
    id: str

    def events(self, run: RunRecord) -> Iterator[dict[str, Any]]:
        """START and COMPLETE or FAIL of each step, and of its audit, in their order."""
        for step in run.steps:
            end = _ENDS.get(step.state) if step.state else None
            # An asset that was taken out of the project since has no columns to tell of.
            if end is not None and step.asset in self.project.assets:
                yield from self._step(run, step, end)
                if step.checks and step.snapshot_id is not None:
                    yield from self._audit(run, step)

    def _step(self, run: RunRecord, step: StepRecord, end: str) -> Iterator[dict[str, Any]]:
        ended = step.ended_at or run.ended_at or run.started_at
        began = max(ended - timedelta(seconds=step.seconds), run.started_at)
        inputs = [_versioned(self.datasets.input(table), number) for table, number in sorted(step.inputs.items())]
        output = self.datasets.output(self.project.assets[step.asset])
        written = output if step.snapshot_id is None else _versioned(output, step.snapshot_id)
        if step.rows is not None:
            rows = facet("1-0-2", "OutputStatisticsOutputDatasetFacet", {"rowCount": step.rows})
            written = {**written, "outputFacets": {"outputStatistics": rows}}
        facets = {} if end == "COMPLETE" else {"errorMessage": _failure(run, step)}
        job, number = str(step.asset), self._run_id(run, step, "write")
        yield self._event("START", began, job, (number, {}), (inputs, []))
        yield self._event(end, ended, job, (number, facets), (inputs, [written]))

    def _audit(self, run: RunRecord, step: StepRecord) -> Iterator[dict[str, Any]]:
        assert step.snapshot_id is not None, "something was audited"
        ended = step.ended_at or run.ended_at or run.started_at
        read = _versioned(self.datasets.input(str(step.asset)), step.snapshot_id)
        said = [_assertion(check) for check in step.checks if check.outcome is not Outcome.SKIPPED]
        told = facet("1-1-0", "DataQualityAssertionsDatasetFacet", {"assertions": said})
        audited = {**read, "inputFacets": {"dataQualityAssertions": told}}
        parent = {
            "run": {"runId": self._run_id(run, step, "write")},
            "job": {"namespace": self.datasets.namespace, "name": str(step.asset)},
        }
        facets = {"parent": facet("1-2-0", "ParentRunFacet", parent)}
        end = "FAIL" if any(check.holds for check in step.checks) else "COMPLETE"
        job, number = f"{step.asset}.audit", self._run_id(run, step, "audit")
        yield self._event("START", ended, job, (number, facets), ([read], []))
        yield self._event(end, ended, job, (number, facets), ([audited], []))

    def _event(
        self,
        kind: str,
        at: datetime,
        job: str,
        run: tuple[str, Mapping[str, Any]],
        datasets: tuple[list[dict[str, Any]], list[dict[str, Any]]],
    ) -> dict[str, Any]:
        said = {"processingType": "BATCH", "integration": "LAKEFLOW", "jobType": "ASSET"}
        facets = {"jobType": facet("2-0-4", "JobTypeJobFacet", said)}
        return {
            "eventType": kind,
            "eventTime": at.astimezone(UTC).isoformat(),
            "producer": PRODUCER,
            "schemaURL": _EVENT,
            "run": {"runId": run[0], "facets": dict(run[1])},
            "job": {"namespace": self.datasets.namespace, "name": job, "facets": facets},
            "inputs": datasets[0],
            "outputs": datasets[1],
        }

    def _run_id(self, run: RunRecord, step: StepRecord, what: str) -> str:
        # A step that is decided upon later is the same attempt with another end.
        return str(uuid5(NAMESPACE_URL, f"lakeflow:{self.id}:{run.id}:{step.asset}:{step.attempt}:{what}"))


def _versioned(dataset: dict[str, Any], snapshot: int) -> dict[str, Any]:
    version = facet("1-0-1", "DatasetVersionDatasetFacet", {"datasetVersion": str(snapshot)})
    return {**dataset, "facets": {**dataset["facets"], "version": version}}


def _failure(run: RunRecord, step: StepRecord) -> dict[str, Any]:
    """Where its rows wait, and who tells why: reasons may name values, and go nowhere from here."""
    left = "" if step.state is StepState.ERRORED else f"; its rows wait on the branch {run.branch}"
    message = f"{step.asset} is {step.state}{left}. `lakeflow runs {run.id}` tells why."
    return facet("1-0-1", "ErrorMessageRunFacet", {"message": message, "programmingLanguage": "SQL"})


def _assertion(check: CheckResult) -> dict[str, Any]:
    """An expectation is told by its kind and its column: its name may hold the values that it allows."""
    found: dict[str, Any] = {
        "assertion": "custom_sql" if check.path.endswith(".sql") else check.name,
        "success": check.outcome is Outcome.PASSED,
        "severity": "error" if check.outcome is Outcome.ERRORED else _SEVERITIES[check.severity],
    }
    if check.path.endswith(".sql"):
        return found | {"name": check.path}
    if not check.path:
        return found
    said = check.evidence.get("expectation", {})
    column = said.get("kwargs", {}).get("column")
    found["assertion"] = str(said.get("type", "function"))
    return found | ({"column": column} if isinstance(column, str) else {}) | {"name": check.path}
