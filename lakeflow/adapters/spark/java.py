"""What a driver in this process's own Java raises. A client of Spark Connect has no Java, and need not have py4j."""

from __future__ import annotations

try:
    from py4j.protocol import Py4JError, Py4JJavaError
except ImportError:

    class Py4JError(Exception):  # type: ignore[no-redef]
        """Is never raised."""

    class Py4JJavaError(Py4JError):  # type: ignore[no-redef, misc]
        """Is never raised."""


__all__ = ["Py4JError", "Py4JJavaError"]
