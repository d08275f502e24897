"""What lands: decided from what is found and what landed, and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import LakeError
from lakeflow.core.model.file_source import FileSource, Format, Once
from lakeflow.core.model.table import Snapshot
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.landing import (
    Copy,
    FoundFile,
    Landed,
    LandedSet,
    Landing,
    from_json,
    landed_set,
    to_json,
    to_land,
    to_land_again,
)
from lakeflow.core.plan.planning import plan
from lakeflow.core.run.verdict import Remedy, reconcile
from tests.core.samples import asset, facts, key, made, project, snapshot, table

SOURCE = FileSource(("data/*.csv",), Format.CSV, {"id": ""})


def found(name: str, content: str) -> FoundFile:
    return FoundFile(name, len(content), hashlib.sha256(content.encode()).hexdigest())


def files(folder: dict[str, str]) -> list[FoundFile]:
    return [found(*file) for file in folder.items()]


def land(folder: dict[str, str], before: tuple[Landed, ...], once: Once = Once.NAME) -> tuple[Landed, ...]:
    """The set after one load of the folder; as before when something is at fault."""
    landing = to_land(files(folder), before, once)
    return before if landing.faults else (*before, *(Landed(f.name, f.hash, f.size, 1) for f in landing.new))


names, contents = st.sampled_from("abcde"), st.sampled_from(["one", "two", "three", "four"])
drops = st.tuples(st.just("drop"), names, contents)
renames = st.tuples(st.just("rename"), names, names)
removals = st.tuples(st.just("remove"), names, names)
loads = st.tuples(st.just("load"), names, names)


@given(st.lists(drops | renames | removals | loads), st.sampled_from(Once))
def test_whatever_is_dropped_repeated_renamed_or_removed_nothing_lands_twice_and_nothing_is_left_out_unsaid(
    acts: list[tuple[str, str, str]], once: Once
) -> None:
    """By name every file that lies there when a load succeeds has landed; by content its bytes have, and it is told."""
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
            landing = to_land(files(folder), landed, once)
            landed = land(folder, landed, once)
            names = [file.name for file in landed]
            hashes = [file.hash for file in landed]
            assert len(names) == len(set(names))
            assert once is Once.NAME or len(hashes) == len(set(hashes))
            if not landing.faults:
                assert {file.hash for file in files(folder)} <= set(hashes)
                assert set(folder) <= {*names, *(copy.name for copy in landing.skipped)}
                assert once is Once.CONTENT or not landing.skipped


@given(st.dictionaries(names, contents), st.sampled_from(Once))
def test_a_second_load_of_the_same_files_lands_nothing(folder: dict[str, str], once: Once) -> None:
    first = land(folder, (), once)
    assert land(folder, first, once) == first


@given(st.dictionaries(names, contents), st.dictionaries(names, contents))
def test_files_that_land_again_bring_back_all_rows_or_the_plan_names_those_that_go(
    before: dict[str, str], now: dict[str, str]
) -> None:
    landing = to_land_again(files(now), land(before, ()), Once.NAME)
    came = sorted(now.values())
    kept = [content for name, content in before.items() if name not in landing.lost]
    assert all(kept.count(content) <= came.count(content) for content in kept)
    assert len(landing.lost) == len(before) - sum(min(list(before.values()).count(c), came.count(c)) for c in set(came))


def test_a_changed_file_is_named_and_nothing_lands_beside_it() -> None:
    before = land({"a": "one"}, ())
    landing = to_land([found("a", "other"), found("b", "two")], before, Once.NAME)
    assert landing.faults == ("a: its content changed after it landed",)


def test_a_copy_under_another_name_lands_with_the_name_of_the_earlier_file() -> None:
    there = [found("b", "one"), found("c", "two"), found("d", "two")]
    landing = to_land(there, land({"a": "one"}, ()), Once.NAME)
    assert [file.name for file in landing.new] == ["b", "c", "d"]
    assert landing.again == (Copy("b", "a"), Copy("d", "c"))
    assert not landing.skipped


def test_by_content_a_copy_under_another_name_is_skipped_with_the_name_of_the_earlier_file() -> None:
    there = [found("b", "one"), found("c", "two"), found("d", "two")]
    landing = to_land(there, land({"a": "one"}, ()), Once.CONTENT)
    assert [file.name for file in landing.new] == ["c"]
    assert landing.skipped == (Copy("b", "a"), Copy("d", "c"))
    assert not landing.again


def test_the_digest_is_of_what_lands() -> None:
    one = to_land([found("a", "one")], (), Once.NAME)
    assert one.digest
    assert one.digest != to_land([found("a", "two")], (), Once.NAME).digest
    assert not to_land([found("a", "one")], land({"a": "one"}, ()), Once.NAME).digest


def test_the_set_survives_its_text() -> None:
    landed = land({"a": "one", "ä/ü": "two"}, ())
    whole = LandedSet(landed, {"channel": "string"})
    assert from_json(to_json(LandedSet(landed))) == LandedSet(landed)
    assert from_json(to_json(whole)) == whole
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
    assert planned(to_land([found("a", "1"), found("b", "2")], (), Once.NAME), made(1)) == (["2 new files"], ())
    assert planned(to_land([found("a", "1")], (), Once.NAME), made(1)) == (["1 new file"], ())


def test_an_asset_whose_files_have_all_landed_is_fresh() -> None:
    assert planned(to_land([found("a", "1")], land({"a": "1"}, ()), Once.NAME), made(1)) == ([], ())


def test_a_glob_that_matches_nothing_is_a_warning() -> None:
    assert planned(to_land([], land({"a": "1"}, ()), Once.NAME), made(1)) == (
        [],
        ("bronze.a: no file matches data/*.csv",),
    )
    assert planned(to_land([], (), Once.NAME))[0] == ["never built"]


def test_a_plan_says_what_cannot_land_and_why() -> None:
    landing = to_land([found("a", "2")], land({"a": "1"}, ()), Once.NAME)
    assert planned(landing, made(1))[0] == ["files cannot land: a: its content changed after it landed"]


def test_changed_code_lands_no_file_again_and_the_plan_says_so() -> None:
    landing = to_land([found("a", "1")], land({"a": "1"}, ()), Once.NAME)
    reasons, warnings = planned(landing, made(1, code_version="older"))
    assert reasons == ["code changed (older → code-1)"]
    assert warnings == ("bronze.a: nothing new lands; rows that landed before stay as they are",)


def test_a_plan_names_what_lands_again_and_what_is_skipped() -> None:
    before = land({"a": "1"}, ())
    by_name = to_land([found("a", "1"), found("b", "1")], before, Once.NAME)
    assert planned(by_name, made(1))[0] == ["1 new file"]
    assert planned(by_name, made(1))[1] == (
        "bronze.a lands bytes again, in 1 file: b has the content of a; "
        'once = "content" in its source skips such files',
    )
    by_content = to_land([found("a", "1"), found("b", "1")], before, Once.CONTENT)
    assert planned(by_content, made(1)) == ([], ("bronze.a skips 1 file: b has the content of a",))
    more = to_land([found("a", "1"), found("b", "1"), found("c", "2")], before, Once.CONTENT)
    assert planned(more, made(1)) == (["1 new file", "skips 1 file: b has the content of a"], ())
