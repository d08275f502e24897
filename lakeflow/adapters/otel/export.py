"""Sends an attempt of a run over OTLP; OpenTelemetry's own variables say where to, with which headers and name.

It starts no thread, so that it can end while the interpreter does.
"""

from __future__ import annotations

import os
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from lakeflow.adapters.otel.trace import TracedRun, TracedSpan

if TYPE_CHECKING:
    from opentelemetry.context import Context


def export(traced: TracedRun, seconds: float) -> None:
    """Send spans, then metrics. A collector that is down loses them: they are no record, the ledger is."""
    resource = _resource()
    _send_spans(traced, resource, seconds)
    _send_metrics(traced, resource, seconds)


def _resource() -> Resource:
    known = {"service.version": version("lakeflow-wap")}
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create(known if named else {**known, "service.name": "lakeflow"})


class _Ended(SpanProcessor):
    """Keeps spans that have ended, to send them at once."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def _send_spans(traced: TracedRun, resource: Resource, seconds: float) -> None:
    provider, ended = TracerProvider(resource=resource, shutdown_on_exit=False), _Ended()
    provider.add_span_processor(ended)
    tracer = provider.get_tracer("lakeflow", version("lakeflow-wap"))
    # Who starts a run inside a trace of its own says so by this variable.
    above = TraceContextTextMapPropagator().extract({"traceparent": os.environ.get("TRACEPARENT", "")})
    inside = _span(tracer, traced.run, above, trace.SpanKind.SERVER)
    for step in traced.steps:
        _span(tracer, step, inside, trace.SpanKind.INTERNAL)
    OTLPSpanExporter(timeout=seconds).export(ended.spans)


def _span(tracer: trace.Tracer, said: TracedSpan, above: Context, kind: trace.SpanKind) -> Context:
    span = tracer.start_span(
        said.name, above, kind=kind, attributes=said.attributes, start_time=_nanoseconds(said.start)
    )
    if said.error:
        span.set_status(trace.StatusCode.ERROR)
    span.end(_nanoseconds(said.end))
    return trace.set_span_in_context(span)


def _send_metrics(traced: TracedRun, resource: Resource, seconds: float) -> None:
    exporter = OTLPMetricExporter(timeout=seconds)
    # What the variables say of temporality, as the SDK's own reader asks for it.
    reader = InMemoryMetricReader(exporter._preferred_temporality, exporter._preferred_aggregation)  # noqa: SLF001
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    meter = provider.get_meter("lakeflow", version("lakeflow-wap"))
    run = {name: traced.run.attributes[name] for name in ("cicd.pipeline.name", "cicd.pipeline.result")}
    duration = meter.create_histogram("cicd.pipeline.run.duration", "s", "Duration of a run.")
    duration.record(traced.run.seconds, {**run, "cicd.pipeline.run.state": "executing"})
    if traced.run.error:
        errors = meter.create_counter("cicd.pipeline.run.errors", "{error}", "Runs that did not publish all.")
        errors.add(1, {**run, "error.type": traced.run.attributes["error.type"]})
    steps = meter.create_histogram("lakeflow.step.duration", "s", "Duration of a step.")
    for step in traced.steps:
        steps.record(step.seconds, {"cicd.pipeline.task.name": step.name, "cicd.pipeline.task.run.result": step.result})
    rows = meter.create_counter("lakeflow.step.rows", "{row}", "Rows that steps published.")
    for asset, number in traced.rows.items():
        rows.add(number, {"cicd.pipeline.task.name": asset})
    checks = meter.create_counter("lakeflow.checks", "{check}", "Checks by outcome.")
    for outcome, number in traced.checks.items():
        checks.add(number, {"lakeflow.check.outcome": str(outcome)})
    if found := reader.get_metrics_data():
        exporter.export(found)


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
