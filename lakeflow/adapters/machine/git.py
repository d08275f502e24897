"""Tells which commit the project's files are on. No run needs git, and none waits for it for long."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

_BRANCH: Final = "ref: refs/heads/"
_SECONDS: Final = 2.0
"""So long may git look through the files; what it does not say by then is not known."""


def describe(root: Path) -> str:
    """`<commit>`; `<commit>+dirty` when files differ from it, `<commit>+unknown` where nobody can tell. Empty outside a
    repository and before its first commit.
    """
    commit = _commit(root)
    if not commit:
        return ""
    changes = _changes(root)
    return commit if changes == "" else f"{commit}+{'unknown' if changes is None else 'dirty'}"


def branch(root: Path) -> str | None:
    """The name of the branch that is checked out; None outside a repository, and where HEAD is at no branch."""
    with suppress(OSError, UnicodeDecodeError, ValueError):
        if folder := _own_folder(root):
            head = (folder / "HEAD").read_text().strip()
            return head.removeprefix(_BRANCH) if head.startswith(_BRANCH) else None
    return None


def repository_of(root: Path) -> Path | None:
    """The folder of the work tree that the project stands in; None outside a repository."""
    return next((each for each in (root, *root.parents) if (each / ".git").exists()), None)


def _own_folder(root: Path) -> Path | None:
    place = repository_of(root)
    return place and _git_folder(place / ".git")


def _commit(root: Path) -> str:
    """The commit that HEAD means, read from git's own files: HEAD, the branch's file, packed refs."""
    with suppress(OSError, UnicodeDecodeError, ValueError):
        folder = _own_folder(root)
        if folder is None:
            return ""
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        return _of_branch(folder, head.removeprefix("ref: "))
    return ""


def _git_folder(place: Path) -> Path:
    """The folder itself, or the one that a work tree's or a submodule's `.git` file names."""
    if place.is_dir():
        return place
    return place.parent / place.read_text().strip().removeprefix("gitdir: ")


def _of_branch(folder: Path, branch: str) -> str:
    shared = folder / "commondir"
    common = folder / shared.read_text().strip() if shared.exists() else folder
    for place in (folder / branch, common / branch):
        if place.is_file():
            return place.read_text().strip()
    packed = common / "packed-refs"
    lines = packed.read_text().splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {branch}")), "")


def _changes(root: Path) -> str | None:
    """What differs from the commit; None where git is missing, fails or takes too long."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "status", "--porcelain", "--untracked-files=normal", "--", "."],  # noqa: S607 - git is found where the user's PATH has it
            cwd=root,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
