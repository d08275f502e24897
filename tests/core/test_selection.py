"""The little language that says which assets are meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import SelectionError
from lakeflow.core.model import AssetKey
from lakeflow.core.selection import Upstreams, ancestors, downstreams, select
from tests.core.samples import key, keys, names

LAKE: Upstreams = {
    key("bronze.flights"): frozenset(),
    key("bronze.weather"): frozenset(),
    key("silver.flights"): frozenset(keys("bronze.flights")),
    key("silver.weather"): frozenset(keys("bronze.weather")),
    key("gold.delays"): frozenset(keys("silver.flights silver.weather")),
    key("gold.carriers"): frozenset(keys("silver.flights")),
}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("silver.flights", "silver.flights"),
        ("+silver.flights", "bronze.flights silver.flights"),
        ("silver.flights+", "silver.flights gold.delays gold.carriers"),
        ("+silver.flights+", "bronze.flights silver.flights gold.delays gold.carriers"),
        ("silver.*", "silver.flights silver.weather"),
        ("*.weather", "bronze.weather silver.weather"),
        ("layer:gold", "gold.delays gold.carriers"),
        ("+layer:silver", "bronze.flights bronze.weather silver.flights silver.weather"),
        ("gold.carriers bronze.weather", "bronze.weather gold.carriers"),
        ("+gold.delays,layer:silver", "silver.flights silver.weather"),
        ("silver.*,*.weather", "silver.weather"),
    ],
)
def test_each_form_selects_what_it_says_in_the_order_of_the_project(said: str, meant: str) -> None:
    assert names(select([said], LAKE)) == meant.split()


def test_nothing_said_means_everything() -> None:
    assert select([], LAKE) == tuple(LAKE)


def test_several_arguments_are_a_union() -> None:
    assert names(select(["gold.carriers", "bronze.weather"], LAKE)) == ["bronze.weather", "gold.carriers"]


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("silver.flihgts", "nothing matches 'silver.flihgts'", "did you mean `silver.flights`?"),
        ("zzz", "nothing matches 'zzz'", "`lakeflow list` shows all assets"),
        ("layer:golden", "nothing matches 'golden'", "did you mean `gold`?"),
        ("layer:q", "nothing matches 'q'", "layers are bronze, silver and gold"),
        ("tag:daily", "nothing matches 'tag:'", "`layer:silver` selects by layer"),
        ("++x", "'++x' is not a selection", "write `silver.flights`, `+x`, `x+`, `silver.*` or `layer:silver`"),
        ("silver.*,", "'' is not a selection", "write `silver.flights`, `+x`, `x+`, `silver.*` or `layer:silver`"),
        ("layer:gold,layer:silver", "'layer:gold,layer:silver' selects no asset", "`lakeflow list` shows all assets"),
        ("  ", "'  ' selects no asset", "`lakeflow list` shows all assets"),
    ],
)
def test_what_matches_nothing_is_refused_with_what_was_probably_meant(said: str, message: str, hint: str) -> None:
    with pytest.raises(SelectionError) as caught:
        select([said], LAKE)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_downstreams_turns_every_arrow_round() -> None:
    assert downstreams(LAKE)[key("silver.flights")] == frozenset(keys("gold.delays gold.carriers"))
    assert downstreams(LAKE)[key("gold.delays")] == frozenset()


@st.composite
def graphs(draw: st.DrawFn) -> Upstreams:
    size = draw(st.integers(1, 8))
    everything = [key(f"silver.t{number}") for number in range(size)]
    return {
        one: frozenset(draw(st.sets(st.sampled_from(everything[:place]), max_size=3))) if place else frozenset()
        for place, one in enumerate(everything)
    }


def chosen(graph: Upstreams, *said: str) -> set[AssetKey]:
    """The empty selection is refused by `select`; here it is the empty set."""
    try:
        return set(select(said, graph))
    except SelectionError:
        return set()


def terms(graph: Upstreams) -> st.SearchStrategy[str]:
    plain = st.sampled_from([*map(str, graph), "silver.*", "layer:silver"])
    return st.tuples(st.sampled_from(["", "+"]), plain, st.sampled_from(["", "+"])).map("".join)


@given(graphs(), st.data())
def test_the_algebra_of_selections(graph: Upstreams, data: st.DataObject) -> None:
    a, b, c = (data.draw(terms(graph)) for _ in range(3))
    assert (
        chosen(graph, a, b) == chosen(graph, b, a) == chosen(graph, f"{a} {b}") == chosen(graph, a) | chosen(graph, b)
    )
    assert chosen(graph, f"{a},{b}") == chosen(graph, f"{b},{a}") == chosen(graph, a) & chosen(graph, b)
    assert chosen(graph, f"{a},{c} {b},{c}") == (chosen(graph, a) | chosen(graph, b)) & chosen(graph, c)
    assert chosen(graph, f"{a},{a}") == chosen(graph, a, a) == chosen(graph, a)


@given(graphs(), st.data())
def test_plus_only_adds_and_adding_twice_adds_nothing(graph: Upstreams, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*map(str, graph)]))
    assert chosen(graph, name) <= chosen(graph, f"+{name}")
    assert chosen(graph, f"+{name}+") == chosen(graph, f"+{name}") | chosen(graph, f"{name}+")
    above = chosen(graph, f"+{name}")
    assert ancestors(above, graph) == above


@given(graphs())
def test_up_and_down_are_each_others_mirror(graph: Upstreams) -> None:
    for one in graph:
        for other in graph:
            assert (one in chosen(graph, f"+{other}")) == (other in chosen(graph, f"{one}+"))


@given(graphs(), st.data())
def test_the_result_is_in_the_order_of_the_project_without_repeats(graph: Upstreams, data: st.DataObject) -> None:
    said = data.draw(st.lists(terms(graph), min_size=1, max_size=4))
    found = select(said, graph)
    assert list(found) == [one for one in graph if one in set(found)]
