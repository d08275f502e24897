"""Are the keys of which an input is read whole those of the asset? Else rows of a key are lost, or left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakeflow.core.keys import AssetKey
from lakeflow.core.sql.column_origins import ANY, Flows


def unlike(key: Sequence[str], upstream: AssetKey, by: Sequence[str], flows: Flows | None) -> Iterator[tuple[str, str]]:
    """What is wrong where an asset with this key reads all rows of the keys `by`, each with what to write.

    `flows` says where a SELECT takes its columns from. Of a function no more is known than the names of its key: there
    only names that are partly the same are wrong.
    """
    names, wanted = [name.lower() for name in key], {name.lower() for name in by}
    if flows is None and not wanted & set(names):
        return
    made = {name: {name} if flows is None else _made_of(flows, name, upstream, wanted) for name in names}
    finer = [name for name in names if not made[name] or not made[name] <= wanted]
    coarser = sorted(wanted.difference(*made.values()))
    told = f"new_keys reads all rows of each {', '.join(by)} in {upstream}"
    if finer:
        hint = f"name in new_keys the columns that the key is made of ({', '.join(key)}), or drop them from the key"
        yield f"{told}, and its key tells apart by {', '.join(finer)} too: what is not given again would stay", hint
    elif coarser:
        hint = f"add {', '.join(coarser)} to the key, or drop it from new_keys"
        yield f"{told}, and its key is not made of {', '.join(coarser)}: a part of its rows would replace all", hint


def _made_of(flows: Flows, name: str, upstream: AssetKey, wanted: set[str]) -> set[str]:
    """The columns of the input that a column is made of; itself where the text does not tell and it is one of them."""
    found = {origin.column for origin in flows.of(name) if origin.key == upstream}
    return {name} if ANY in found and name in wanted else found
