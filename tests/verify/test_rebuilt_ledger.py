"""A ledger that was lost is given back what the tables know, all or nothing; the rest is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import lakeflow
from lakeflow.cli.main import run as command
from lakeflow.core.errors import BusyError, LakeError, LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Ruling, RunState
from lakeflow.lake.care import doctor, rebuild_ledger
from lakeflow.lake.lake import look
from lakeflow.lake.reading import ReadableLake
from tests.prepared import Prepared
from tests.verify.lab import LEDGER, execute, make, ours, theirs, verified, without_ledger, wrote

SILVER = AssetKey.parse("silver.numbers")


def with_a_past(root: Path) -> None:
    """Two publishes, one by force, one that was rolled back, and one that is held."""
    make(root)
    for name, rows, reason in (("c", "500,much", "agreed"), ("d", "4,four", None), ("e", "600,more", None)):
        wrote(root, {f"in/{name}.csv": f"n,note\n{rows}\n"})
        with lakeflow.open(root) as lake:
            run = lake.materialize()
            assert run is not None
            if reason:
                lake.publish(run.id, reason=reason)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("rebuilt"), with_a_past)


@pytest.fixture
def lake(prepared: Prepared) -> Path:
    return prepared.again()


def tables(root: Path) -> set[str]:
    return {row[0] for row in execute(root, "select name from sqlite_master where type = 'table'")}


def published(root: Path) -> set[tuple[object, ...]]:
    with look(root) as lake:
        said = lake._world.ledger.verdicts(lake.project.assets)
        return {
            (key, one.snapshot_id, one.ruling, one.run, one.at, one.reason, one.passed, one.total, str(one.inputs))
            for key, several in said.items()
            for one in several
            if one.ruling in {Ruling.PUBLISH, Ruling.FORCED}
        }


@pytest.mark.long
@pytest.mark.parametrize("which", ["its tables", "the record of its layout and the lake's id too", "its rows"])
def test_runs_and_verdicts_come_back_as_the_proofs_tell_them(lake: Path, which: str) -> None:
    before, shown = published(lake), verified(lake)
    with look(lake) as opened:
        states = {run.id: run.state for run in opened.runs()}
    if which == "its rows":
        execute(lake, *(f"delete from {name}" for name in LEDGER))
    else:
        without_ledger(lake)
    if "layout" in which:
        execute(lake, "drop table lakeflow_migrations", "drop table lakeflow_lake")
    assert verified(lake).forced == shown.forced
    assert verified(lake).faults == shown.faults
    done = rebuild_ledger(lake)
    assert published(lake) == before
    with look(lake) as opened:
        again = {run.id: run.state for run in opened.runs()}
    # That a later run superseded a branch, only the ledger knew.
    held = {RunState.HELD: RunState.HELD, RunState.SUPERSEDED: RunState.HELD}
    assert again == {run: held.get(state, state) for run, state in states.items() if run in again}
    assert {RunState.PUBLISHED, RunState.HELD} <= set(again.values())
    assert (done.runs, done.verdicts) == (len(again), len(before))
    assert any("runs that published nothing" in one for one in done.not_restored)
    assert verified(lake).is_sound, verified(lake).faults
    assert verified(lake).has_ledger
    assert not [one for one in doctor(lake) if one.level != "ok"]
    assert rebuild_ledger(lake).not_restored == ()


@pytest.mark.parametrize("name", LEDGER[:4])
def test_any_one_table_that_is_lost_comes_back_among_the_others(lake: Path, name: str) -> None:
    before = published(lake)
    execute(lake, f"drop table {name}")
    assert verified(lake).is_sound
    assert rebuild_ledger(lake).tables == (name,)
    assert published(lake) == before
    found = [one.message for one in verified(lake).faults]
    assert not found, found


@pytest.mark.long
def test_what_would_change_the_lake_says_that_the_ledger_is_lost_and_what_to_type(lake: Path) -> None:
    runs = [run.id for run in look(lake).runs() if run.state == "published" and run.steps]
    (lake / "layers/silver/numbers.sql").write_text(
        "/*\nkey = ['n']\n*/\nselect n, note || '' as note from bronze.numbers\n"
    )
    without_ledger(lake)
    acts: list[Callable[[lakeflow.Lake], object]] = [
        lambda opened: opened.materialize(),
        lambda opened: opened.rollback(runs[0], force=True),
        lambda opened: opened.tag("v1"),
        lambda opened: opened.collect_garbage(),
        lambda opened: opened.compact(),
        lambda opened: opened.drop("silver.nobody"),
    ]
    mains = published(lake)
    for act in acts:
        with lakeflow.open(lake) as opened, pytest.raises(LakeflowError) as caught:
            act(opened)
        assert "has lost the table lakeflow_" in caught.value.message or "nobody" in caught.value.message
        assert "lakeflow" in (caught.value.hint or "")
    assert published(lake) == mains
    found = [one for one in doctor(lake) if one.level == "problem"]
    assert all("--rebuild-ledger" in one.hint for one in found)
    assert found


def test_it_is_refused_while_a_run_is_at_work(lake: Path) -> None:
    with look(lake) as opened:
        me = opened._world.invocation.holder
    execute(lake, "drop table lakeflow_verdicts")
    now = "2999-01-01T00:00:00.000000+00:00"
    with closing(sqlite3.connect(lake / ".lakeflow/catalog.db")) as connection, connection:
        row = ("silver.numbers", "r", "t", me.host, me.boot_id, me.pid, me.process_started, now, now)
        connection.execute("insert into lakeflow_leases values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    with pytest.raises(BusyError):
        rebuild_ledger(lake)
    assert "lakeflow_verdicts" not in tables(lake)
    assert command(["-C", str(lake), "doctor", "--rebuild-ledger"]) == 4


def test_it_happens_whole_or_not_at_all(lake: Path) -> None:
    execute(
        lake,
        "drop table lakeflow_verdicts",
        "delete from lakeflow_runs",
        "delete from lakeflow_steps",
        "create trigger never before insert on lakeflow_checks begin select raise(abort, 'never'); end",
    )
    with pytest.raises(LakeError, match="never"):
        rebuild_ledger(lake)
    assert "lakeflow_verdicts" not in tables(lake)
    assert execute(lake, "select count(*) from lakeflow_runs") == [(0,)]
    execute(lake, "drop trigger never")
    assert rebuild_ledger(lake).runs


def test_a_snapshot_without_a_proof_gets_no_verdict_and_is_named(lake: Path) -> None:
    with theirs(lake, str(SILVER)) as table:
        table.append(table.scan().to_arrow())
        new = table.current_snapshot()
    assert new is not None
    without_ledger(lake)
    done = rebuild_ledger(lake)
    assert any(f"s{str(new.snapshot_id)[:6]}" in one for one in done.not_restored), done.not_restored
    assert ours(lake, str(SILVER)).main == new.snapshot_id
    assert not [one for one in published(lake) if new.snapshot_id in one]


@pytest.mark.long
def test_looks_answer_alike_while_the_ledger_is_lost(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Log, lineage, impact and what comes again rest on the tables alone; a word on stderr says what is missing."""
    with look(lake) as opened:
        first = opened.snapshots("bronze.numbers")[-1].snapshot_id
        looks: list[Callable[[ReadableLake], object]] = [
            lambda opened: opened.log(),
            lambda opened: [
                (str(one.status.asset), one.status.state, one.status.snapshot_id) for one in opened.lineage()
            ],
            lambda opened: opened.impact(f"bronze.numbers@s{first}").reached,
            lambda opened: opened.replay("silver.numbers").outcome,
            lambda opened: [(one.asset, one.snapshot_id, one.health) for one in opened.status()],
            lambda opened: opened.column_lineage("silver.numbers"),
        ]
        before = [each(opened) for each in looks]
    assert "the ledger is lost" not in capsys.readouterr().err
    without_ledger(lake)
    with look(lake) as opened:
        after = [each(opened) for each in looks]
    for was, now in zip(before, after, strict=True):
        assert was == now
    assert (
        "the ledger is lost; this is what the tables know: `lakeflow doctor --rebuild-ledger`"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("name", ["lakeflow_leases", "lakeflow_alerts", "lakeflow_code"])
def test_what_is_left_of_the_ledger_is_still_told(lake: Path, name: str) -> None:
    """Runs keep who they were started by and why they ended, though another table of the ledger is gone."""
    with look(lake) as opened:
        before = opened.runs()
    execute(lake, f"drop table {name}")
    with look(lake) as opened:
        assert opened.runs() == before
    assert name not in tables(lake)
