"""The machine is shared out so that whatever is under way together never takes more than there is."""

from __future__ import annotations

from random import Random
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.keys import AssetKey
from lakeflow.core.run.resources import Resources, beginning, parallel_steps, resources_for
from lakeflow.wap.run.shares import Shares
from tests.core.samples import keys

Graph = dict[AssetKey, frozenset[AssetKey]]
MACHINE = Resources(8, 16_000)
NAMES = keys("bronze.a bronze.b bronze.c silver.d silver.e gold.f gold.g")
NONE: Final[frozenset[AssetKey]] = frozenset()
CHAIN = dict(zip(NAMES, (NONE, *(frozenset({key}) for key in NAMES)), strict=False))
APART = dict.fromkeys(NAMES, NONE)


def graphs() -> st.SearchStrategy[Graph]:
    """Each step needs some of those before it."""
    before = [st.frozensets(st.sampled_from(NAMES[:place])) for place in range(1, len(NAMES))]
    return st.tuples(st.just(NONE), *before).map(lambda needs: dict(zip(NAMES, needs, strict=True)))


@given(needs=graphs(), parallel=st.integers(1, 9), large=st.frozensets(st.sampled_from(NAMES)), choices=st.randoms())
def test_no_schedule_takes_more_than_the_machine_and_every_step_has_its_turn(
    needs: Graph, parallel: int, large: frozenset[AssetKey], choices: Random
) -> None:
    count = parallel_steps(MACHINE, parallel, needs)
    unfinished, written = set(needs), dict[AssetKey, bool]()
    granted: dict[AssetKey, Resources] = {}
    shares = Shares(MACHINE, count, needs, granted)
    while unfinished:
        ready = [key for key in needs if key in unfinished - granted.keys() and not needs[key] & unfinished]
        begin, had = beginning(ready, written, large, count), dict(granted)
        assert begin or granted, "somebody always goes on"
        if begin and (not granted or choices.random() < 0.7):
            key = choices.choice(begin)
            shares.begin(key, large=key in large)
            written[key] = False
        elif writing := [key for key in sorted(written) if not written[key] and choices.random() < 0.7]:
            shares.ease(writing[0])
            written[writing[0]] = True
            assert granted.items() - had.items() <= {(writing[0], granted[writing[0]])}
        else:
            done = choices.choice(sorted(granted))
            more = shares.end(done)
            unfinished.discard(done)
            del written[done]
            assert all(more.get(key, had[key]) == share for key, share in granted.items())
            assert all(
                (share.threads, share.memory) > (had[key].threads, had[key].memory) for key, share in more.items()
            )
        alone = [key for key in large & granted.keys() if not written[key]]
        assert len(alone) <= 1, "only one large step writes at a time"
        assert all(written[key] for key in granted.keys() - set(alone)) or not alone
        assert sum(each.threads for each in granted.values()) <= MACHINE.threads
        assert sum(each.memory for each in granted.values()) <= MACHINE.memory


def test_a_step_that_is_left_alone_gets_the_whole_machine() -> None:
    a, b, c, *_ = NAMES
    assert resources_for(MACHINE, 4, a, [a, b, c], APART).threads == 2
    assert resources_for(MACHINE, 4, a, [a, b], APART).threads == 4
    assert resources_for(MACHINE, 4, a, [a], APART) == MACHINE


def test_a_large_step_is_alone_and_comes_first() -> None:
    a, b, c, *_ = NAMES
    assert beginning([a, b, c], {}, {b, c}, 4) == (b,)
    assert beginning([b, c], {a: False}, {b}, 4) == ()
    assert beginning([a, c], {b: False}, {b}, 4) == ()
    assert list(beginning([a, b, c], {}, (), 2)) == [a, b]


def test_others_begin_beside_a_large_step_once_its_rows_are_written() -> None:
    a, b, c, *_ = NAMES
    assert list(beginning([a, c], {b: True}, {b}, 2)) == [a]
    assert beginning([a, c], {b: True}, {b, c}, 2) == (c,)
    assert beginning([c], {a: True, b: True}, {b, c}, 2) == ()
    assert beginning([c], {a: False, b: True}, {b, c}, 4) == ()


def test_who_begins_beside_the_audit_of_a_large_step_has_all_once_that_is_over() -> None:
    a, b, c, *_ = NAMES
    granted: dict[AssetKey, Resources] = {}
    shares = Shares(MACHINE, 2, dict.fromkeys((a, b, c), NONE), granted)
    shares.begin(a, large=True)
    assert granted == {a: MACHINE}
    shares.ease(a)
    shares.begin(b, large=True)
    assert granted == {a: Resources(4, 8_000), b: Resources(4, 8_000)}
    assert shares.end(a) == {b: MACHINE}


def test_the_audit_of_a_step_that_nothing_can_run_beside_has_the_whole_machine() -> None:
    a, b, *_ = NAMES
    granted: dict[AssetKey, Resources] = {}
    shares = Shares(MACHINE, 2, {a: NONE, b: frozenset({a})}, granted)
    shares.begin(a, large=True)
    shares.ease(a)
    assert granted == {a: MACHINE}


def test_a_step_that_nothing_can_run_beside_has_the_whole_machine() -> None:
    assert resources_for(MACHINE, 4, NAMES[3], NAMES[3:], CHAIN) == MACHINE
    assert resources_for(MACHINE, 4, NAMES[0], NAMES[:1], APART) == MACHINE


def test_steps_side_by_side_have_equal_parts() -> None:
    assert resources_for(MACHINE, 4, NAMES[0], NAMES, APART) == Resources(2, 4_000)
    assert resources_for(MACHINE, 4, NAMES[0], NAMES[:2], APART) == Resources(4, 8_000)


def test_there_are_as_many_lanes_as_asked_for_with_a_thread_each_and_one_for_a_chain() -> None:
    assert parallel_steps(MACHINE, 3, APART) == 3
    assert parallel_steps(Resources(2, 16_000), 3, APART) == 2
    assert parallel_steps(MACHINE, 3, CHAIN) == 1
