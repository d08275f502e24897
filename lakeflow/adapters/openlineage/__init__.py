"""Runs as events of OpenLineage (the extra `openlineage`), sent as its own environment variables say."""

from lakeflow.adapters.openlineage.client import EventsSent, is_asked_for, send
from lakeflow.adapters.openlineage.memory import SentRuns

__all__ = ["EventsSent", "SentRuns", "is_asked_for", "send"]
