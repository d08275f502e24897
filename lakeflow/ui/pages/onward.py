"""Where the rows of an asset lead: the same rows in the order of a column, and to a SELECT of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlencode

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Rows


def ordered(key: AssetKey, rows: Rows, named: Mapping[str, str], hidden: Collection[str]) -> Mapping[str, str]:
    """The address that orders by each column, downwards where it is upwards now. Personal columns order nothing."""
    found = {}
    for name in rows.columns:
        if name.lower() not in hidden:
            column = '"' + name.replace('"', '""') + '"'
            order = f"{column} desc" if named.get("order_by") == column else column
            asked = {each: value for each, value in {**named, "order_by": order}.items() if value}
            found[name] = f"/assets/{key}/data?{urlencode(asked)}"
    return found


def as_select(key: AssetKey, named: Mapping[str, str]) -> str:
    """The question, as the page for a SELECT is asked; empty for one snapshot, which a SELECT does not name."""
    if named.get("snapshot"):
        return ""
    clauses = [f"select {named.get('columns') or '*'} from {key}"]
    clauses += [
        f"{word} {named[name]}" for word, name in (("where", "where"), ("order by", "order_by")) if named.get(name)
    ]
    asked = {"sql": "\n".join(clauses), "ref": named.get("ref", ""), "as_of": named.get("as_of", "")}
    return urlencode({name: value for name, value in asked.items() if value})
