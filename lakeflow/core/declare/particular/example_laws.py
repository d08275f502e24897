"""The laws of examples: what they give is something that the asset or its checks read, and their window is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakeflow.core.errors import Fault
from lakeflow.core.examples.example import Example
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.time.timeline import parse_wall
from lakeflow.core.wording import did_you_mean_asset

if TYPE_CHECKING:
    from lakeflow.core.declare.laws import AssetDraft


def example_faults(draft: AssetDraft, known: set[AssetKey]) -> Iterator[Fault]:
    for example in draft.declaration.examples:
        for message, hint in (*_given(draft, example, known), *_files(draft, example), *_window(draft, example)):
            yield draft.fault(f"example {example.name!r}: {message}", hint, f"examples.{example.number}")


def _given(draft: AssetDraft, example: Example, known: set[AssetKey]) -> Iterator[tuple[str, str]]:
    """Checks may read other tables than the code does: who names failing checks may give any asset."""
    read = {*map(str, draft.inputs.values()), *map(str, draft.externals.values())}
    readable = {*read, *(map(str, known) if example.fails else ())} - {str(draft.key)}
    for name in example.given:
        if name not in readable:
            named = ", ".join(sorted(read))
            hint = did_you_mean_asset(name, readable, f"it reads {named or 'no asset'}")
            yield f"{draft.key} does not read {name}", hint


def _files(draft: AssetDraft, example: Example) -> Iterator[tuple[str, str]]:
    if example.files and draft.key.layer is not Layer.BRONZE:
        yield "only bronze reads files", 'give the rows of its inputs: given."layer.name" = [{...}]'
    if draft.declaration.source is not None and not example.files:
        yield f"{draft.key} lands files, and none is given", 'files."data/a.csv" = "id,name\\n1,x"'


def _window(draft: AssetDraft, example: Example) -> Iterator[tuple[str, str]]:
    if draft.declaration.partition is None:
        if example.partition:
            yield f"{draft.key} has no partitions in time", "drop partition"
        return
    try:
        parse_wall(example.partition)
    except ValueError:
        yield "it does not say which partition is built", 'partition = "2013-01-01"'
