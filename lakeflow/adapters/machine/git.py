"""Tells which commit the project's files are on."""

from __future__ import annotations

import subprocess
from pathlib import Path


def describe(root: Path) -> str:
    """`<commit>`, or `<commit>+dirty` when files differ from it; empty outside a repository or without git."""
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return ""
    return f"{commit}+dirty" if _git(root, "status", "--porcelain", "--untracked-files=normal", "--", ".") else commit


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607 - git is found where the user's PATH has it
            cwd=root,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
