"""The real lake: opened again when its project's files change, and let go of after each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lakeflow.adapters.machine.files.code_files import Signature
from lakeflow.adapters.machine.files.code_files import signature as code_signature
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord
from lakeflow.core.serve.refreshes import Refreshes, refreshes
from lakeflow.core.serve.view import served
from lakeflow.core.values import dataclass
from lakeflow.lake import lake as lakes
from lakeflow.lake.lake import Lake
from lakeflow.lake.telling.alerts import AFTER_A_COMMAND
from lakeflow.serve.ports import Sight


@dataclass(frozen=True)
class _Opened:
    lake: Lake
    wanted: Refreshes
    signature: Signature


class FileLake:
    """The lake of the project at `root`. With what the selection leaves out nothing is done."""

    def __init__(
        self, root: Path, settings: Mapping[str, str], selection: Sequence[str] = (), exclude: str = ""
    ) -> None:
        self.root = root
        self._settings = settings
        self._selection = selection
        self._exclude = exclude
        self._opened: _Opened | None = None

    @property
    def lake(self) -> Lake | None:
        """The lake as it was opened last."""
        return self._opened.lake if self._opened else None

    def look(self) -> Sight:
        signature = code_signature(self.root)
        opened = self._opened
        mended = opened is None or opened.signature != signature
        if opened is None or mended:
            self.close()
            # The signature is older than what is read: a change meanwhile is seen at the next look.
            opened = self._opened = self._open(signature)
        lake = opened.lake
        return Sight(served(lake.look(), opened.wanted), lake.configured.quiet, mended)

    def materialize(self, keys: Sequence[AssetKey]) -> RunRecord | None:
        with self._let_go() as lake:
            return lake.materialize(*map(str, keys))

    def retry(self, run: str) -> RunRecord:
        with self._let_go() as lake:
            return lake.retry(run)

    def judge(self) -> None:
        if lake := self._telling():
            lake.alerts.judge()

    def send(self) -> None:
        if lake := self._telling():
            lake.alerts.send(seconds=AFTER_A_COMMAND)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.lake.close()
            self._opened = None

    def _telling(self) -> Lake | None:
        """The open lake, where its settings name somebody who wants alerts."""
        return self.lake if self.lake and self.lake.configured.alerts else None

    def _open(self, signature: Signature) -> _Opened:
        opened = lakes.open(self.root, settings=self._settings)
        # The loop says when alerts are sent: runs would send them in quiet hours too.
        lake = replace(opened, afterwards=lambda _: None)
        try:
            kept = set(lake.select(*self._selection, exclude=self._exclude))
        except BaseException:
            lake.close()
            raise
        wanted = refreshes(lake.project, lake.configured.refresh)
        return _Opened(lake, {key: said if key in kept else () for key, said in wanted.items()}, signature)

    @contextmanager
    def _let_go(self) -> Iterator[Lake]:
        """The lake for one run. Its processes and their memory are let go of when that has ended."""
        assert self._opened is not None, "a lake is looked at before it is written to"
        try:
            yield self._opened.lake
        finally:
            self._opened.lake.close()
