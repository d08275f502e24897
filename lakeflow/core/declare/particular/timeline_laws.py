"""The laws of partitions in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakeflow.core.errors import Fault
from lakeflow.core.keys import EMPTY
from lakeflow.core.wording import did_you_mean

if TYPE_CHECKING:
    from lakeflow.core.declare.laws import AssetDraft


def timeline_faults(draft: AssetDraft) -> Iterator[Fault]:
    said = draft.declaration
    if said.partition is None:
        for name in ("start", "end", "lookback", "zone", "input_times"):
            if getattr(said, name) not in (None, "", EMPTY):
                hint = 'say what is built from then on: partition = "day(departed_at)"'
                yield draft.fault(f"{draft.key} has {name} and no partition", hint, name)
    elif said.start is None:
        hint = 'say where its partitions begin: start = "2013-01-01"'
        yield draft.fault(f"{draft.key} has a partition and no start", hint, "partition")
    elif not draft.write.traits.by_partition:
        hint = f'drop write = "{draft.write}": each partition replaces what stood there of it'
        yield draft.fault(f"{draft.key} is built by partitions", hint, "write")
    elif (line := draft.timeline) is not None and line.end is not None and line.end <= line.start:
        yield draft.fault(f"{draft.key} ends before it starts", "end is the first moment that is not built", "end")
    known = {*draft.inputs, *map(str, draft.inputs.values())}
    for name in said.input_times if said.partition else ():
        if name not in known:
            hint = did_you_mean(name, sorted(known), f"its inputs are {', '.join(sorted(known))}")
            yield draft.fault(f"input_times names {name!r}, which {draft.key} does not read", hint, "input_times")
