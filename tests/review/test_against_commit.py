"""`check --against REF`: the files of a checkout held against those of a commit, whatever was built of either."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lakeflow.cli.main import run as typed
from tests.review.rendered import strange
from tests.review.test_against import FILES, FUNCTION, LANDED, TOWNS, Say, effects, told, write

EVERY = "layers/gold/every.sql"


def git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=ada", "-c", "user.email=ada@x.example", *words],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(root: Path, said: str = "as it was") -> str:
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "--allow-empty", "-m", said)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in a folder of a repository, of which nothing was ever built; it was committed, and tagged v1."""
    found = tmp_path / "work" / "lake"
    write(found, FILES | {"pyproject.toml": "[tool.lakeflow]\n", ".gitignore": ".lakeflow/\n"})
    git(found.parent, "init", "--quiet", "-b", "main")
    commit(found)
    git(found, "tag", "v1")
    return found


@pytest.fixture
def say(root: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    def said(texts: dict[str, str], *gone: str, ref: str = "v1") -> dict[str, Any]:
        write(root, texts)
        for name in gone:
            (root / name).unlink()
        capsys.readouterr()
        code = typed(["-C", str(root), "check", "--against", ref, "-o", "json"])
        envelope = json.loads(capsys.readouterr().out)
        found = dict(envelope["data"]["against"])
        assert envelope["exit_code"] == code == (1 if found["breaking"] else 0)
        assert found["ref"] == ref
        return found

    return said


@pytest.mark.long
def test_a_checkout_is_held_against_a_tag_where_nothing_was_ever_built(say: Say, root: Path) -> None:
    found = say({})
    assert (found["changes"], found["downstream"]) == ([], [])
    before = git(root, "status", "--porcelain")
    found = say({"layers/silver/towns.sql": TOWNS.replace(", visits * 2 as twice", "")})
    (gone,) = (
        each for each in found["changes"] if each["kind"] == "column removed" and each["asset"] == "silver.towns"
    )
    assert (gone["effect"], gone["column"]) == ("breaking", "twice")
    assert set(gone["readers"]) == {"gold.busy", "gold.every", "gold.ranked"}
    assert effects(found)["gold.names"] == "unaffected"
    assert (before, git(root, "status", "--porcelain")) == ("", "M lake/layers/silver/towns.sql")
    assert not (root / ".lakeflow" / "warehouse").exists()
    assert not (root / ".lakeflow" / "lake.db").exists()


@pytest.mark.long
def test_types_keys_contracts_masks_and_renamed_columns_break_as_against_main(say: Say) -> None:
    found = say({"layers/silver/towns.sql": TOWNS.replace("visits * 2", "cast(visits * 2 as varchar)")})
    assert ("breaking", "type changed", "silver.towns", "twice") in told(found)
    assert any("and int at v1" in each["says"] for each in found["changes"])
    found = say({"layers/silver/towns.sql": TOWNS.replace('["town"]', '["town", "visits"]')})
    assert ("breaking", "key changed", "silver.towns", None) in told(found)
    found = say({"layers/silver/towns.sql": TOWNS.replace("as twice", "as doubled")})
    assert ("breaking", "column renamed", "silver.towns", "twice") in told(found)
    bare = LANDED.replace('mask = "redact"\n', "")
    found = say({"layers/silver/towns.sql": TOWNS, "layers/bronze/people.sql": bare})
    assert told(found) == [("breaking", "mask removed", "bronze.people", "email")]
    found = say({"layers/silver/towns.sql": TOWNS + " where visits > 1", "layers/bronze/people.sql": LANDED})
    assert (effects(found)["gold.names"], found["breaking"]) == ("changed", 0)


@pytest.mark.long
def test_what_only_a_run_tells_is_said_to_be_unknown_and_the_rest_is_compared(say: Say) -> None:
    found = say({"layers/gold/ranked.py": FUNCTION + "    # another", EVERY: "select *, 1 as one from silver.towns"})
    assert [each["asset"] for each in found["unknown"]] == ["gold.ranked"]
    assert told(found) == [("additive", "column added", "gold.every", "one")]


@pytest.mark.long
def test_an_asset_that_only_a_run_told_is_unknown_at_the_commit_too(say: Say) -> None:
    found = say({"layers/gold/ranked.sql": "select town, twice from silver.towns"}, "layers/gold/ranked.py")
    assert found["unknown"] == [{"asset": "gold.ranked", "reason": "only a run tells its columns at v1"}]
    assert found["breaking"] == 0


@pytest.mark.long
def test_assets_that_come_go_and_are_renamed_are_told_by_the_files_alone(say: Say) -> None:
    renamed = TOWNS.replace('key = ["town"]', 'key = ["town"]\nrenamed_from = "silver.towns"').replace(
        ", visits *", ", visits + 0 *"
    )
    readers = {name: text.replace("silver.towns", "silver.places") for name, text in FILES.items() if "gold" in name}
    found = say(
        {**readers, "layers/silver/places.sql": renamed, "layers/gold/new.sql": "select 1 as one"},
        "layers/silver/towns.sql",
    )
    assert ("changed", "asset renamed", "silver.places", None) in told(found)
    assert ("additive", "asset added", "gold.new", None) in told(found)
    assert "asset removed" not in {each["kind"] for each in found["changes"]}
    assert effects(found)["gold.names"] == "unaffected"
    found = say({}, "layers/gold/names.sql", ref="HEAD")
    (gone,) = (each for each in found["changes"] if each["kind"] == "asset removed")
    assert gone["says"] == "nothing defines gold.names any more"


@pytest.mark.long
def test_main_is_what_the_tables_hold_and_heads_main_is_the_branch(say: Say, root: Path) -> None:
    write(root, {"layers/gold/names.sql": "select town, 1 as one from silver.towns"})
    commit(root, "on the branch")
    assert say({}, ref="heads/main")["changes"] == []
    assert {each["kind"] for each in say({}, ref="main")["changes"]} == {"asset added"}
    assert told(say({}, ref="HEAD~1")) == [("additive", "column added", "gold.names", "one")]


@pytest.mark.long
def test_a_project_that_the_commit_does_not_have_is_all_new(root: Path, say: Say) -> None:
    git(root, "checkout", "--quiet", "--orphan", "before")
    git(root, "rm", "-r", "--quiet", "--cached", ".")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "nothing")
    assert {each["kind"] for each in say({}, ref="before")["changes"]} == {"asset added"}


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("no-such", "git knows no commit 'no-such' here"),
        ("--output=x", "is no name of a commit"),
        ("v1:layers", "git knows no commit"),
        ("v1\n", "is no name of a commit"),
    ],
)
def test_a_name_of_no_commit_is_refused(root: Path, capsys: pytest.CaptureFixture[str], ref: str, says: str) -> None:
    assert typed(["-C", str(root), "check", f"--against={ref}"]) == 2
    assert says in capsys.readouterr().err


def test_outside_of_a_repository_only_main_can_be_compared_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, FILES)
    assert typed(["-C", str(tmp_path), "check", "--against", "v1"]) == 2
    assert "`lakeflow check --against main` compares with what the tables hold" in capsys.readouterr().err


def test_a_commit_whose_project_does_not_load_is_named_with_its_fault(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, {"layers/gold/busy.sql": "select town from silver.nothing"})
    commit(root, "broken")
    write(root, {"layers/gold/busy.sql": FILES["layers/gold/busy.sql"]})
    assert typed(["-C", str(root), "check", "--against", "HEAD"]) == 2
    assert "the project at HEAD does not load: layers/gold/busy.sql:1" in capsys.readouterr().err


@pytest.mark.long
def test_code_of_the_commit_is_read_and_not_run_where_its_text_tells_every_asset(
    say: Say, root: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    hostile = f"open({str(mark)!r}, 'w').close()\n{FUNCTION}"
    write(root, {"layers/gold/ranked.py": hostile})
    commit(root, "hostile")
    write(root, {"layers/gold/ranked.py": FUNCTION})
    git(root, "config", "filter.evil.smudge", f"touch {mark}")
    (root / ".gitattributes").write_text("*.sql filter=evil\n")
    say({}, ref="HEAD")
    assert not mark.exists()


def test_a_link_that_leads_out_of_the_project_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "layers/gold/outside.sql").symlink_to("../../../../secret.sql")
    commit(root, "a link")
    (root / "layers/gold/outside.sql").unlink()
    assert typed(["-C", str(root), "check", "--against", "HEAD"]) == 2
    assert "layers/gold/outside.sql leads out of the project" in capsys.readouterr().err


@pytest.mark.long
def test_a_link_within_the_project_and_helpers_are_followed(say: Say, root: Path) -> None:
    write(root, {"layers/gold/_help.py": "NAME = 'town'\n", "shared/busy.sql": FILES["layers/gold/busy.sql"]})
    (root / "layers/gold/busy.sql").unlink()
    (root / "layers/gold/busy.sql").symlink_to("../../shared/busy.sql")
    commit(root, "links")
    assert say({}, ref="HEAD")["changes"] == []


@pytest.mark.long
def test_a_hook_that_git_runs_may_ask(root: Path, monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert say({})["changes"] == []


@pytest.mark.long
def test_a_comment_and_a_screen_name_the_ref(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, {"layers/silver/towns.sql": TOWNS.replace(", visits * 2 as twice", "")})
    assert typed(["-C", str(root), "check", "--against", "v1", "-o", "markdown"]) == 1
    text = capsys.readouterr().out
    assert strange(text) == []
    assert "against v1" in text
    assert typed(["-C", str(root), "check", "--against", "v1"]) == 1
    assert "against v1" in capsys.readouterr().out
