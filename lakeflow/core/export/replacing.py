"""What an export may take the place of: nothing, or an export of ours and nothing besides."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from lakeflow.core.errors import UsageError
from lakeflow.core.export.exported import ExportedTable

LIST: Final = "export.json"
"""The file of an exported folder that says what it holds."""
_MARK: Final = "lakeflow_export"
_ELSEWHERE: Final = "name another place, or move away what stands there"


def listed(tables: Sequence[ExportedTable]) -> dict[str, Any]:
    """The content of `export.json`."""
    return {
        _MARK: 1,
        "tables": [
            {"asset": str(one.asset), "snapshot_id": str(one.snapshot_id), "rows": one.rows, "file": one.name}
            for one in tables
        ],
    }


def listed_names(content: Any) -> frozenset[str] | None:
    """The files of an exported folder, by the content of its list; None: that is no list of ours."""
    if not isinstance(content, Mapping) or content.get(_MARK) != 1 or not isinstance(content.get("tables"), list):
        return None
    files = [one.get("file") if isinstance(one, Mapping) else None for one in content["tables"]]
    names = [name for name in files if isinstance(name, str)]
    return frozenset({LIST, *names}) if len(names) == len(files) else None


def require_ours(to: str, found: Collection[str], ours: frozenset[str] | None) -> None:
    """UsageError where the place holds something that no export of ours has written: it would be gone. `ours` None
    means that nothing there is known.
    """
    if ours is None:
        raise UsageError(f"{to} is no export of lakeflow and stays as it is", hint=_ELSEWHERE)
    if strange := sorted(set(found) - ours):
        more = f" and {len(strange) - 1:,} more" if len(strange) > 1 else ""
        raise UsageError(f"{to} holds {strange[0]!r}{more}, which lakeflow did not export", hint=_ELSEWHERE)
