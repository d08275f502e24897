"""A proxy that is slow and nothing else, in a process of its own."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.servers.kept import Kept, folder, keep, wait_until

_ROOT: Final = Path(__file__).parents[2]
_PORT: Final = re.compile(r"port=(\d+)\.")


def slowed(uri: str, seconds: float) -> tuple[Kept, str]:
    """Its process, and where it is."""
    command = [sys.executable, "-m", "tests.servers.proxy", uri, str(seconds)]
    kept = keep(command, folder("proxy"), {"PYTHONPATH": str(_ROOT)})
    wait_until(lambda: _PORT.search(kept.words) is not None, kept, "the proxy")
    found = _PORT.search(kept.words)
    assert found
    return kept, f"http://127.0.0.1:{found[1]}{urlsplit(uri).path}"
