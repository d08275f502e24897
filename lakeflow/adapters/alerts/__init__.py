"""Receivers of alerts: what apprise knows, PagerDuty and Datadog."""

from lakeflow.adapters.alerts.lock import sole_sender
from lakeflow.adapters.alerts.receivers import Receiver, open_receiver

__all__ = ["Receiver", "open_receiver", "sole_sender"]
