"""What somebody probably meant: the nearest of the words that exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, options: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The option that looks most like `word`, letter case ignored; None when none is as close as `cutoff` (to 1)."""
    spelled = {option.lower(): str(option) for option in options}
    found = get_close_matches(word.lower(), sorted(spelled), n=1, cutoff=cutoff)
    return spelled[found[0]] if found else None


def did_you_mean(word: str, options: Iterable[str], otherwise: str) -> str:
    """A hint: the nearest option as a question, else `otherwise`."""
    return _asked(nearest(word, options), otherwise)


def did_you_mean_asset(key: object, options: Iterable[object], otherwise: str) -> str:
    """The same for `layer.name`, where the layer that all share must not make names look alike."""
    return _asked(nearest(str(key), map(str, options), cutoff=0.8), otherwise)


def _asked(found: str | None, otherwise: str) -> str:
    return otherwise if found is None else f"did you mean {found!r}?"
