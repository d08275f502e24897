"""What a driver in this process's own Java raises. A client of Spark Connect has no Java, and need not have py4j."""

from __future__ import annotations

try:
    from py4j.protocol import Py4JError
except ImportError:

    class Py4JError(Exception):  # type: ignore[no-redef]
        """Is never raised."""


__all__ = ["Py4JError"]
