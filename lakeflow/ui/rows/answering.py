"""The process that pages ask for rows: `python -m lakeflow.ui.rows.answering <pid of the parent>`.

`lakeflow.ui.rows.lake` starts it, and ends it where a step of a question cannot be interrupted. It has a lake of its
own on the same tables, and takes no more memory than it may.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from lakeflow.adapters.machine.files.code_files import Signature, signature
from lakeflow.adapters.processes import Parent
from lakeflow.adapters.processes.protocol import OneWayCall, reply_of
from lakeflow.core.errors import AssetError, UsageError
from lakeflow.core.model.table import MAIN
from lakeflow.lake import lake as lakes
from lakeflow.lake.reading import ReadableLake
from lakeflow.ui.rows.bounds import bounded
from lakeflow.ui.rows.questions import LakeQuestions


class AnsweringLake:
    """The lake as its files and tables are at the moment of each question."""

    def __init__(self, root: Path, settings: Mapping[str, str]) -> None:
        self._root, self._settings = root, settings
        self._files: Signature = frozenset()
        self._lake: ReadableLake | None = None

    def answer(self, method: str, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        """Masks are those of now: the project's files are looked at before each answer."""
        files = signature(self._root)
        if self._lake is None or files != self._files:
            before, self._lake = self._lake, None
            self._lake = lakes.look_again(before, self._settings) if before else self._opened()
            self._files = files
        return getattr(LakeQuestions(self._lake), method)(*arguments, **named)

    def warm_up(self) -> None:
        """Open lake and engine, which no question is to wait for. LakeflowErrors of the lake are raised."""
        with suppress(UsageError, AssetError):  # whoever asks something is told
            self.answer("query", ("select 1",), {"ref": MAIN, "as_of": None, "limit": 1})

    def interrupt(self) -> None:
        if self._lake is not None:
            self._lake.interrupt()

    def _opened(self) -> ReadableLake:
        return lakes.look(self._root, settings=self._settings)


def main() -> None:
    made: list[AnsweringLake] = []

    def heed(_urgent: OneWayCall) -> None:
        made[0].interrupt()

    parent = Parent(goes_first=900, heed=heed)
    root, settings = parent.receive().arguments
    os.chdir(root)  # relative paths in SQL begin here
    bounded(settings["memory_limit"])
    made.append(AnsweringLake(Path(root), settings))
    parent.send(reply_of(made[0].warm_up, traces=False))
    while True:
        asked = parent.receive()
        parent.send(reply_of(partial(made[0].answer, asked.method, *asked.arguments), traces=False))


if __name__ == "__main__":
    main()
