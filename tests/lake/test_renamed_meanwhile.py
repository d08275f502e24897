"""A held run whose asset got another name, or none, meanwhile can be gone on with, or says what can be done."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import RunState, StepState
from lakeflow.core.view.findings import Level
from tests.prepared import Prepared

PASSES = "select n from silver.{0} where n > 7\n"
FAILS = "select n from silver.{0} where n > 1\n"


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _make(root: Path, published: bool) -> None:
    _write(
        root,
        {
            "pyproject.toml": "[tool.lakeflow]\n",
            "layers/bronze/n.sql": "select range as n from range(3)\n",
            "layers/silver/h.sql": '/*\nkey = ["n"]\n*/\nselect n from bronze.n\n',
            "checks/silver/h.big.sql": (PASSES if published else FAILS).format("h"),
        },
    )
    with lakeflow.open(root) as lake:
        lake.materialize()
    if published:
        _write(root, {"layers/silver/h.sql": '/*\nkey = ["n"]\n*/\nselect n from bronze.n where n >= 0\n'})
        _write(root, {"checks/silver/h.big.sql": FAILS.format("h")})
        with lakeflow.open(root) as lake:
            lake.materialize("silver.h", force=True)
    with lakeflow.open(root) as lake:
        assert lake.runs()[0].state is RunState.HELD


@pytest.fixture(scope="module", params=["published before", "never published"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("held"), partial(_make, published=request.param == "published before"))


@pytest.fixture
def root(made: Prepared) -> Path:
    """A lake in which silver.h is held."""
    return made.again()


def _rename(root: Path, check: str) -> None:
    layers, checks = root / "layers/silver", root / "checks/silver"
    text = (layers / "h.sql").read_text().replace("*/", 'renamed_from = "silver.h"\n*/', 1)
    (layers / "h.sql").unlink()
    (checks / "h.big.sql").unlink()
    _write(root, {"layers/silver/h2.sql": text, "checks/silver/h2.big.sql": check.format("h2")})


def _is_well(root: Path) -> bool:
    with lakeflow.open(root) as lake:
        return all(one.level is Level.OK for one in lake.doctor())


@pytest.mark.long
def test_a_retry_after_a_rename_audits_and_publishes_it_under_its_new_name(root: Path) -> None:
    _rename(root, PASSES)
    with lakeflow.open(root) as lake:
        run = lake.retry()
        assert run.state is RunState.PUBLISHED
        assert {str(step.asset): step.state for step in run.steps}["silver.h2"] is StepState.PUBLISHED
        assert len(lake.show("silver.h2").values) == 3
        assert lake.status("silver.h2")[0].held == ()
    assert _is_well(root)


@pytest.mark.long
def test_a_retry_after_a_rename_that_is_held_again_is_held_under_its_new_name(root: Path) -> None:
    _rename(root, FAILS)
    with lakeflow.open(root) as lake:
        run = lake.retry()
        assert run.state is RunState.HELD
        assert lake.status("silver.h2")[0].held == (run.id,)
        assert lake.discard(run.id).state is RunState.DISCARDED
    assert _is_well(root)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("reason", [None, "eight is enough"])
def test_a_held_snapshot_is_published_under_its_new_name(root: Path, reason: str | None) -> None:
    _rename(root, PASSES if reason is None else FAILS)
    with lakeflow.open(root) as lake:
        run = lake.publish(lake.runs()[0].id, reason=reason)
        assert run.state is RunState.PUBLISHED
        assert len(lake.show("silver.h2").values) == 3
    assert _is_well(root)


@pytest.mark.parametrize("verb", ["retry", "publish"])
def test_where_no_asset_is_left_the_hint_is_to_discard_it_and_that_works(root: Path, verb: str) -> None:
    (root / "layers/silver/h.sql").unlink()
    (root / "checks/silver/h.big.sql").unlink()
    with lakeflow.open(root) as lake:
        run = lake.runs()[0]
        with pytest.raises(UsageError, match=r"no asset defines silver\.h any more") as raised:
            getattr(lake, verb)(run.id)
        assert raised.value.hint is not None
        assert f"`lakeflow discard {run.id}`" in raised.value.hint
        assert lake.discard(run.id).state is RunState.DISCARDED
