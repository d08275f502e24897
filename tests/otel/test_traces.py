"""A run is a trace, its steps are spans of it, and who does not ask for that loads and sends nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.semconv._incubating.attributes import cicd_attributes

import lakeflow
from lakeflow.adapters.otel import trace
from lakeflow.core.errors import ConfigError
from lakeflow.core.model.run import RunState, StepState
from tests.alerts.lab import FILES, write
from tests.cli.process import python


class Collector:
    """What an OTLP collector got."""

    def __init__(self) -> None:
        self.traces: list[Any] = []
        self.metrics: list[Any] = []
        self.raw = b""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.raw += body
                if self.path == "/v1/traces":
                    collector.traces.append(ExportTraceServiceRequest.FromString(body))
                else:
                    collector.metrics.append(ExportMetricsServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def place(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def spans(self) -> list[Any]:
        return [
            span for one in self.traces for of in one.resource_spans for scope in of.scope_spans for span in scope.spans
        ]

    @property
    def measured(self) -> set[str]:
        return {
            metric.name
            for one in self.metrics
            for of in one.resource_metrics
            for scope in of.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


def said(span: Any) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def wait_for_exports() -> None:
    for thread in threading.enumerate():
        if thread.name == "otel":
            thread.join(30)


@pytest.mark.long
def test_a_run_is_a_trace_with_a_span_for_each_step(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.place)
    monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    write(tmp_path, {**FILES, "pyproject.toml": "[tool.lakeflow]\notel = true\n"})
    with lakeflow.open(tmp_path) as lake:
        run = lake.materialize()
        lake.check()
    assert run is not None
    wait_for_exports()
    whole, *steps = sorted(collector.spans, key=lambda span: "cicd.pipeline.task.name" in said(span))
    assert (whole.name, said(whole)["cicd.pipeline.run.id"]) == (f"RUN {tmp_path.name}", run.id)
    assert (said(whole)["cicd.pipeline.result"], said(whole)["error.type"]) == ("failure", "held")
    assert whole.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert {step.parent_span_id for step in steps} == {whole.span_id}
    found = {step.name: said(step) for step in steps}
    assert {name: of["cicd.pipeline.task.run.result"] for name, of in found.items()} == {
        "bronze.weather": "success",
        "silver.weather": "failure",
        "gold.windiest": "skip",
    }
    assert (found["silver.weather"]["lakeflow.checks.failed"], found["silver.weather"]["db.collection.name"]) == (
        1,
        "weather",
    )
    for step in steps:
        assert whole.start_time_unix_nano <= step.start_time_unix_nano <= step.end_time_unix_nano
    assert collector.measured == {
        "cicd.pipeline.run.duration",
        "cicd.pipeline.run.errors",
        "lakeflow.step.duration",
        "lakeflow.step.rows",
        "lakeflow.checks",
    }


@pytest.mark.skipif(
    not hasattr(cicd_attributes, "CicdPipelineTaskRunResultValues"), reason="an older package has not all of them"
)
def test_the_words_are_those_of_the_conventions() -> None:
    results = {each.value for each in cicd_attributes.CicdPipelineResultValues}
    assert set(trace._OF_RUN.values()) <= results
    assert set(trace._OF_STEP.values()) <= {each.value for each in cicd_attributes.CicdPipelineTaskRunResultValues}
    names = {value for name, value in vars(cicd_attributes).items() if name.startswith("CICD_")}
    text = Path(trace.__file__).read_text(encoding="utf-8")
    used = {part for part in text.split('"') if part.startswith("cicd.")}
    assert used
    assert used <= names


def test_every_end_of_a_step_is_a_result() -> None:
    assert {state for state in StepState if state not in trace._OF_STEP} == {StepState.ERRORED}
    assert RunState.FAILED not in trace._OF_RUN


def test_a_collector_that_is_down_fails_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    write(tmp_path, {"layers/bronze/one.sql": "select 1 as id", "pyproject.toml": "[tool.lakeflow]\notel = true\n"})
    with lakeflow.open(tmp_path) as lake:
        run = lake.materialize()
    assert run is not None
    assert run.state is RunState.PUBLISHED


@pytest.mark.long
def test_without_the_packages_a_run_goes_on_and_check_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lakeflow.adapters.otel.recorder.find_spec", lambda _: None)
    write(tmp_path, {"layers/bronze/one.sql": "select 1 as id", "pyproject.toml": "[tool.lakeflow]\notel = true\n"})
    with lakeflow.open(tmp_path) as lake:
        with pytest.raises(ConfigError) as caught:
            lake.check()
        assert caught.value.hint == "pip install 'lakeflow-wap[otel]'"
        run = lake.materialize()
    assert run is not None
    assert run.state is RunState.PUBLISHED
    assert "otel needs OpenTelemetry" in capsys.readouterr().err


@pytest.mark.long
def test_a_lake_that_asks_for_neither_loads_neither(tmp_path: Path) -> None:
    """Nor does one that has alerts, as long as there is nothing to send."""
    entry = '[[tool.lakeflow.alerts]]\nto = "json://127.0.0.1:9"\n'
    write(tmp_path, {"layers/bronze/one.sql": "select 1 as id", "pyproject.toml": f"[tool.lakeflow]\n{entry}"})
    script = f"""
import sys
import lakeflow
with lakeflow.open({str(tmp_path)!r}) as lake:
    lake.status()
    lake.alerts.judge()
    lake.alerts.send()
print([name for name in sys.modules if name.split(".")[0] in ("apprise", "opentelemetry")])
"""
    done = python(script)
    assert done.stdout.strip() == "[]", done.stderr
