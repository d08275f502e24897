"""The little language that says which assets are meant."""

from __future__ import annotations

import string
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakeflow.core.errors import SelectionError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Project, ancestors
from lakeflow.core.view.rows import AssetState, AssetStatus
from lakeflow.core.view.selection import LakeStatus, SelectionContext, select, spelled
from tests.core.samples import asset, key, names, project
from tests.explored import explored

LAKE = project(
    asset("bronze.flights", owner="ada", tags=("hourly",)),
    asset("bronze.weather", owner="Data Team", tags=("weather", "hourly")),
    asset("silver.flights", "bronze.flights", owner="ada"),
    asset("silver.weather", "bronze.weather", tags=("weather",)),
    asset("gold.delays", "silver.flights silver.weather", tags=("weather",)),
    asset("gold.carriers", "silver.flights"),
)
HEALTH = {
    "bronze.flights": AssetState.FRESH,
    "bronze.weather": AssetState.FRESH,
    "silver.flights": AssetState.STALE,
    "silver.weather": AssetState.HELD,
    "gold.delays": AssetState.NEVER_BUILT,
    "gold.carriers": AssetState.NEVER_BUILT,
}
MODIFIED = frozenset({key("silver.weather"), key("gold.delays")})


def known(lake: Project = LAKE, health: Mapping[str, AssetState] = HEALTH) -> SelectionContext:
    statuses = {key(name): AssetStatus(key(name), state) for name, state in health.items()}
    return SelectionContext(lake, lambda: LakeStatus(statuses, MODIFIED & lake.assets.keys(), ()))


def unlooked(lake: Project = LAKE) -> SelectionContext:
    """A lake that must not be looked at."""

    def look() -> LakeStatus:
        raise AssertionError("the catalog was read")

    return SelectionContext(lake, look)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("silver.flights", "silver.flights"),
        ("+silver.flights", "bronze.flights silver.flights"),
        ("silver.flights+", "silver.flights gold.delays gold.carriers"),
        ("+silver.flights+", "bronze.flights silver.flights gold.delays gold.carriers"),
        ("1+gold.carriers", "silver.flights gold.carriers"),
        ("2+gold.carriers", "bronze.flights silver.flights gold.carriers"),
        ("0+gold.carriers+0", "gold.carriers"),
        ("bronze.weather+1", "bronze.weather silver.weather"),
        ("1+silver.weather+1", "bronze.weather silver.weather gold.delays"),
        ("silver.*", "silver.flights silver.weather"),
        ("*.weather", "bronze.weather silver.weather"),
        ("*.[fd]*", "bronze.flights silver.flights gold.delays"),
        ("layer:gold", "gold.delays gold.carriers"),
        ("+layer:silver", "bronze.flights bronze.weather silver.flights silver.weather"),
        ("tag:weather", "bronze.weather silver.weather gold.delays"),
        ("tag:*ly", "bronze.flights bronze.weather"),
        ("owner:ada", "bronze.flights silver.flights"),
        ('owner:"Data Team"', "bronze.weather"),
        ("owner:*", "bronze.flights bronze.weather silver.flights"),
        ("gold.carriers bronze.weather", "bronze.weather gold.carriers"),
        ("gold.carriers or bronze.weather", "bronze.weather gold.carriers"),
        ("+gold.delays,layer:silver", "silver.flights silver.weather"),
        ("silver.* and *.weather", "silver.weather"),
        ("tag:weather and not gold.*", "bronze.weather silver.weather"),
        ("not layer:gold", "bronze.flights bronze.weather silver.flights silver.weather"),
        ("layer:silver and (owner:ada or tag:weather)", "silver.flights silver.weather"),
    ],
)
def test_what_the_files_say_is_selected_in_the_order_of_the_project_without_a_look_at_the_catalog(
    said: str, meant: str
) -> None:
    assert names(select([said], unlooked())) == meant.split()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("status:held", "silver.weather"),
        ("status:never_built", "gold.delays gold.carriers"),
        ("status:held status:stale", "silver.flights silver.weather"),
        ("+status:stale", "bronze.flights silver.flights"),
        ("not status:fresh and not layer:gold", "silver.flights silver.weather"),
        ("status:unaudited or gold.delays", "gold.delays"),
        ("gold.* and not status:unaudited", "gold.delays gold.carriers"),
        ("state:modified", "silver.weather gold.delays"),
        ("state:modified+,layer:gold", "gold.delays"),
    ],
)
def test_how_the_lake_stands_is_selected_too_and_nothing_standing_so_is_no_mistake(said: str, meant: str) -> None:
    assert names(select([said], known())) == meant.split()


def test_the_lake_is_looked_at_once_however_often_it_is_asked() -> None:
    looks = []

    def look() -> LakeStatus:
        looks.append(1)
        return known().standing

    select(["status:held status:stale state:modified"], SelectionContext(LAKE, look), "status:fresh")
    assert looks == [1]


def test_nothing_said_means_everything() -> None:
    assert select([], unlooked()) == tuple(LAKE.assets)


def test_several_texts_are_read_as_one_so_that_a_shell_needs_no_quotes() -> None:
    assert names(select(["gold.carriers", "bronze.weather"], known())) == ["bronze.weather", "gold.carriers"]
    assert names(select(["layer:silver", "and", "not", "owner:ada"], known())) == ["silver.weather"]


@pytest.mark.parametrize(
    ("said", "exclude", "meant"),
    [
        ([], "layer:bronze silver.*", "gold.delays gold.carriers"),
        (["+gold.carriers"], "bronze.*", "silver.flights gold.carriers"),
        (["layer:silver"], "status:held", "silver.flights"),
        (["layer:gold"], "status:held", "gold.delays gold.carriers"),
        (["layer:gold"], " ", "gold.delays gold.carriers"),
    ],
)
def test_what_is_excluded_is_left_out_and_the_whole_can_be_spelled_without_exclude(
    said: list[str], exclude: str, meant: str
) -> None:
    assert names(select(said, known(), exclude)) == meant.split()
    assert names(select(spelled(said, exclude), known())) == meant.split()


LISTED = "`lakeflow list` shows all assets"
EMPTY = "`lakeflow list` shows all assets, `lakeflow status` how they stand"


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("silver.flihgts", "nothing matches 'silver.flihgts'", "did you mean `silver.flights`?"),
        ("2+silver.flihgts+1", "nothing matches 'silver.flihgts'", "did you mean `silver.flights`?"),
        ("flights", "nothing matches 'flights'", "did you mean `bronze.flights`?"),
        ("silvr.*", "nothing matches 'silvr.*'", "did you mean `silver.*`?"),
        ("silver.zzz", "nothing matches 'silver.zzz'", LISTED),
        ("zzz", "nothing matches 'zzz'", LISTED),
        ("layer:golden", "nothing matches 'layer:golden'", "did you mean `layer:gold`?"),
        ("layer:q", "nothing matches 'layer:q'", "there is `layer:bronze`, `layer:gold`, `layer:silver`"),
        ("tag:wether", "nothing matches 'tag:wether'", "did you mean `tag:weather`?"),
        ("tag:", "nothing matches 'tag:'", "there is `tag:hourly`, `tag:weather`"),
        ("owner:data", "nothing matches 'owner:data'", 'did you mean `owner:"Data Team"`?'),
        ("status:frsh", "nothing matches 'status:frsh'", "did you mean `status:fresh`?"),
        ('status:"never built"', "nothing matches 'status:\"never built\"'", "did you mean `status:never_built`?"),
        ("state:new", "nothing matches 'state:new'", "there is `state:modified`"),
        ("tga:weather", "nothing matches 'tga:weather'", "did you mean `tag:weather`?"),
        (
            "x:y",
            "nothing matches 'x:y'",
            "assets are selected by `layer:`, `tag:`, `owner:`, `status:`, `state:`, `health:`",
        ),
        ("not silver.flihgts", "nothing matches 'silver.flihgts'", "did you mean `silver.flights`?"),
        ("silver.* or tag:wether", "nothing matches 'tag:wether'", "did you mean `tag:weather`?"),
        ("layer:gold,layer:silver", "'layer:gold,layer:silver' selects no asset", EMPTY),
    ],
)
def test_what_matches_nothing_is_refused_with_what_was_probably_meant(said: str, message: str, hint: str) -> None:
    with pytest.raises(SelectionError) as caught:
        select([said], known())
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_lake_without_tags_and_owners_says_so() -> None:
    plain = unlooked(project(asset("bronze.raw")))
    for prefix in ("tag", "owner"):
        with pytest.raises(SelectionError) as caught:
            select([f"{prefix}:x"], plain)
        assert caught.value.hint == f"no asset has a {prefix}"


def test_many_tags_are_not_all_listed() -> None:
    many = unlooked(project(asset("bronze.raw", tags=tuple(string.ascii_lowercase))))
    with pytest.raises(SelectionError) as caught:
        select(["tag:42"], many)
    assert caught.value.hint is not None
    assert caught.value.hint.endswith("`tag:h`, …")


@pytest.mark.parametrize(
    "said", ["status:unaudited", "health:degraded", "status:stale and layer:bronze", "not not status:unaudited"]
)
def test_that_nothing_stands_so_is_an_answer(said: str) -> None:
    assert select([said], known()) == ()


def test_excluding_everything_and_excluding_what_is_not_there_are_errors() -> None:
    with pytest.raises(SelectionError, match=r"'\(silver\.\*\) and not \(layer:silver\)' selects no asset"):
        select(["silver.*"], known(), "layer:silver")
    with pytest.raises(SelectionError, match=r"nothing matches 'silver\.wether'"):
        select([], known(), "silver.wether")


@st.composite
def lakes(draw: st.DrawFn) -> SelectionContext:
    size = draw(st.integers(1, 8))
    everything = [f"silver.t{number}" for number in range(size)]
    return known(
        project(*(_drawn(draw, name, everything[:place]) for place, name in enumerate(everything))),
        {name: draw(st.sampled_from(AssetState)) for name in everything},
    )


def _drawn(draw: st.DrawFn, name: str, above: list[str]) -> Asset:
    upstreams = draw(st.sets(st.sampled_from(above), max_size=3)) if above else set()
    return asset(name, " ".join(sorted(upstreams)), tags=draw(st.sampled_from([("a",), ("b",), ("a", "b")])))


def chosen(lake: SelectionContext, *said: str) -> set[AssetKey]:
    """An empty selection is refused by `select`; here it is the empty set."""
    try:
        return set(select(said, lake))
    except SelectionError as error:
        if "selects no asset" not in error.message:
            raise
        return set()


def terms(lake: SelectionContext) -> st.SearchStrategy[str]:
    """Terms that match something, whatever was drawn."""
    plain = st.sampled_from([*lake.names, "silver.*", "layer:silver", "tag:[ab]", "status:fresh", "status:stale"])
    number = st.sampled_from(["", "0", "1", "2"])
    up = number.map(lambda digits: f"{digits}+") | st.just("")
    down = number.map(lambda digits: f"+{digits}") | st.just("")
    return st.tuples(up, plain, down).map("".join)


def expressions(lake: SelectionContext) -> st.SearchStrategy[str]:
    return st.recursive(
        terms(lake),
        lambda inner: (
            inner.map("not ({})".format)
            | st.tuples(inner, inner).map(lambda two: "({}) or ({})".format(*two))
            | st.tuples(inner, inner).map(lambda two: "({}) and ({})".format(*two))
        ),
        max_leaves=4,
    )


@explored(100)
@given(lakes(), st.data())
def test_union_and_intersection_are_those_of_sets(lake: SelectionContext, data: st.DataObject) -> None:
    a, b, c = (data.draw(terms(lake)) for _ in range(3))
    either = chosen(lake, a) | chosen(lake, b)
    assert chosen(lake, a, b) == chosen(lake, b, a) == chosen(lake, f"{a} {b}") == chosen(lake, f"{a} or {b}") == either
    assert chosen(lake, f"{a},{b}") == chosen(lake, f"{b} and {a}") == chosen(lake, a) & chosen(lake, b)
    assert chosen(lake, f"{a},{c} {b},{c}") == chosen(lake, f"({a} {b}) and {c}") == either & chosen(lake, c)
    assert chosen(lake, f"{a},{a}") == chosen(lake, a, a) == chosen(lake, a)


@pytest.mark.long
@explored(100)
@given(lakes(), st.data())
def test_not_is_the_complement_and_obeys_de_morgan(lake: SelectionContext, data: st.DataObject) -> None:
    a, b = data.draw(expressions(lake)), data.draw(expressions(lake))
    assert chosen(lake, f"not ({a})") == set(lake.upstreams) - chosen(lake, a)
    assert chosen(lake, f"not not ({a})") == chosen(lake, a)
    assert chosen(lake, f"not (({a}) or ({b}))") == chosen(lake, f"not ({a}) and not ({b})")
    assert chosen(lake, f"not (({a}) and ({b}))") == chosen(lake, f"not ({a}) or not ({b})")


@pytest.mark.long
@explored(100)
@given(lakes(), st.data())
def test_exclude_is_and_not(lake: SelectionContext, data: st.DataObject) -> None:
    a, b = data.draw(expressions(lake)), data.draw(expressions(lake))
    left = chosen(lake, a) - chosen(lake, b)
    if left or any(word in f"{a} {b}" for word in ("status:", "state:", "health:")):
        assert set(select([a], lake, b)) == left
    else:
        with pytest.raises(SelectionError, match="selects no asset"):
            select([a], lake, b)
    assert chosen(lake, *spelled([a], b)) == left


@explored(100)
@given(lakes(), st.data(), st.integers(0, 9))
def test_more_generations_only_add_and_all_are_the_limit(lake: SelectionContext, data: st.DataObject, n: int) -> None:
    name = data.draw(st.sampled_from([*lake.names]))
    for spell in (f"{{}}+{name}".format, f"{name}+{{}}".format):
        assert chosen(lake, spell(0)) == {lake.names[name]}
        assert chosen(lake, spell(n)) <= chosen(lake, spell(n + 1)) <= chosen(lake, spell(""))
        assert chosen(lake, spell(len(lake.names))) == chosen(lake, spell(""))
    assert chosen(lake, f"{n}+{name}+{n}") == chosen(lake, f"{n}+{name}") | chosen(lake, f"{name}+{n}")
    above = chosen(lake, f"+{name}")
    assert ancestors(above, lake.upstreams) == above


@explored(100)
@given(lakes())
def test_up_and_down_are_each_others_mirror(lake: SelectionContext) -> None:
    for one in lake.upstreams:
        for other in lake.upstreams:
            assert (one in chosen(lake, f"+{other}")) == (other in chosen(lake, f"{one}+"))
            assert (one in chosen(lake, f"2+{other}")) == (other in chosen(lake, f"{one}+2"))


@explored(100)
@given(lakes(), st.data())
def test_the_result_is_in_the_order_of_the_project_without_repeats(lake: SelectionContext, data: st.DataObject) -> None:
    said = data.draw(st.lists(terms(lake), min_size=1, max_size=4))
    found = chosen(lake, *said)
    assert not found or list(select(said, lake)) == [one for one in lake.upstreams if one in found]


@explored(100)
@given(st.text())
@example("[[a]")
@example("[a--b]")
@example("[z-a]")
def test_whatever_is_asked_of_a_lake_is_an_answer_or_a_selection_error(text: str) -> None:
    for asked in (text, f"tag:{text}", f"{text}:weather", f'owner:"{text}"'):
        with suppress(SelectionError):
            assert select([asked], known())
