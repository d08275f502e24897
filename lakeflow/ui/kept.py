"""The lake that stays open between requests: looked at again when its database, its files or the clock moved on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final

from lakeflow.adapters.machine.files.code_files import Signature, signature
from lakeflow.core.environments.environment import TRUNKS
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import waiting
from lakeflow.core.model.table import MAIN
from lakeflow.core.serve.view import Outlook
from lakeflow.core.settings.settings import Settings
from lakeflow.core.values import dataclass
from lakeflow.core.view.selection import LakeStatus, SelectionContext, select
from lakeflow.core.view.state import modified
from lakeflow.lake import lake as lakes
from lakeflow.lake.reading import ReadableLake
from lakeflow.ui.rows.questions import Questions

_FRESH: Final = timedelta(minutes=1)
"""So long the clock and outside files are not asked again."""
_APART: Final = timedelta(seconds=2)
"""And so long not a database that lies elsewhere."""
_SQLITE: Final = "sqlite:///"
Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Glance:
    """A lake and how it stands at one moment; `drawings` are the pictures that were made of it. `rows` answers what a
    page asks of them.
    """

    lake: ReadableLake
    outlook: Outlook
    at: datetime
    drawings: dict[object, str] = field(default_factory=dict, repr=False, compare=False)
    rows: Questions | None = field(default=None, repr=False, compare=False)

    @property
    def asks(self) -> Questions:
        """Where rows are asked for, on the pages that show some."""
        assert self.rows is not None, "the page is not one of those that ask for rows"
        return self.rows

    def select(self, text: str) -> tuple[AssetKey, ...]:
        """The assets that are meant, as the command line would say it, by what was seen at this moment."""
        outlook = self.outlook

        def stands() -> LakeStatus:
            seen = outlook.statuses, modified(outlook.project, outlook.facts), waiting(outlook.runs)
            return LakeStatus(*seen)

        return select((text,) if text.strip() else (), SelectionContext(outlook.project, stands), "")


@dataclass(frozen=True)
class _LastGlance:
    """`began` is when it was looked, by the clock that questions are timed with."""

    glance: Glance
    files: Signature
    stamp: Stamp | None
    began: float


class SeenLake:
    """The lake of the project at `root`. One thread may use it at a time."""

    def __init__(self, root: Path, settings: Mapping[str, str], clock: Callable[[], float] = monotonic) -> None:
        self.root = root
        self.settings = settings
        self.clock = clock
        self.asked: float | None = None
        self._kept: _LastGlance | None = None

    @property
    def environment(self) -> str:
        """The environment that the settings name; empty: main."""
        named = self.settings.get("env", MAIN)
        return "" if named in TRUNKS else named

    def glance(self, asked: float | None = None) -> Glance:
        """How the lake stands now. ProjectError, ConfigError and LakeError as `open` and `status`.

        Who asked, by `clock`, before the last look began is answered by that look, whatever has changed since: of many
        who ask while a run publishes one table after another each has an answer of his time, and one look serves all.
        """
        self.asked = self.clock()
        return self._glance(asked, _FRESH)

    def ahead(self) -> Glance:
        """The same before somebody asks, and somewhat sooner than the clock would have it."""
        return self._glance(None, _FRESH / 2)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.glance.lake.close()
            self._kept = None

    def _glance(self, asked: float | None, fresh: timedelta) -> Glance:
        kept, began = self._kept, self.clock()
        if kept is not None and asked is not None and asked < kept.began:
            return kept.glance
        files, now = signature(self.root), datetime.now(UTC)
        same = kept is not None and kept.files == files
        if kept is not None and same and self._holds(kept, now, fresh):
            return kept.glance
        lake = self._lake(same=same)
        try:
            stamp = _stamp(self.root, lake.configured)  # older than what is read: a change meanwhile is seen later
            glance = Glance(lake, lake.look(), now)
        except BaseException:
            lake.close()
            raise
        self._kept = _LastGlance(glance, files, stamp, began)
        return glance

    def _lake(self, *, same: bool) -> ReadableLake:
        """The lake with the files of now; `same` says that they are those of the last look."""
        kept, self._kept = self._kept, None
        if kept is None:
            return lakes.look(self.root, settings=self.settings)
        return kept.glance.lake if same else lakes.look_again(kept.glance.lake, self.settings)

    def _holds(self, kept: _LastGlance, now: datetime, fresh: timedelta) -> bool:
        """Would another look see the same?"""
        old = now - kept.glance.at
        if kept.stamp is None:
            return old < _APART
        return old <= fresh and kept.stamp == _stamp(self.root, kept.glance.lake.configured)


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
