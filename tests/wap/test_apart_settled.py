"""How an intent is settled when others come between: who still works is left alone, and what stays torn is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from lakeflow.core.errors import LakeError
from lakeflow.core.intents.intent import Intent
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Drop, Rollback
from lakeflow.core.model.run import RunState
from lakeflow.wap.settle import settle_orphans, settled
from tests.core.samples import key, keys
from tests.memory import LostAnswerError, MemoryCatalog, MemoryServer
from tests.memory.server import NOTHING
from tests.wap.doubles import Crash
from tests.wap.lab import Lab, chain, states

NAMES = ("bronze.a", "silver.b", "gold.c")


def rewritten() -> Lab:
    """All three are on main, and have new code."""
    lab = chain(MemoryServer)
    lab.materialize()
    lab.define("silver.b", lambda rows: [3 * number for number in rows["bronze.a"]], "bronze.a")
    lab.define("gold.c", lambda rows: [-sum(rows["silver.b"])], "silver.b")
    lab.define("bronze.a", [5], reads=("a.csv",))
    return lab


def dies(lab: Lab, at: int) -> None:
    """The process dies when the server has changed so many tables."""

    def moment(now: int) -> None:
        if now == at:
            lab.dead = True
            raise Crash("while the server was at work")

    lab.catalog.moment = moment
    with pytest.raises(Crash):
        lab.materialize()
    lab.catalog.moment = lambda _: None
    lab.reopen()


def left_over(lab: Lab) -> Intent:
    [found] = lab.ledger.intents().open
    assert isinstance(found, Intent)
    return found


def next_run(lab: Lab) -> None:
    lab.define("bronze.other", [5])
    lab.materialize("bronze.other")
    assert lab.ledger.intents().open == ()


def test_the_intent_of_a_process_at_work_is_its_own_affair() -> None:
    lab, seen = chain(MemoryServer), list[Intent]()

    def moment(now: int) -> None:
        if now == 0:
            settle_orphans(lab.world)
            seen.append(left_over(lab))

    lab.catalog.moment = moment
    assert lab.materialize().state is RunState.PUBLISHED
    assert len(seen) == 1


def test_an_intent_says_where_each_table_stood() -> None:
    lab = chain(MemoryServer)
    lab.materialize()
    lab.define("silver.b", [3], "bronze.a")
    before = list[str]()

    def moment(now: int) -> None:
        if now == 0:
            before.append(lab.table("silver.b").version)

    lab.catalog.moment = moment
    lab.crash_at("ledger.fulfil>")
    with pytest.raises(Crash):
        lab.materialize("silver.b")
    assert left_over(lab).seen[key("silver.b")] == before[0]


def test_a_commit_that_the_server_refused_is_no_intent_any_more() -> None:
    lab = chain(MemoryServer)
    lab.materialize()
    lab.define("silver.b", [3], "bronze.a")
    lab.at("catalog.commit>", lambda: lab.foreign_append("silver.b", [9]))
    lab.materialize("silver.b")
    assert lab.ledger.intents().open == ()
    assert lab.ledger.intents().last > 1, "it was one before"


@pytest.mark.parametrize("kind", [MemoryCatalog, MemoryServer])
def test_what_is_recorded_of_an_asset_goes_to_its_new_name(kind: type[MemoryCatalog]) -> None:
    lab = chain(kind)
    lab.materialize()
    [said] = lab.ledger.verdicts(keys("silver.b"))[key("silver.b")]
    silver = lab.assets.pop(key("silver.b"))
    lab.define("silver.new", lab.engine.recipes[silver.code_version], "bronze.a", renamed_from=key("silver.b"))
    lab.materialize("silver.new")
    assert lab.ledger.verdicts(keys("silver.b")) == {key("silver.b"): ()}
    assert replace(said, asset=key("silver.new")) in lab.ledger.verdicts(keys("silver.new"))[key("silver.new")]


class Restless(MemoryServer):
    """Whatever is looked for is there at each second look only."""

    looks = 0

    def landed(self, intent: Intent) -> Mapping[AssetKey, bool]:
        self.looks += 1
        return {change.key: self.looks % 2 == 0 for change in intent.changes}


def test_a_catalog_that_never_comes_to_rest_is_given_up_with_what_to_type() -> None:
    lab = chain(Restless)
    dies(lab, 0)
    with pytest.raises(LakeError) as refused:
        settled(lab.world, left_over(lab))
    assert refused.value.message == "the catalog keeps changing while the outcome of a commit is looked for"
    assert refused.value.hint == "run the command again: it goes on with it"
    left_over(lab)


def test_what_cannot_be_finished_nor_put_back_stays_and_is_said() -> None:
    lab = rewritten()
    dies(lab, 1)
    lab.foreign_append("bronze.a", [8])
    lab.foreign_append("gold.c", [7])
    next_run(lab)
    run = lab.run("r2")
    assert run.reason == (
        "the catalog published bronze.a, silver.b and not gold.c, where another engine had moved main; "
        "silver.b was put back, bronze.a stays"
    )
    assert states(run) == {"run": "conflict", "bronze.a": "published", "silver.b": "conflict", "gold.c": "conflict"}
    assert [lab.rows(name) for name in NAMES] == [[1, 2, 5, 8], [2, 4], [6, 7]]


def test_where_nothing_can_be_put_back_that_is_said_as_well() -> None:
    lab = rewritten()
    dies(lab, 2)
    lab.foreign_append("bronze.a", [8])
    lab.foreign_append("silver.b", [8])
    lab.foreign_append("gold.c", [7])
    next_run(lab)
    assert lab.run("r2").reason.endswith("had moved main; nothing was put back, bronze.a, silver.b stays")


def test_who_waits_for_an_answer_learns_that_a_part_was_put_back() -> None:
    lab = rewritten()

    def moment(now: int) -> None:
        if now == 1:
            lab.catalog.moment = lambda _: None
            lab.foreign_append("gold.c", [7])
            raise LostAnswerError

    lab.catalog.moment = moment
    with pytest.raises(LakeError):
        lab.materialize()
    assert lab.ledger.intents().open == ()
    assert lab.rows("silver.b") == [2, 4]


def test_a_branch_that_is_fenced_already_is_published_with_the_rest_of_its_run() -> None:
    """The fence of one process died in the middle, and then a late request changed another table."""
    lab = chain(MemoryServer)
    dies(lab, 0)
    made = left_over(lab)
    lab.catalog.fence(replace(made, changes=made.changes[:1]))
    lab.catalog.late(made.changes[1:2])
    next_run(lab)
    assert [lab.rows(name) for name in NAMES] == [[1, 2], [2, 4], [6]]
    assert lab.run("r1").state is RunState.PUBLISHED


def test_a_table_that_was_dropped_meanwhile_has_no_branch_to_drop() -> None:
    lab = chain(MemoryServer)
    dies(lab, 0)
    MemoryCatalog.register(lab.catalog, [Drop(key("gold.c"), lab.table("gold.c").version)], NOTHING)
    next_run(lab)
    assert [lab.rows(name) for name in NAMES[:2]] == [None, None]
    assert lab.branches("bronze.a") == []


def decided(lab: Lab) -> list[Change]:
    """A rollback whose process died before the server had done anything; what it had asked for."""
    asked = list[Change]()

    def moment(now: int) -> None:
        asked.extend(left_over(lab).changes)  # type: ignore[arg-type]  # a rollback registers nothing
        lab.dead = True
        raise Crash("while the server was at work")

    lab.catalog.moment = moment
    with pytest.raises(Crash):
        lab.rollback("r1")
    lab.catalog.moment = lambda _: None
    lab.reopen()
    return asked


def test_a_rollback_that_another_engine_made_impossible_is_given_up() -> None:
    lab = chain(MemoryServer)
    lab.materialize()
    decided(lab)
    lab.foreign_append("silver.b", [9])
    next_run(lab)
    assert [lab.rows(name) for name in NAMES] == [[1, 2], [2, 4, 9], [6]]
    assert lab.run("r1").state is RunState.PUBLISHED


def test_a_rollback_that_comes_late_while_it_is_looked_for_has_come() -> None:
    lab = chain(MemoryServer)
    lab.materialize()
    asked = decided(lab)
    assert any(isinstance(change, Rollback) for change in asked)
    lab.at("catalog.commit>", lambda: lab.catalog.late(asked))
    next_run(lab)
    assert [lab.rows(name) for name in NAMES] == [None, None, None]
    assert lab.run("r1").state is RunState.ROLLED_BACK
