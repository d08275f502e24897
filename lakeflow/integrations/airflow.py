"""A lake in Airflow 3 (the extra `airflow`): `LakeflowOperator`, tasks of a lake, and the assets that they tell of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import lakeflow
from lakeflow.core.errors import BusyError, CodeError, ConfigError, ConflictError, LakeError, LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import RunState, StepState
from lakeflow.integrations.asked import WAIT, AskedRun, Came, carry_out
from lakeflow.lake.lake import look

try:
    from airflow.sdk import Asset, AssetAlias, BaseOperator
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
    from airflow.triggers.base import BaseTrigger, TriggerEvent
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("airflow"):
        raise
    raise ConfigError("Airflow 3 is not installed here", hint='pip install "lakeflow-wap[airflow]"') from None

if TYPE_CHECKING:
    from airflow.sdk import Context

    from lakeflow.lake.lake import Lake

By = Literal["asset", "layer", "lake"]
_LATER: Final = (BusyError, ConflictError, CodeError, LakeError)
_AT_NIGHT: Final = 15.0
_MANY: Final = 200


def lake_asset(path: str | Path, asset: str) -> Asset:
    """An asset of the lake around `path` as Airflow's: what a DAG is scheduled on, to run after its publish."""
    lake, (layer, name) = Path(path).absolute().name, asset.split(".")
    return Asset(name=f"{lake}.{asset}", uri=f"lakeflow://{lake}/{layer}/{name}", group=layer)


class LakeflowOperator(BaseOperator):
    """Writes, audits and publishes the selected assets of a lake in one run.

    An event of each asset is told when the task has ended well, and thus after the publish; of what is held there is
    none, and the task fails without another try. `wait` is how many seconds to wait for another run; with `deferrable`
    the task gives its worker back meanwhile, and waits for as long as it takes. A second try publishes nothing twice.
    """

    template_fields: Sequence[str] = ("path", "selection", "exclude")

    def __init__(  # noqa: PLR0913 - the words of the command line
        self,
        *,
        path: str = ".",
        selection: Sequence[str] = (),
        exclude: str = "",
        settings: Mapping[str, str] | None = None,
        wait: float = WAIT,
        deferrable: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(outlets=[AssetAlias(f"lakeflow:{options.get('task_id', '')}")], **options)
        self.path = path
        self.selection = list(selection)
        self.exclude = exclude
        self.settings = dict(settings or {})
        self.wait = wait
        self.deferrable = deferrable

    def execute(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, str]:
        """What each asset came to, by its name: `published`, or `fresh` where there was nothing to do."""
        del event
        ti = context["ti"]
        task = f"airflow {ti.dag_id}/{ti.task_id}"
        actor = f"{task} {ti.run_id}{'' if ti.map_index < 0 else f' {ti.map_index}'}"
        try:
            with lakeflow.open(self.path, settings=self.settings) as lake:
                keys = _chosen(lake, self.selection, self.exclude)
            work = AskedRun(keys, actor, None, 0.0 if self.deferrable else self.wait, self.log.info)
            came = carry_out(lakeflow.open(self.path, settings=self.settings), work)
        except BusyError as error:
            if not self.deferrable:
                raise AirflowException(_said(error)) from error
            self.log.info("%s; the task waits without a worker", error.message)
            self.defer(
                trigger=LeaseTrigger(self.path, [str(key) for key in keys], self.settings), method_name="execute"
            )
        except LakeflowError as error:
            raise (AirflowException if isinstance(error, _LATER) else AirflowFailException)(_said(error)) from error
        self._refuse_held(came)
        self._tell(context, came, task)
        return {str(one.asset): "published" if one.wrote else "fresh" for one in came}

    def _refuse_held(self, came: Sequence[Came]) -> None:
        left = [one for one in came if not one.good]
        if not left:
            return
        said = "; ".join(f"{one.asset}: {one.why}" for one in left)
        again = any(one.step and one.step.state in {StepState.ERRORED, StepState.CONFLICT} for one in left)
        raise (AirflowException if again else AirflowFailException)(f"{said} ({left[0].branch}). {left[0].hint}")

    def _tell(self, context: Context, came: Sequence[Came], task: str) -> None:
        """An event for each asset that this task brought to readers, now or in a try that failed for another asset."""
        told = context["outlet_events"][self.outlets[0]]
        with lakeflow.open(self.path, settings=self.settings) as lake:
            standing = {one.asset: one for one in lake.status(*(str(one.asset) for one in came))}
            untold = _untold(lake, task)
            name = Path(lake.project.root)
        for one in came:
            if one.wrote or one.asset in untold:
                status = standing[one.asset]
                said = {"run": one.run, "snapshot": str(status.snapshot_id), "rows": status.rows}
                told.add(lake_asset(name, str(one.asset)), extra=said)


def tasks(path: str, *selection: str, by: By = "layer", exclude: str = "", **options: Any) -> dict[str, Any]:
    """An operator for each asset, each layer or the whole selection, in the DAG around this call, each after what its
    assets are made from; by task id. `options` are those of `LakeflowOperator`.

    The lake is only looked at: no Python code of it runs while Airflow reads its DAGs.
    """
    lake = look(path)
    keys = _chosen(lake, selection, exclude)
    groups: dict[str, list[AssetKey]] = {}
    for key in keys:
        groups.setdefault({"asset": str(key), "layer": str(key.layer), "lake": "lake"}[by], []).append(key)
    made = {
        name: LakeflowOperator(task_id=name, path=path, selection=[str(key) for key in group], **options)
        for name, group in groups.items()
    }
    of = {key: name for name, group in groups.items() for key in group}
    for key in keys:
        for above in lake.project.assets[key].upstreams & of.keys():
            if of[above] != of[key] and of[above] not in made[of[key]].upstream_task_ids:
                made[of[above]] >> made[of[key]]
    return made


class LeaseTrigger(BaseTrigger):
    """Waits until no run is at work on these assets."""

    def __init__(self, path: str, assets: list[str], settings: Mapping[str, str], pause: float = _AT_NIGHT) -> None:
        super().__init__()
        self.path = path
        self.assets = assets
        self.settings = dict(settings)
        self.pause = pause

    def serialize(self) -> tuple[str, dict[str, Any]]:
        said = {"path": self.path, "assets": self.assets, "settings": self.settings, "pause": self.pause}
        return "lakeflow.integrations.airflow.LeaseTrigger", said

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while await asyncio.to_thread(self._is_held):
            await asyncio.sleep(self.pause)
        yield TriggerEvent({"assets": self.assets})

    def _is_held(self) -> bool:
        with look(self.path, settings=self.settings) as lake:
            return any(str(key) in self.assets for one in lake.at_work() for key in one.assets)


def _chosen(lake: Any, selection: Sequence[str], exclude: str) -> tuple[AssetKey, ...]:
    return tuple(key for key in lake.select(*selection, exclude=exclude) if owner_of(key) is None)


def _untold(lake: Lake, task: str) -> frozenset[AssetKey]:
    """What this task published in a run that did not publish all: it failed then, and Airflow was told nothing."""
    newest: dict[AssetKey, bool] = {}
    for run in lake.runs(_MANY):
        for step in run.steps:
            if step.state is StepState.PUBLISHED and step.asset not in newest:
                newest[step.asset] = run.actor.startswith(f"{task} ") and run.state is not RunState.PUBLISHED
    return frozenset(key for key, untold in newest.items() if untold)


def _said(error: LakeflowError) -> str:
    return f"{error.message}. {error.hint}" if error.hint else error.message
