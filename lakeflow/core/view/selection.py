"""Selections: which assets are meant, in one small language for the command line, Python and the screens.

A name, glob, layer, tag or owner that no asset has is a typing error, and is refused wherever it stands. `status:`,
`state:` and `health:` ask how the lake stands now, so finding no asset may be the true answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final

from lakeflow.core.errors import SelectionError
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Project, Upstreams, ancestors, downstreams
from lakeflow.core.model.run import RunRecord
from lakeflow.core.values import dataclass
from lakeflow.core.view.rows import AssetState, AssetStatus, Health
from lakeflow.core.view.selection_grammar import AllOf, AnyOf, Expression, Not, Term, parse
from lakeflow.core.wording import nearest

Groups = Mapping[str, Collection[AssetKey]]
"""What may follow a prefix, and which assets it means."""

_SHOWN: Final = 8
_EVERYTHING: Final = "`lakeflow list` shows all assets, `lakeflow status` how they stand"


@dataclass(frozen=True)
class LakeStatus:
    """How a lake stands at one moment: the status of every asset, the assets that differ from what is published, and
    the runs that left something unpublished which no later run took up, newest first.
    """

    statuses: Mapping[AssetKey, AssetStatus]
    modified: frozenset[AssetKey]
    waiting: tuple[RunRecord, ...]


@dataclass(frozen=True)
class SelectionContext:
    """What a selection may ask about a lake. `look` reads the catalog; it is called at most once."""

    project: Project
    look: Callable[[], LakeStatus]

    @cached_property
    def standing(self) -> LakeStatus:
        return self.look()

    @cached_property
    def upstreams(self) -> Upstreams:
        return {key: asset.upstreams for key, asset in self.project.assets.items()}

    @cached_property
    def downstreams(self) -> Upstreams:
        return downstreams(self.upstreams)

    @cached_property
    def names(self) -> Mapping[str, AssetKey]:
        return {str(key): key for key in self.project.assets}


def select(said: Sequence[str], known: SelectionContext, exclude: str = "") -> tuple[AssetKey, ...]:
    """The assets that are meant and not excluded, in the order of the project. Without a selection all are meant.

    SelectionError when a term or the whole selects nothing, unless it asks how the lake stands.

    The texts are read as one, with a space between them.
    """
    chosen = _assets(parse(" ".join(said)), known) if said else set(known.upstreams)
    if exclude.strip():
        chosen -= _assets(parse(exclude), known)
    asked = bool(said) or bool(exclude.strip())  # a project without an asset has nothing, and is no error
    if not chosen and asked and not _asks_how_it_stands(said, exclude):
        raise SelectionError(f"{' '.join(spelled(said, exclude))!r} selects no asset", hint=_EVERYTHING)
    return tuple(key for key in known.upstreams if key in chosen)


def _asks_how_it_stands(said: Sequence[str], exclude: str) -> bool:
    """Does the term ask how the lake stands? That nothing is held or late is an answer; that no asset has a name is an
    error.
    """
    texts = (" ".join(said), exclude)
    return any(term.prefix in _LOOKING for text in texts if text.strip() for term in _terms(parse(text)))


def _terms(expression: Expression) -> Iterator[Term]:
    match expression:
        case AnyOf(parts) | AllOf(parts):
            for part in parts:
                yield from _terms(part)
        case Not(part):
            yield from _terms(part)
        case Term():
            yield expression


def spelled(said: Sequence[str], exclude: str = "") -> tuple[str, ...]:
    """A selection that says the same without `exclude`."""
    if not exclude.strip():
        return tuple(said)
    without = f"not ({exclude})"
    return (f"({' '.join(said)}) and {without}" if said else without,)


def _assets(expression: Expression, known: SelectionContext) -> set[AssetKey]:
    match expression:
        case AnyOf(parts):
            return set[AssetKey]().union(*(_assets(part, known) for part in parts))
        case AllOf(parts):
            return set.intersection(*(_assets(part, known) for part in parts))
        case Not(part):
            return known.upstreams.keys() - _assets(part, known)
        case Term():
            return _around(expression, known)


def _around(term: Term, known: SelectionContext) -> set[AssetKey]:
    found = _having(term, known) if term.prefix else _named(term, known)
    above = ancestors(found, known.upstreams, term.up)
    below = ancestors(found, known.downstreams, term.down) if term.down != 0 else found
    return above | below


def _named(term: Term, known: SelectionContext) -> set[AssetKey]:
    found = _matching(term.value, known.names)
    if not found:
        raise _nothing(term, _likely_name(term.value, known.names), "`lakeflow list` shows all assets")
    return {known.names[name] for name in found}


def _having(term: Term, known: SelectionContext) -> set[AssetKey]:
    if term.prefix not in _GROUPS:
        likely = nearest(term.prefix, _GROUPS)
        choice = "assets are selected by " + ", ".join(f"`{prefix}:`" for prefix in _GROUPS)
        raise _nothing(term, likely and str(Term(likely, term.value)), choice)
    groups = _GROUPS[term.prefix](known)
    words = _matching(term.value, groups)
    if not words:
        likely = nearest(term.value, groups)
        raise _nothing(term, likely and str(Term(term.prefix, likely)), _choice(term.prefix, groups))
    return {key for word in words for key in groups[word]}


def _matching(value: str, words: Collection[str]) -> list[str]:
    """The words that equal the value, or that it matches as a glob."""
    return [value] if value in words else [word for word in words if fnmatchcase(word, value)]


def _likely_name(value: str, names: Mapping[str, AssetKey]) -> str | None:
    """The name that was probably meant. A layer that all share must not make names look alike."""
    if "." in value:
        globs = [f"{layer}.*" for layer in Layer] if "*" in value else []
        return nearest(value, [*names, *globs], cutoff=0.8)
    without_layer = {key.name: name for name, key in reversed(tuple(names.items()))}
    likely = nearest(value, without_layer)
    return likely and without_layer[likely]


def _nothing(term: Term, likely: str | None, otherwise: str) -> SelectionError:
    return SelectionError(f"nothing matches {str(term)!r}", hint=f"did you mean `{likely}`?" if likely else otherwise)


def _choice(prefix: str, groups: Groups) -> str:
    if not groups:
        return f"no asset has a {prefix}"
    shown = [f"`{Term(prefix, word)}`" for word in sorted(groups)[:_SHOWN]]
    return "there is " + ", ".join(shown) + (", …" if len(groups) > _SHOWN else "")


def _grouped(pairs: Iterable[tuple[str, AssetKey]]) -> Groups:
    groups: dict[str, set[AssetKey]] = {}
    for word, key in pairs:
        groups.setdefault(word, set()).add(key)
    return groups


def _layers(known: SelectionContext) -> Groups:
    return _grouped((str(key.layer), key) for key in known.project.assets)


def _tags(known: SelectionContext) -> Groups:
    return _grouped((tag, key) for key, asset in known.project.assets.items() for tag in asset.tags)


def _owners(known: SelectionContext) -> Groups:
    return _grouped((asset.owner, key) for key, asset in known.project.assets.items() if asset.owner)


def _statuses(known: SelectionContext) -> Groups:
    states = {key: status.state for key, status in known.standing.statuses.items()}
    return {word.replace(" ", "_"): {key for key, state in states.items() if state is word} for word in AssetState}


def _healths(known: SelectionContext) -> Groups:
    healths = {key: status.health for key, status in known.standing.statuses.items()}
    return {str(word): {key for key, health in healths.items() if health is word} for word in Health}


def _states(known: SelectionContext) -> Groups:
    return {"modified": known.standing.modified}


_GROUPS: Final[Mapping[str, Callable[[SelectionContext], Groups]]] = {
    "layer": _layers,
    "tag": _tags,
    "owner": _owners,
    "status": _statuses,
    "state": _states,
    "health": _healths,
}
"""Prefix → what may follow it. Only the last three read the catalog."""
_LOOKING: Final = frozenset({"status", "state", "health"})
