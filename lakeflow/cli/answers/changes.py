"""What a checkout changes against main or a commit, as an answer: 1 when something breaks, with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lakeflow.as_json.changes import breaking_entries, changes_json
from lakeflow.cli.ci.telling import tell
from lakeflow.cli.output import Answer
from lakeflow.cli.screens.review.changes import changes_screen
from lakeflow.core.errors import ProjectError
from lakeflow.core.review.case import cases_of_changes
from lakeflow.core.review.change import Change, ChangeEffect, ChangeKind, Changes
from lakeflow.project import find_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakeflow.cli.session import Session
    from lakeflow.core.errors import Fault
    from lakeflow.lake.lake import Lake


def against_answer(session: Session, ref: str, *, deep: bool) -> Answer:
    """The answer of `check --against`. Files that do not even load are what the change breaks."""
    try:
        with session.loaded() as lake:
            found = lake.against(ref, faults=_faults(lake, deep=deep))
    except ProjectError as error:
        found = Changes(tuple(map(_as_change, error.faults)), other=ref)
    tell(str(find_root(Path(session.project))), lambda: cases_of_changes(found))
    return Answer(
        {"against": changes_json(found)},
        changes_screen(found),
        exit_code=int(bool(found.breaking)),
        errors=breaking_entries(found),
        markdown=_markdown(found),
    )


def _faults(lake: Lake, *, deep: bool) -> Sequence[Fault]:
    try:
        lake.check(deep=deep)
    except ProjectError as error:
        return error.faults
    return ()


def _as_change(fault: Fault) -> Change:
    return Change(ChangeKind.FAULT, ChangeEffect.BREAKING, None, fault.message, "", fault.path, fault.line, fault.hint)


def _markdown(found: Changes) -> str:
    from lakeflow.as_markdown.changes import changes_markdown  # noqa: PLC0415 - few want a comment

    return changes_markdown(found)
