"""The law of `derives`: what a function says its columns are derived from are columns of what it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lakeflow.core.column_names import PROVENANCE
from lakeflow.core.declare.sql_header import line_of_select
from lakeflow.core.errors import Fault
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.model.file_source import LANDED_ROWS
from lakeflow.core.model.scd2_columns import ADDED
from lakeflow.core.model.schema import Schema
from lakeflow.core.sql.column_origins import Named, Star
from lakeflow.core.wording import did_you_mean

if TYPE_CHECKING:
    from lakeflow.core.declare.laws import AssetDraft


def derives_faults(drafts: Sequence[AssetDraft]) -> Iterator[Fault]:
    """Faults that the files themselves tell: an input that is not read, and a column that the SELECT of an input does
    not give.
    """
    by_key = {draft.key: draft for draft in drafts}
    for draft in drafts:
        for column, sources in draft.declaration.derives.items():
            for said in sources:
                yield from _source_faults(draft, column, said, by_key)


def unknown_columns(asset: Asset, schemas: Mapping[AssetKey, Schema]) -> Iterator[Fault]:
    """Faults that only the columns of tables tell, as far as they are known."""
    known = {str(key): key for key in asset.upstreams} | dict(asset.inputs)
    code = asset.code
    line = code.line if isinstance(code, PythonCode) else line_of_select(code.text, "derives")
    own = schemas.get(asset.key)
    for column, sources in asset.derives.items():
        if own is not None and own.find(column) is None:
            hint = did_you_mean(column, [each.name for each in own.fields], "name a column that the function gives")
            yield Fault(asset.code.path, line, f"derives names {column!r}, which {asset.key} does not have", hint)
        for table, name in (parted(said, known) for said in sources):
            schema = schemas.get(known[table]) if table in known else None
            if schema is not None and schema.find(name) is None:
                names = [each.name for each in schema.fields]
                message = f"derives names column {name!r}, which {known[table]} does not have"
                yield Fault(asset.code.path, line, message, _nearest(name, names))


def parted(said: str, inputs: Iterable[str]) -> tuple[str, str]:
    """The input and the column of `input.column`; the longest input that fits, none where none does."""
    found = next((each for each in sorted(inputs, key=len, reverse=True) if said.startswith(f"{each}.")), "")
    return found, said.removeprefix(f"{found}.")


def _source_faults(draft: AssetDraft, column: str, said: str, drafts: Mapping[AssetKey, AssetDraft]) -> Iterator[Fault]:
    inputs: dict[str, AssetKey | None] = {**draft.inputs, **{str(key): key for key in draft.inputs.values()}}
    inputs |= dict.fromkeys((*draft.externals, *map(str, draft.externals.values())))
    inputs |= {LANDED_ROWS: None} if draft.declaration.source else {}
    table, name = parted(said, inputs)
    if not table or not name:
        reads = ", ".join(sorted(inputs)) or "nothing"
        hint = did_you_mean(said.rpartition(".")[0], inputs, f"write input.column; it reads {reads}")
        message = f"derives of {column!r} names {said!r}, which is no column of an input of {draft.key}"
        yield draft.fault(message, hint, "derives")
        return
    key = inputs[table]
    names = _columns(drafts[key], drafts) if key is not None and key in drafts else None
    if names is not None and name.lower() not in names:
        message = f"derives of {column!r} names column {name!r}, which {key} does not have"
        yield draft.fault(message, _nearest(name, names), "derives")


def _nearest(name: str, names: Iterable[str]) -> str:
    known = sorted(names)
    return did_you_mean(name, known, f"its columns are {', '.join(known)}")


def _columns(draft: AssetDraft, drafts: Mapping[AssetKey, AssetDraft], depth: int = 50) -> frozenset[str] | None:
    """The columns of an asset in lower case; None where its text does not tell all of them."""
    if draft.flows is None or depth == 0:
        return None
    found: set[str] = set(ADDED) if draft.write.traits.versioned else set()
    for each in draft.flows.columns:
        if isinstance(each, Named) and each.name:
            found.add(each.name.lower())
        elif isinstance(each, Star) and each.key in drafts:
            inner = _columns(drafts[each.key], drafts, depth - 1)
            if inner is None:
                return None
            found |= inner - each.without
        else:
            return None
    return frozenset(found | set(PROVENANCE if draft.declaration.source else ()))
