"""Walking what is made from what."""

from __future__ import annotations

from lakeflow.core.model.asset import Upstreams, ancestors, downstreams
from tests.core.samples import key, keys

CHAIN: Upstreams = {
    key("bronze.raw"): frozenset(),
    key("silver.clean"): frozenset(keys("bronze.raw")),
    key("silver.joined"): frozenset(keys("silver.clean bronze.raw")),
    key("gold.mart"): frozenset(keys("silver.joined")),
}


def test_downstreams_turns_every_arrow_round() -> None:
    turned = downstreams(CHAIN)
    assert turned[key("bronze.raw")] == frozenset(keys("silver.clean silver.joined"))
    assert turned[key("gold.mart")] == frozenset()
    assert downstreams(turned) == CHAIN


def test_ancestors_go_as_many_generations_up_as_asked() -> None:
    mart = keys("gold.mart")
    assert ancestors(mart, CHAIN, 0) == set(mart)
    assert ancestors(mart, CHAIN, 1) == set(keys("gold.mart silver.joined"))
    assert ancestors(mart, CHAIN, 2) == ancestors(mart, CHAIN, 99) == ancestors(mart, CHAIN) == set(CHAIN)
