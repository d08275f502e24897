"""Our names as Dagster spells them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final

import dagster as dg

from lakeflow.core.keys import AssetKey, TableKey

VERDICT: Final = "verdict"
"""The check that each asset has beside its own: was the last write published?"""
_OTHER: Final = re.compile(r"[^A-Za-z0-9]+")
_LONGEST: Final = 80


def dagster_key(key: TableKey) -> dg.AssetKey:
    """`silver.weather` as `silver/weather`."""
    return dg.AssetKey(str(key).split("."))


def asset_of(key: dg.AssetKey) -> AssetKey:
    return AssetKey.parse(".".join(key.path))


def check_names(names: Iterable[str]) -> Mapping[str, str]:
    """The name in Dagster of each check, which knows letters, digits and underscores alone: `wind between 0 and 200` is
    `wind_between_0_and_200`.

    Of two that read alike, and of a long one, the end tells them apart, whatever other checks there are.
    """
    spelled = {name: _OTHER.sub("_", name).strip("_") for name in names}
    counts: dict[str, int] = {VERDICT: 1}
    for text in spelled.values():
        counts[text.lower()] = counts.get(text.lower(), 0) + 1
    return {
        name: text if text and counts[text.lower()] == 1 and len(text) <= _LONGEST else _marked(text, name)
        for name, text in spelled.items()
    }


def _marked(text: str, name: str) -> str:
    return f"{text[:_LONGEST]}_{blake2b(name.encode(), digest_size=4).hexdigest()}".lstrip("_")
