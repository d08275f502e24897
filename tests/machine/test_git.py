"""Which commit the project is on, told from git's own files; git itself only says whether files differ."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lakeflow.adapters.machine.git import describe


def git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", *words],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    (root / "a.sql").write_text("select 1")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "begin")
    return root


def test_a_clean_project_is_its_commit_and_a_changed_one_is_dirty(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert describe(repository) == commit
    (repository / "sub").mkdir()
    assert describe(repository / "sub") == commit
    (repository / "a.sql").write_text("select 2")
    assert describe(repository) == f"{commit}+dirty"
    git(repository, "checkout", "-q", ".")
    (repository / "new.sql").write_text("select 3")
    assert describe(repository) == f"{commit}+dirty"


def test_packed_refs_a_detached_head_and_a_work_tree_are_read_too(repository: Path, tmp_path: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "pack-refs", "--all")
    assert describe(repository) == commit
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    assert describe(tmp_path / "tree") == commit
    git(repository, "checkout", "-q", "--detach")
    assert describe(repository) == commit


def test_no_repository_and_no_commit_are_nothing(tmp_path: Path) -> None:
    assert describe(tmp_path) == ""
    git(tmp_path, "init", "-q")
    assert describe(tmp_path) == ""
    (tmp_path / ".git/HEAD").write_bytes(b"\xff\xfe")
    assert describe(tmp_path) == ""


def test_without_git_the_commit_is_known_and_whether_files_differ_is_not(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", "")
    assert describe(repository) == f"{commit}+unknown"


def test_a_git_that_hangs_stops_nothing(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr("lakeflow.adapters.machine.git._SECONDS", 0.1)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    assert describe(repository) == f"{commit}+unknown"
