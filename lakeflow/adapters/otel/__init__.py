"""Runs as traces and metrics of OpenTelemetry (the extra `otel`)."""

from lakeflow.adapters.otel.recorder import Recorder, require_installed

__all__ = ["Recorder", "require_installed"]
