"""Checks that an input read key by key has the keys of its asset. With other keys, rows would be lost or left
behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakeflow.core.keys import AssetKey
from lakeflow.core.sql.column_origins import ANY, Flows


def unlike(key: Sequence[str], upstream: AssetKey, by: Sequence[str], flows: Flows | None) -> Iterator[tuple[str, str]]:
    """What is wrong where an asset with this key reads all rows of the keys `by`, each fault with what to write.

    `flows` says where a SELECT takes its columns from. Of a function only the names of its key are known, so only names
    that match in part are reported.
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
    """The input columns that a column is made from; the column itself where the text does not tell and the input has
    it.
    """
    found = {origin.column for origin in flows.of(name) if origin.key == upstream}
    return {name} if ANY in found and name in wanted else found
