"""The environment of a command that is started by a test."""

from __future__ import annotations

import os

CLEAN = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "LAKEFLOW_DEBUG"}}
