"""What programs read is what the published JSON Schemas say: every command is run on a real lake, failing ones too."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from lakeflow.cli.main import COMMANDS
from lakeflow.cli.main import run as lakeflow
from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.outbox import AlertState
from lakeflow.core.keys import Layer
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import Action, RunState, StepState
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.events import Phase
from lakeflow.core.verify.values import RemarkKind
from lakeflow.core.view.findings import Level
from lakeflow.core.view.rows import AssetState, Health, SnapshotState
from tests.cli.test_commands import CHECKS, MENDED, make, windy

SCHEMAS: dict[str, Any] = {
    path.name: json.loads(path.read_text()) for path in files("lakeflow").joinpath("schemas").iterdir()
}
DEFINITIONS = SCHEMAS["definitions.json"]["$defs"]
Said = list[tuple[list[str], int, str]]


def strict(schema: Any) -> Any:
    """The schema without room for fields that it does not name: what we print, we publish."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if schema.get("type") == "object" and "properties" in schema else {}
    return {**closed, **{name: strict(part) for name, part in schema.items()}}


def validator(name: str) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resources(
        (each, Resource.from_contents(strict(schema))) for each, schema in SCHEMAS.items()
    )
    return Draft202012Validator({"$ref": name}, registry=registry)


class Talk:
    """Command lines and what they said on stdout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: Said = []

    def say(self, *arguments: str, expect: int = 0) -> Any:
        words = list(arguments) if "--events" in arguments else [*arguments, "-o", "json"]
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = leave(["-C", str(self.root), *words])
        assert code == expect, (words, out.getvalue(), err.getvalue())
        self.said.append((words, code, out.getvalue()))
        return json.loads(out.getvalue())["data"] if "--events" not in arguments else None


def leave(arguments: list[str]) -> int:
    try:
        return lakeflow(arguments)
    except SystemExit as left:
        return int(left.code or 0)


def before_any_run(talk: Talk) -> None:
    talk.say("check")
    talk.say("test")
    talk.say("list")
    talk.say("plan")
    talk.say("plan", "--exit-code", expect=1)
    talk.say("status")
    talk.say("snapshots", "silver.weather")
    talk.say("config")
    talk.say("preview", "silver.weather", expect=1)
    talk.say("preview", "bronze.weather")


def around_a_held_run(talk: Talk) -> None:
    run = talk.say("materialize", expect=1)["run"]["id"]
    talk.say("runs")
    talk.say("runs", run)
    talk.say("runs", run, "--log")
    talk.say("status")
    talk.say("lineage")
    talk.say("lineage", "--columns")
    talk.say("lineage", "--columns", "silver.weather.nothing", expect=2)
    talk.say("doctor")
    talk.say("snapshots", "silver.weather")
    talk.say("diff", "bronze.weather", "--exit-code", expect=1)
    talk.say("diff", "bronze.weather", "main..now")
    talk.say("diff", "silver.weather", "main..held", expect=2)
    talk.say("query", "select * from bronze.weather", "--as-of", "0s")
    talk.say("query", "select * from bronze.wether", expect=2)
    talk.say("export", "--to", str(talk.root / "out"))
    talk.say("export", "silver.weather", "--to", str(talk.root / "out"), expect=2)
    talk.say("show", "bronze.weather", "--as-of", "0s")
    talk.say("show", "bronze.weather", "--how", "polars")
    talk.say("show", "bronze.weather", "--how", "dremio", expect=2)
    talk.say("show", "bronze.weather", "--as-of", "1h", expect=2)
    talk.say("show", "silver.weather", "--ref", "held")
    talk.say("show", "silver.weather", "--ref", "held", "--failing")
    talk.say("audit", "--ref", "held", expect=1)
    talk.say("audit", "--run", run, "--gx", expect=1)
    talk.say("publish", run, expect=1)
    talk.say("retry", run, expect=1)
    talk.say("discard", run)


def to_the_end(talk: Talk) -> None:
    talk.say("materialize", "silver.*", "gold.*", "--events", expect=1)
    (talk.root / "layers/silver/weather.sql").write_text(MENDED)
    run = talk.say("retry")["run"]["id"]
    talk.say("materialize", "silver.*")
    talk.say("materialize", "silver.*", "--events")
    talk.say("snapshots", "silver.weather")
    talk.say("impact", "bronze.weather@v1", "--repair")
    talk.say("impact", "bronze.weather@v99", expect=2)
    talk.say("log", "--code")
    talk.say("log", "--since", "v1")
    talk.say("log", "--since", "v99", expect=2)
    talk.say("audit", "silver.weather", "--history", "3")
    talk.say("suggest", "silver.weather")
    talk.say("mutate", "silver.weather", "--kind", "nulls", "--kind", "stale", "--exit-code", expect=1)
    talk.say("suggest", "gold.nothing", expect=2)
    talk.say("tag")
    talk.say("tag", "before", run)
    talk.say("tag", "before", expect=2)
    talk.say("tag")
    talk.say("show", "silver.weather", "--ref", "before")
    talk.say("snapshots", "silver.weather")
    talk.say("tag", "before", "--delete")
    talk.say("tag", "before", "--delete", expect=2)
    talk.say("env", "show", "pr_1", expect=2)
    talk.say("materialize", "--env", "pr_1", "--force", "silver.weather")
    talk.say("env")
    talk.say("env", "show", "pr_1")
    talk.say("env", "diff", "pr_1")
    talk.say("env", "refresh", "pr_1")
    talk.say("env", "drop", "pr_1")
    talk.say("rollback", run, "silver.weather", expect=2)
    seen = talk.say("snapshots", "gold.windiest")["snapshots"][0]["snapshot_id"]
    talk.say("rollback", "gold.windiest", "--to", seen, expect=2)
    talk.say("rollback", run, "gold.windiest")
    talk.say("rollback", "gold.windiest", "--to", seen, expect=2)
    talk.say("rollback", run)
    talk.say("verify")
    talk.say("verify", "gold.*", "--deep")
    talk.say("verify", "gold.windest", expect=2)
    talk.say("doctor", "--relocate")
    talk.say("doctor", "--rebuild-catalog")
    talk.say("doctor", "--rebuild-ledger")
    talk.say("adopt", "--warehouse")
    talk.say("backup", str(talk.root / "copy"))
    talk.say("backup", str(talk.root / "copy"), expect=2)
    talk.say("migrate", "--to", "postgresql://ann:hunter2@db/lake", expect=2)


def around_a_whole_table(talk: Talk) -> None:
    talk.say("materialize", "silver.*", "gold.*")
    gold = talk.root / "layers/gold/windiest.sql"
    text = gold.read_text()
    gold.unlink()
    talk.say("status")
    talk.say("doctor", expect=1)
    place = talk.say("drop", "gold.windiest")["reason"].rpartition(" ")[2]
    talk.say("drop", "gold.windiest", expect=2)
    gold.write_text(text)
    talk.say("adopt", "gold.windiest", expect=2)
    talk.say("adopt", "gold.windiest", "--from", place)
    talk.say("compact", "--dry-run")
    talk.say("replay", "silver.weather")
    talk.say("replay", "silver.weather@s0", expect=2)
    make(talk.root, {"layers/gold/narrow.sql": "select * exclude (wind) from silver.weather"})
    talk.say("parity", "gold.narrow", "--exit-code", expect=1)
    (talk.root / "layers/gold/narrow.sql").unlink()
    talk.say("compact", "--target-size", "1B", expect=2)
    talk.say("gc", "--older-than", "0s")
    talk.say("gc", "--older-than", "0s", "--delete")


def with_landed_files(talk: Talk) -> None:
    source = 'files = "drops/*.csv"\nformat = "csv"\ncolumns = ["id"]'
    make(talk.root, {"layers/bronze/landed.sql": f"/*\n[source]\n{source}\n*/\nselect * from source"})
    make(talk.root, {"drops/1.csv": "id\n1\n", "drops/2.csv": "id\n2\n"})
    wrong = talk.say("materialize", "bronze.landed")["run"]["id"]
    make(talk.root, {"drops/3.csv": "id\n3\n"})
    talk.say("materialize", "bronze.landed")
    talk.say("unland", "drops/1.csv")
    talk.say("unland", "drops/9.csv", expect=2)
    talk.say("rollback", wrong, "--leave-out")


def with_alerts(talk: Talk) -> None:
    """A receiver that nobody answers for."""
    entry = '[[tool.lakeflow.alerts]]\nname = "nobody"\non = ["published"]\nto = "json://127.0.0.1:9/hook"\n'
    make(talk.root, {"pyproject.toml": f"[tool.lakeflow]\n{entry}"})
    talk.say("alerts")
    talk.say("materialize", "silver.weather", "--force")
    talk.say("alerts", "--limit", "1")
    talk.say("alerts", "send", expect=1)
    talk.say("alerts", "test", "nobody", expect=1)
    talk.say("alerts", "test", "somebody", expect=2)
    make(talk.root, {})


def kept(talk: Talk) -> None:
    talk.say("serve", "--once", "gold.windiest")
    talk.say("ui", "--build", str(talk.root / "site"))
    talk.say("ui", "--build", str(talk.root / "layers"), expect=2)


def by_partitions(talk: Talk) -> None:
    header = 'key = ["day"]\npartition = "month(day)"\nstart = "2013-01-01"\nend = "2013-03-01"'
    rows = "select unnest(range(date '2013-01-01', date '2013-03-01', interval 1 day))::date as day"
    inside = "where day >= $partition_start and day < $partition_end"
    make(talk.root, {"layers/silver/days.sql": f"/*\n{header}\n*/ select day from ({rows}) {inside}"})
    talk.say("plan", "silver.days")
    talk.say("backfill", "silver.days", "--from", "2013-01", "--to", "2013-02")
    talk.say("backfill", "silver.days", "silver.weather", "--failed-and-missing")
    talk.say("backfill", "silver.days", "--failed-and-missing", "--events")
    talk.say("backfill", "silver.days", "silver.weather", "--parallel", "2", "--events")
    talk.say("backfill", "silver.weather", expect=2)


def around_a_quarantine(talk: Talk) -> None:
    apart = CHECKS.replace("max_value=200", 'max_value=200, meta={"lakeflow": {"on_fail": "quarantine"}}')
    silver = "/*\nwrite = 'append'\nkey = ['origin']\n*/\nselect origin, wind from bronze.weather"
    make(talk.root, {"layers/silver/calm.sql": silver, "checks/silver/calm.py": apart})
    talk.say("materialize", "silver.calm")
    talk.say("quarantine", "show", "silver.calm")
    make(talk.root, {"checks/silver/calm.py": apart.replace("max_value=200", "max_value=2000")})
    talk.say("quarantine", "readmit", "silver.calm")
    talk.say("quarantine", "readmit", "silver.calm")
    talk.say("quarantine", "show", "silver.weather", expect=2)


def what_cannot_be_done(talk: Talk) -> None:
    talk.say("plan", "silver.wether", expect=2)
    talk.say("materialize", "silver.wether", "--events", expect=2)
    talk.say("rollback", "zzz", expect=2)
    talk.say("no_such_command", expect=2)
    make(talk.root, {"layers/silver/weather.sql": "select x from silver.nowhere"})
    talk.say("check", expect=2)
    talk.say("init", expect=2)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    talk = Talk(windy(tmp_path_factory.mktemp("lake")))
    for chapter in (
        before_any_run,
        around_a_held_run,
        to_the_end,
        around_a_whole_table,
        kept,
        by_partitions,
        around_a_quarantine,
        with_landed_files,
        with_alerts,
        what_cannot_be_done,
    ):
        chapter(talk)
    talk.say("init", str(tmp_path_factory.mktemp("new") / "lake"))
    return talk.said


def test_every_schema_is_a_schema_and_every_command_has_one() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    assert SCHEMAS.keys() == {f"{name}.json" for name in (*COMMANDS, "definitions", "envelope", "events")}


@pytest.mark.long
def test_every_answer_is_as_its_schema_says(said: Said) -> None:
    answered: set[str] = set()
    failed: set[str] = set()
    for words, _, out in said:
        if "--events" not in words:
            envelope = json.loads(out)
            validator("envelope.json").validate(envelope)
            (answered if envelope["data"] else failed).add(envelope["command"])
    assert answered == set(COMMANDS) - {"migrate"}, "which needs a server: tests/care/test_migrate.py"
    assert failed >= {"", "check", "init", "plan", "preview", "rollback", "show"}


@pytest.mark.long
def test_every_event_is_as_its_schema_says(said: Said) -> None:
    events = [json.loads(line) for words, _, out in said if "--events" in words for line in out.splitlines()]
    for event in events:
        validator("events.json").validate(event)
    named = {event["event"] for event in events}
    of_runs = {"planned", "run_started", "step_phase", "step_ended", "run_ended"}
    assert named == {*of_runs, "backfill_started", "window_ended", "error"}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("run", "state"), RunState),
        (("step", "state"), (*StepState, None)),
        (("step", "action"), Action),
        (("check", "outcome"), Outcome),
        (("check", "severity"), Severity),
        (("status", "state"), AssetState),
        (("status", "health"), Health),
        (("snapshot", "state"), SnapshotState),
        (("asset", "layer"), Layer),
        (("asset", "write"), WriteMode),
        (("finding", "level"), Level),
        (("remark", "kind"), RemarkKind),
        (("alert", "kind"), AlertKind),
        (("alert", "state"), AlertState),
    ],
)
def test_the_words_of_the_schemas_are_those_of_the_core(place: tuple[str, str], words: Any) -> None:
    name, field = place
    assert set(DEFINITIONS[name]["properties"][field]["enum"]) == set(words)


def test_the_phases_of_the_events_are_those_of_a_step() -> None:
    (phases,) = (
        branch["properties"]["phase"]["enum"]
        for branch in SCHEMAS["events.json"]["oneOf"]
        if "phase" in branch["properties"]
    )
    assert set(phases) == set(Phase)


def test_the_test_itself_finds_a_field_that_no_schema_names() -> None:
    assert not validator("config.json").is_valid({"settings": [], "surprise": 1})
    assert validator("config.json").is_valid({"settings": []})
