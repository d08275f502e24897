"""Was it audited, by which checks, when, on which code: `status ASSET`, and `audit --verbose`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.process import lakeflow
from tests.cli.test_commands import answer, make

FILES = {
    "layers/bronze/a.sql": "select 1 as id",
    "layers/silver/b.sql": "/*\nkey = ['id']\n*/\nselect id from bronze.a",
    "checks/silver/b.small.sql": "select * from silver.b where id > 0",
}


@pytest.mark.long
def test_the_status_of_one_asset_says_which_audit_let_readers_see_it_and_on_which_commit(tmp_path: Path) -> None:
    make(tmp_path, {**FILES, ".gitignore": ".lakeflow\n"})
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True)
    commit = head.stdout.strip()
    assert answer("status", "silver.b", cwd=tmp_path)["audit"] is None, "readers see nothing"
    run = answer("materialize", cwd=tmp_path, code=1)["run"]["id"]
    answer("publish", run, "silver.b", "--force", "--reason", "it is small enough", cwd=tmp_path)
    found = answer("status", "silver.b", cwd=tmp_path)["audit"]
    outcomes = {check["name"]: check["outcome"] for check in found["checks"]}
    assert (found["ruling"], found["run"], found["reason"]) == ("forced", run, "it is small enough")
    assert (found["git"], outcomes["small"]) == (commit, "failed")
    assert sum(outcome == "passed" for outcome in outcomes.values()) == len(outcomes) - 1 > 0
    said = lakeflow("status", "silver.b", cwd=tmp_path).stdout
    assert "published by force" in said
    assert f"commit {commit[:7]}" in said
    assert "✓ key (id) unique" in said
    assert answer("status", cwd=tmp_path)["audit"] is None, "asked of one asset alone"
    (tmp_path / "layers/silver/b.sql").write_text(FILES["layers/silver/b.sql"] + " where id < 9")
    (tmp_path / "checks/silver/b.small.sql").unlink()
    answer("materialize", "silver.b", "--force", cwd=tmp_path)
    again = answer("status", "silver.b", cwd=tmp_path)["audit"]
    assert (again["ruling"], again["git"]) == ("publish", f"{commit}+dirty")
    quiet, verbose = (lakeflow("audit", "silver.b", *more, cwd=tmp_path).stdout for more in ((), ("--verbose",)))
    assert "key (id) unique" not in quiet
    assert "✓ key (id) unique" in verbose
