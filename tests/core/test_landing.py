"""What lands: decided from what is found and what landed, and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import LakeError
from lakeflow.core.landing import Found, Landed, Landing, from_json, landed_set, to_json, to_land
from lakeflow.core.model import WriteMode
from lakeflow.core.planning import plan
from lakeflow.core.source import FileSource, Format
from lakeflow.core.table import Snapshot
from lakeflow.core.verdict import Remedy, reconcile
from tests.core.samples import asset, facts, key, made, project, snapshot, table

SOURCE = FileSource(("data/*.csv",), Format.CSV, {"id": ""})


def found(name: str, content: str) -> Found:
    return Found(name, len(content), hashlib.sha256(content.encode()).hexdigest())


def land(folder: dict[str, str], before: tuple[Landed, ...]) -> tuple[Landed, ...]:
    """The set after one load of the folder; as before when something is at fault."""
    landing = to_land((found(name, content) for name, content in folder.items()), before)
    return before if landing.faults else (*before, *(Landed(f.name, f.hash, f.size, 1) for f in landing.new))


names, contents = st.sampled_from("abcde"), st.sampled_from(["one", "two", "three", "four"])
drops = st.tuples(st.just("drop"), names, contents)
renames = st.tuples(st.just("rename"), names, names)
removals = st.tuples(st.just("remove"), names, names)
loads = st.tuples(st.just("load"), names, names)


@given(st.lists(drops | renames | removals | loads))
def test_whatever_is_dropped_repeated_renamed_or_removed_no_content_lands_twice(
    acts: list[tuple[str, str, str]],
) -> None:
    """And all that lies there when a load succeeds has landed."""
    folder: dict[str, str] = {}
    landed: tuple[Landed, ...] = ()
    for act, name, other in acts:
        if act == "drop":
            folder[name] = other
        elif act == "rename" and name in folder:
            folder[other] = folder.pop(name)
        elif act == "remove":
            folder.pop(name, None)
        elif act == "load":
            refused = to_land((found(*file) for file in folder.items()), landed).faults
            landed = land(folder, landed)
            hashes = [file.hash for file in landed]
            assert len(hashes) == len(set(hashes))
            assert refused or {found(*file).hash for file in folder.items()} <= set(hashes)


@given(st.dictionaries(names, contents))
def test_a_second_load_of_the_same_files_lands_nothing(folder: dict[str, str]) -> None:
    once = land(folder, ())
    assert land(folder, once) == once


def test_a_changed_file_is_named_and_nothing_lands_beside_it() -> None:
    before = land({"a": "one"}, ())
    landing = to_land([found("a", "other"), found("b", "two")], before)
    assert landing.faults == ("a: its content changed after it landed",)


def test_a_copy_under_another_name_is_noticed_and_does_not_land() -> None:
    landing = to_land([found("b", "one"), found("c", "two"), found("d", "two")], land({"a": "one"}, ()))
    assert [file.name for file in landing.new] == ["c"]
    assert landing.copies == ("b", "d")


def test_the_digest_is_of_what_lands() -> None:
    one = to_land([found("a", "one")], ())
    assert one.digest
    assert one.digest != to_land([found("a", "two")], ()).digest
    assert not to_land([found("a", "one")], land({"a": "one"}, ())).digest


def test_the_set_survives_its_text() -> None:
    landed = land({"a": "one", "ä/ü": "two"}, ())
    assert from_json(to_json(landed)) == landed
    with pytest.raises(ValueError, match=r"not a lakeflow\.landed/1"):
        from_json("{}")


def test_what_landed_is_told_by_mains_own_ancestry() -> None:
    """A compaction of another engine says nothing of files, and a branch does not count."""
    first, second = made(1, landed="set-1"), made(2, 1, landed="set-2")
    held = made(3, 2, landed="set-3")
    compacted = snapshot(4, 2, "replace")
    assert landed_set(table("bronze.a", first, second, compacted, held, main=4, audit_r3=3)) == "set-2"
    assert landed_set(table("bronze.a", first, second, main=1)) == "set-1"
    assert landed_set(table("bronze.a", first, held, main=None)) == "set-3"
    assert landed_set(None) == ""


def test_a_history_cut_off_by_another_engine_is_refused_rather_than_landed_again() -> None:
    with pytest.raises(LakeError, match="which files landed cannot be told"):
        landed_set(table("bronze.a", snapshot(9, 8)))
    assert landed_set(table("bronze.a", made(9, 8))) == ""


def test_files_that_landed_meanwhile_are_a_conflict_and_not_put_on_top() -> None:
    """Both runs may have landed the same file."""
    mine, foreign = made(2, 1, landed="set-2"), snapshot(3, 1)
    assert reconcile(table("bronze.a", made(1), mine), 1, WriteMode.APPEND) is Remedy.CONFLICT
    assert reconcile(table("bronze.a", made(1), foreign), 1, WriteMode.APPEND) is Remedy.RESTAGE


def planned(landing: Landing, *snapshots: Snapshot) -> tuple[list[str], tuple[str, ...]]:
    """Reasons and warnings of the plan for one asset with a source."""
    bronze = asset("bronze.a", files=SOURCE)
    known = facts(*([table("bronze.a", *snapshots)] if snapshots else []))
    made_plan = plan(project(bronze), replace(known, landings={key("bronze.a"): landing}), [key("bronze.a")])
    return [str(reason) for step in made_plan.steps for reason in step.reasons], made_plan.warnings


def test_a_plan_counts_new_files_and_never_says_that_rows_land_again() -> None:
    assert planned(to_land([found("a", "1"), found("b", "2")], ()), made(1)) == (["2 new files"], ())
    assert planned(to_land([found("a", "1")], ()), made(1)) == (["1 new file"], ())


def test_an_asset_whose_files_have_all_landed_is_fresh() -> None:
    assert planned(to_land([found("a", "1")], land({"a": "1"}, ())), made(1)) == ([], ())


def test_a_glob_that_matches_nothing_is_a_warning() -> None:
    assert planned(to_land([], land({"a": "1"}, ())), made(1)) == ([], ("bronze.a: no file matches data/*.csv",))
    assert planned(to_land([], ()))[0] == ["never built"]


def test_a_plan_says_what_cannot_land_and_why() -> None:
    landing = to_land([found("a", "2")], land({"a": "1"}, ()))
    assert planned(landing, made(1))[0] == ["files cannot land: a: its content changed after it landed"]


def test_changed_code_lands_no_file_again_and_the_plan_says_so() -> None:
    landing = to_land([found("a", "1")], land({"a": "1"}, ()))
    reasons, warnings = planned(landing, made(1, code_version="older"))
    assert reasons == ["code changed (older → code-1)"]
    assert warnings == ("bronze.a: nothing new lands; rows that landed before stay as they are",)
