"""A run by the first letters of its id, as people type it."""

from __future__ import annotations

from collections.abc import Sequence

from lakeflow.core.errors import UsageError


def one_id(prefix: str, ids: Sequence[str]) -> str:
    """The single id among those that start with `prefix`, or the one equal to it; else UsageError."""
    if prefix in ids:
        return prefix
    if not ids:
        raise UsageError(f"no run's id starts with {prefix!r}", hint="`lakeflow runs` lists them")
    if len(ids) > 1:
        shown = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
        raise UsageError(f"{len(ids)} runs have ids that start with {prefix!r}: {shown}", hint="give more of the id")
    return ids[0]
