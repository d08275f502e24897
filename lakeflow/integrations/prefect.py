"""A lake in Prefect (the extra `prefect`): the block `LakeflowLake`, and the flow `materialize`."""

from __future__ import annotations

from typing import Any, Final

import lakeflow
from lakeflow.core.errors import BusyError, CodeError, ConfigError, ConflictError, LakeError, LakeflowError
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import StepState
from lakeflow.integrations.asked import WAIT, AskedRun, Came, carry_out

try:
    from prefect import flow, get_run_logger, task
    from prefect.artifacts import create_table_artifact
    from prefect.blocks.core import Block
    from prefect.context import FlowRunContext
    from prefect.events import emit_event
    from pydantic import Field, SecretStr
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("prefect"):
        raise
    raise ConfigError("Prefect is not installed here", hint='pip install "lakeflow-wap[prefect]"') from None

_LATER: Final = (BusyError, ConflictError, CodeError, LakeError)


class LakeflowLake(Block):
    """Where a lake is. `settings` override its own, and may hold secrets; `wait` is how many seconds to wait for
    another run.
    """

    _block_type_name = "Lake"
    _block_type_slug = "lakeflow-lake"

    path: str = "."
    settings: dict[str, SecretStr] = Field(default_factory=dict)
    wait: float = WAIT

    def open(self) -> lakeflow.Lake:
        """The lake, to use in a `with` statement."""
        said = {name: value.get_secret_value() for name, value in self.settings.items()}
        return lakeflow.open(self.path, settings=said)


class HeldError(Exception):
    """Something that was asked for did not reach readers: why, and what to type. What did, stays."""


def _may_go_better(_task: Any, _run: Any, state: Any) -> bool:
    """What checks hold, and what was asked wrongly, stays as it is however often it is tried."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, HeldError | LakeflowError) or isinstance(error, _LATER)


@task(name="run of a lake", retry_condition_fn=_may_go_better)
def run_lake(lake: LakeflowLake, selection: list[str], exclude: str, actor: str) -> dict[str, str]:
    """One run of the lake; what each asset came to, by its name."""
    with lake.open() as opened:
        keys = tuple(key for key in opened.select(*selection, exclude=exclude) if owner_of(key) is None)
    came = carry_out(lake.open(), AskedRun(keys, actor, None, lake.wait, get_run_logger().info))
    _tell(lake, came)
    left = [one for one in came if not one.good]
    said = "; ".join(f"{one.asset}: {one.why}" for one in left)
    if any(one.step and one.step.state in {StepState.ERRORED, StepState.CONFLICT} for one in left):
        raise CodeError(said, hint=left[0].hint)
    if left:
        raise HeldError(f"{said} ({left[0].branch}). {left[0].hint}")
    return {str(one.asset): "published" if one.wrote else "fresh" for one in came}


@flow(name="lakeflow materialize")
def materialize(
    lake: LakeflowLake, selection: list[str] | None = None, exclude: str = "", retries: int = 0, pause: float = 60.0
) -> dict[str, str]:
    """Write, audit and publish the selected assets in one run of the lake; what each came to, by its name.

    The flow fails where something is held, which is not tried again; code that failed is, `retries` times. A table of
    all assets is left as an artifact, and an event is sent of each that readers see anew, after the publish.
    """
    context = FlowRunContext.get()
    assert context is not None, "a flow runs"
    assert context.flow_run is not None, "a flow runs"
    tried = run_lake.with_options(retries=retries, retry_delay_seconds=pause)
    return tried(lake, list(selection or ()), exclude, f"prefect flow run {context.flow_run.id}")


def _tell(lake: LakeflowLake, came: tuple[Came, ...]) -> None:
    with lake.open() as opened:
        standing = {one.asset: one for one in opened.status(*(str(one.asset) for one in came))}
        name = opened.project.root.rpartition("/")[2]
    rows = [
        {
            "asset": str(one.asset),
            "came to": _word(one),
            "rows": standing[one.asset].rows,
            "why": one.why,
            "run": one.run,
        }
        for one in came
    ]
    create_table_artifact(table=rows, key="lakeflow-run", description="What each asset of the lake came to.")
    for one in came:
        if one.wrote:
            said = {"run": one.run, "snapshot": str(standing[one.asset].snapshot_id), "rows": standing[one.asset].rows}
            resource = {"prefect.resource.id": f"lakeflow.{name}.{one.asset}", "prefect.resource.name": str(one.asset)}
            emit_event(event="lakeflow.asset.published", resource=resource, payload=said)


def _word(one: Came) -> str:
    if one.good:
        return "published" if one.wrote else "fresh"
    return str(one.step.state) if one.step else "held"
