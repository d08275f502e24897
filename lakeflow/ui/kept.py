"""The lake that stays open between requests: looked at again when its database, its files or the clock moved on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from lakeflow.adapters.machine.code_files import Signature, signature
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunState, waiting
from lakeflow.core.serve.view import Outlook
from lakeflow.core.settings.settings import Settings
from lakeflow.core.view.selection import LakeStatus, SelectionContext, select
from lakeflow.core.view.state import modified
from lakeflow.lake import lake as lakes
from lakeflow.lake.reading import ReadableLake

_FRESH: Final = timedelta(minutes=1)
"""So long the clock and outside files are not asked again."""
_APART: Final = timedelta(seconds=2)
"""And so long not a database that lies elsewhere."""
_SQLITE: Final = "sqlite:///"
Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Glance:
    """A lake and how it stands at one moment; `drawings` are the pictures that were made of it."""

    lake: ReadableLake
    outlook: Outlook
    at: datetime
    drawings: dict[object, str] = field(default_factory=dict, repr=False, compare=False)

    def select(self, text: str) -> tuple[AssetKey, ...]:
        """The assets that are meant, as the command line would say it, by what was seen at this moment."""
        outlook = self.outlook

        def stands() -> LakeStatus:
            seen = outlook.statuses, modified(outlook.project, outlook.facts), waiting(outlook.runs)
            return LakeStatus(*seen)

        return select((text,) if text.strip() else (), SelectionContext(outlook.project, stands), "")


@dataclass(frozen=True)
class _LastGlance:
    glance: Glance
    files: Signature
    stamp: Stamp | None
    took: timedelta


class SeenLake:
    """The lake of the project at `root`. One thread may use it at a time."""

    def __init__(self, root: Path, settings: Mapping[str, str]) -> None:
        self.root = root
        self.settings = settings
        self._kept: _LastGlance | None = None

    def glance(self) -> Glance:
        """How the lake stands now. ProjectError, ConfigError and LakeError as `open` and `status`."""
        files, now = signature(self.root), datetime.now(UTC)
        kept = self._kept
        if kept is not None and kept.files != files:
            self.close()
            kept = None
        if kept is not None and self._holds(kept, now):
            return kept.glance
        lake = kept.glance.lake if kept else lakes.look(self.root, settings=self.settings)
        stamp = _stamp(self.root, lake.configured)  # older than what is read: a change meanwhile is seen later
        try:
            glance = Glance(lake, lake.look(), now)
        except BaseException:
            lake.close()
            self._kept = None
            raise
        self._kept = _LastGlance(glance, files, stamp, datetime.now(UTC) - now)
        return glance

    def forget(self) -> None:
        """Look again at the next request, whatever has changed."""
        self.close()

    def close(self) -> None:
        if self._kept is not None:
            self._kept.glance.lake.close()
            self._kept = None

    def _holds(self, kept: _LastGlance, now: datetime) -> bool:
        """Would another look see the same? While a run is at work a look is used for as long as the next would take."""
        glance = kept.glance
        old = now - glance.at
        if old > _FRESH:
            return False
        at_work = any(run.state is RunState.RUNNING for run in glance.outlook.runs)
        if at_work and old < kept.took:
            return True
        if kept.stamp is None:
            return old < _APART
        return kept.stamp == _stamp(self.root, glance.lake.configured)


def _stamp(root: Path, settings: Settings) -> Stamp | None:
    """What changes whenever something is written to the lake; None where that is more than a file of ours."""
    url = settings.catalog
    if settings.served_by or (url is not None and not url.startswith(_SQLITE)):
        return None
    path = root / (url.removeprefix(_SQLITE) if url else Path(settings.state_dir, "catalog.db"))
    return tuple(map(_status, (path, path.with_name(f"{path.name}-wal"))))


def _status(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    # A log that holds nothing is as good as none: to look at the database makes it.
    return (found.st_mtime_ns, found.st_size) if found.st_size else (0, 0)
