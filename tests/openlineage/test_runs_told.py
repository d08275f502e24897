"""OpenLineage is told of every run that ended: in events of its own schemas, without a value of the data, and whatever
becomes of the process that tells or of the receiver.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from openlineage.client.generated import (
    column_lineage_dataset,
    data_quality_assertions_dataset,
    dataset_version_dataset,
    documentation_dataset,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    schema_dataset,
)
from openlineage.client.generated.base import EventType, InputDataset, Job, OutputDataset, Run, RunEvent

import lakeflow
from tests.alerts.lab import Receiver
from tests.docs.pages import ROOT

CANARIES: Final = ("ada@example.org", "Lovelace", "42424242")
FILES: Final = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "in/monday.csv": "id,amount,mail\n1,30,ada@example.org\n2,-5,Lovelace\n",
    "layers/bronze/orders.sql": (
        '/*\n[source]\nfiles = "in/*.csv"\nformat = "csv"\ncolumns = {id = "int", amount = "int", mail = "text"}\n'
        "[columns.mail]\npii = true\n*/\nselect * from source"
    ),
    "layers/silver/orders.sql": ('/*\nkey = ["id"]\n*/\nselect id, amount from bronze.orders where amount <> 42424242'),
    "layers/gold/revenue.sql": "select sum(amount) as revenue from silver.orders",
    "checks/silver/orders.positive.sql": "select id from silver.orders where amount < 0 and amount <> 42424242",
    "checks/silver/orders.small.sql": '/* severity = "warning" */\nselect id from silver.orders where amount > 20',
    "checks/bronze/orders.py": (
        "import great_expectations.expectations as gxe\n"
        'expectations = [gxe.ExpectColumnValuesToBeInSet(column="mail", value_set=["ada@example.org", "Lovelace"])]\n'
    ),
}
FACETS: Final[Mapping[str, Any]] = {
    "schema": schema_dataset.SchemaDatasetFacet,
    "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet,
    "documentation": documentation_dataset.DocumentationDatasetFacet,
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "parent": parent_run.ParentRunFacet,
    "jobType": job_type_job.JobTypeJobFacet,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / "lake" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lake" / name).write_text(text)
    return tmp_path / "lake"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that OpenLineage's own client appends events to."""
    for name in [name for name in os.environ if name.startswith("OPENLINEAGE")]:
        monkeypatch.delenv(name)
    for name, value in to_file(tmp_path / "events.jsonl").items():
        monkeypatch.setenv(name, value)
    return tmp_path / "events.jsonl"


def to_file(path: Path) -> Mapping[str, str]:
    return {
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(path),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
    }


def events(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def told(log: Path) -> list[tuple[str, str]]:
    return [(event["job"]["name"], event["eventType"]) for event in events(log)]


def materialize(root: Path) -> Any:
    with lakeflow.open(root) as lake:
        return lake.materialize()


def assertions(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    (audited,) = event["inputs"]
    found: list[dict[str, Any]] = audited["inputFacets"]["dataQualityAssertions"]["assertions"]
    return found


def facets(event: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from event["run"].get("facets", {}).items()
    yield from event["job"].get("facets", {}).items()
    for dataset in (*event["inputs"], *event["outputs"]):
        for kind in ("facets", "inputFacets", "outputFacets"):
            yield from dataset.get(kind, {}).items()


@pytest.mark.long
def test_each_step_and_its_audit_begin_and_end_and_what_is_held_fails_with_its_branch(root: Path, log: Path) -> None:
    run = materialize(root)
    assert told(log) == [
        ("bronze.orders", "START"),
        ("bronze.orders", "COMPLETE"),
        ("bronze.orders.audit", "START"),
        ("bronze.orders.audit", "COMPLETE"),
        ("silver.orders", "START"),
        ("silver.orders", "FAIL"),
        ("silver.orders.audit", "START"),
        ("silver.orders.audit", "FAIL"),
    ]
    by = {(event["job"]["name"], event["eventType"]): event for event in events(log)}
    failed = by["silver.orders", "FAIL"]
    assert run.branch in failed["run"]["facets"]["errorMessage"]["message"]
    (read,) = failed["inputs"]
    bronze, silver = run.steps[0], run.steps[1]
    assert read["name"] == "bronze.orders"
    assert read["facets"]["version"]["datasetVersion"] == str(bronze.snapshot_id)
    (written,) = failed["outputs"]
    assert written["facets"]["version"]["datasetVersion"] == str(silver.snapshot_id)
    assert [each["name"] for each in written["facets"]["schema"]["fields"]] == ["id", "amount"]
    (above,) = written["facets"]["columnLineage"]["fields"]["amount"]["inputFields"][:1]
    assert (above["name"], above["field"]) == ("bronze.orders", "amount")
    said = {each.get("name"): each for each in assertions(by["silver.orders.audit", "FAIL"])}
    held = said["checks/silver/orders.positive.sql"]
    assert (held["success"], held["severity"]) == (False, "error")
    assert said["checks/silver/orders.small.sql"]["severity"] == "warn"
    (mail,) = (each for each in assertions(by["bronze.orders.audit", "COMPLETE"]) if each.get("column") == "mail")
    assert mail["assertion"] == "expect_column_values_to_be_in_set"
    assert len({event["run"]["runId"] for event in events(log)}) == 4


@pytest.mark.long
def test_no_value_of_the_data_and_no_sql_is_told(root: Path, log: Path) -> None:
    materialize(root)
    text = log.read_text()
    assert [word for word in (*CANARIES, "select", "<>") if word.lower() in text.lower()] == []


@pytest.mark.long
def test_every_event_and_facet_is_of_the_schemas_that_openlineage_generates_its_classes_from(
    root: Path, log: Path
) -> None:
    materialize(root)
    seen = Counter[str]()
    for event in events(log):
        assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
        RunEvent(
            eventTime=event["eventTime"],
            producer=event["producer"],
            run=Run(**event["run"]),
            job=Job(**event["job"]),
            eventType=EventType[event["eventType"]],
            inputs=[InputDataset(**each) for each in event["inputs"]],
            outputs=[OutputDataset(**each) for each in event["outputs"]],
        )
        for name, facet in facets(event):
            if name == "tags":  # the client says which one it is
                continue
            kind = FACETS[name]
            assert facet["_schemaURL"] == kind._get_schema()
            kind(**{field: value for field, value in facet.items() if not field.startswith("_")})
            seen[name] += 1
    assert seen.keys() >= FACETS.keys() - {"documentation"}


@pytest.mark.long
def test_a_retry_and_a_publish_are_told_and_a_command_with_nothing_new_tells_nothing(root: Path, log: Path) -> None:
    run = materialize(root)
    before = len(told(log))
    with lakeflow.open(root) as lake:
        lake.materialize()
    assert len(told(log)) == before, "what a run holds is not made again, and not told again"
    with lakeflow.open(root) as lake:
        lake.publish(run.id, reason="the sender knows of it")
    assert ("silver.orders", "COMPLETE") in told(log)[before:]


@pytest.mark.long
def test_http_is_asked_for_by_the_standard_variable_and_a_receiver_that_is_down_fails_no_run(
    root: Path, log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in to_file(log):
        monkeypatch.delenv(name)
    receiver = Receiver()
    receiver.answers = lambda _: 400
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://{receiver.place}")
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "hunter2")
    assert materialize(root).steps[0].state == "published"
    warned = capsys.readouterr().err
    assert "OpenLineage was not told of all runs" in warned
    assert "hunter2" not in warned
    assert receiver.got == []
    receiver.answers = lambda _: 200
    with lakeflow.open(root) as lake:
        lake.materialize()
    assert [path for path, _ in receiver.got] == ["/api/v1/lineage"] * 8


@pytest.mark.long
def test_the_console_is_told_and_a_disabled_client_is_not_asked(
    root: Path, log: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "console")
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    caplog.set_level("INFO", logger="openlineage")
    materialize(root)
    assert "bronze.orders" not in caplog.text
    monkeypatch.delenv("OPENLINEAGE_DISABLED")
    materialize(root)
    assert "bronze.orders" in caplog.text


def test_without_the_extra_the_warning_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from lakeflow.adapters.openlineage import client

    monkeypatch.setattr(client, "find_spec", lambda _: None)
    told_ = client.send([])
    assert told_.problem.endswith('pip install "lakeflow-wap[openlineage]"')


def test_only_variables_ask_for_it_and_one_switches_it_off() -> None:
    from lakeflow.adapters.openlineage import is_asked_for

    assert not is_asked_for({"OPENLINEAGE_NAMESPACE": "x"})
    assert is_asked_for({"OPENLINEAGE_URL": "http://marquez:5000"})
    assert is_asked_for({"OPENLINEAGE_CONFIG": "openlineage.yml"})
    assert is_asked_for({"OPENLINEAGE__TRANSPORT__TYPE": "console"})
    assert not is_asked_for({"OPENLINEAGE_URL": "http://marquez:5000", "OPENLINEAGE_DISABLED": "True"})


DIES: Final = textwrap.dedent("""
    import os, sys
    import lakeflow
    from lakeflow.adapters.openlineage import client, memory
    from openlineage.client.transport.file import FileTransport
    left = [int(sys.argv[2])]
    def dies(real):
        def before_and_after(*a, **k):
            if left[0] == 0: os._exit(9)
            left[0] -= 1
            done = real(*a, **k)
            if left[0] == 0: os._exit(9)
            left[0] -= 1
            return done
        return before_and_after
    FileTransport.emit = dies(FileTransport.emit)
    memory.SentRuns.write = dies(memory.SentRuns.write)
    with lakeflow.open(sys.argv[1]) as lake:
        lake.materialize("bronze.orders")
    os._exit(0)
""")


@pytest.mark.long
def test_killed_at_each_operation_every_event_is_told_once_or_twice(root: Path, log: Path, tmp_path: Path) -> None:
    """The first process runs and is killed as it tells; the others find nothing to run, and are killed as they tell."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ends = []
    for at in range(12):
        log.unlink(missing_ok=True)
        (root / ".lakeflow/openlineage.json").unlink(missing_ok=True)
        for limit in (at, 1_000):
            done = subprocess.run(
                [sys.executable, "-c", DIES, root, str(limit)], env=environment, capture_output=True, check=False
            )
            ends.append(done.returncode)
        counts = Counter((event["run"]["runId"], event["eventType"]) for event in events(log))
        assert len(counts) == 4
        assert set(counts.values()) <= {1, 2}
    assert Counter(ends) == {9: 10, 0: 14}
