"""Which assets are meant: one small language for the command line, Python and the screens.

`x` the asset · `+x` with all upstreams · `x+` with all downstreams · `silver.*` a glob · `layer:silver`.
Several terms are a union; terms joined by a comma are an intersection. No term selects everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from lakeflow.core.errors import SelectionError
from lakeflow.core.model import AssetKey, Layer

Upstreams = Mapping[AssetKey, frozenset[AssetKey]]
_TERM: Final = re.compile(r"(?P<up>\+)?(?P<name>[^+\s,]+)(?P<down>\+)?")


def select(expressions: Sequence[str], upstreams: Upstreams) -> tuple[AssetKey, ...]:
    """The assets meant, in the order of `upstreams`; SelectionError when a term matches nothing."""
    if not expressions:
        return tuple(upstreams)
    chosen: set[AssetKey] = set()
    for expression in (part for text in expressions for part in text.split()):
        chosen |= set.intersection(*(_term(term, upstreams) for term in expression.split(",")))
    if not chosen:
        raise SelectionError(f"{' '.join(expressions)!r} selects no asset", hint="`lakeflow list` shows all assets")
    return tuple(key for key in upstreams if key in chosen)


def ancestors(keys: Iterable[AssetKey], upstreams: Upstreams) -> set[AssetKey]:
    """The assets and everything that they are made from, directly or not."""
    seen: set[AssetKey] = set()
    queue = list(keys)
    while queue:
        key = queue.pop()
        if key not in seen:
            seen.add(key)
            queue.extend(upstreams.get(key, ()))
    return seen


def downstreams(upstreams: Upstreams) -> Upstreams:
    """The same graph with its arrows turned round."""
    below: dict[AssetKey, set[AssetKey]] = {key: set() for key in upstreams}
    for key, above in upstreams.items():
        for other in above & below.keys():
            below[other].add(key)
    return {key: frozenset(found) for key, found in below.items()}


def _term(term: str, upstreams: Upstreams) -> set[AssetKey]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise SelectionError(
            f"{term!r} is not a selection", hint="write `silver.flights`, `+x`, `x+`, `silver.*` or `layer:silver`"
        )
    found = _named(match["name"], upstreams)
    chosen = set(found)
    if match["up"]:
        chosen |= ancestors(found, upstreams)
    if match["down"]:
        chosen |= ancestors(found, downstreams(upstreams))
    return chosen


def _named(name: str, upstreams: Upstreams) -> set[AssetKey]:
    prefix, colon, value = name.partition(":")
    if colon:
        return _in_layer(prefix, value, upstreams)
    found = {key for key in upstreams if fnmatchcase(str(key), name)}
    if not found:
        raise _nothing(name, [str(key) for key in upstreams], "`lakeflow list` shows all assets")
    return found


def _in_layer(prefix: str, value: str, upstreams: Upstreams) -> set[AssetKey]:
    if prefix != "layer":
        raise _nothing(f"{prefix}:", ["layer:"], "`layer:silver` selects by layer")
    if value not in list(Layer):
        raise _nothing(value, [str(layer) for layer in Layer], "layers are bronze, silver and gold")
    return {key for key in upstreams if key.layer == value}


def _nothing(name: str, known: Sequence[str], otherwise: str) -> SelectionError:
    near = get_close_matches(name, known, n=1)
    return SelectionError(f"nothing matches {name!r}", hint=f"did you mean `{near[0]}`?" if near else otherwise)
