"""The code of a project as a commit holds it, written to a folder from git's objects: none of the user's filters and
hooks is run, and nothing of the work tree is touched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from lakeflow.adapters.machine.git import repository_of
from lakeflow.core.errors import LakeflowError, UsageError
from lakeflow.core.values import dataclass

_SUFFIXES: Final = (".py", ".sql")
_LINK: Final = "120000"
_FILE: Final = "100"
_SECONDS: Final = 60.0
_OF_A_HOOK: Final = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
"""What git tells its hooks: paths that hold only where the hook began."""


@dataclass(frozen=True)
class _TreeEntry:
    mode: str
    blob: str
    path: str


def commit_named(root: Path, ref: str) -> str:
    """The commit that a branch, a tag, a hash or `HEAD~2` means. UsageError where git knows none of that name."""
    if repository_of(root) is None:
        raise UsageError(
            f"{str(root)!r} stands in no git repository, so there is no {ref!r} to compare with",
            hint="`lakeflow check --against main` compares with what the tables hold",
        )
    if not ref or ref.startswith("-") or not ref.isprintable():
        raise UsageError(f"{ref!r} is no name of a commit", hint="name a branch, a tag, a hash, or `HEAD~1`")
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if done.returncode != 0:
        raise UsageError(
            f"git knows no commit {ref!r} here",
            hint="`git branch -a` lists names; where only the newest commits were fetched: `git fetch --unshallow`",
        )
    return done.stdout.decode().strip()


def write_code(root: Path, commit: str, to: Path) -> None:
    """Write the Python and SQL files that the commit has below the project's folder into `to`, which is empty.
    UsageError for a file that would stand outside of it.
    """
    prefix = _said(root, "rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").rstrip("\n")
    entries = [each for each in _listed(root, commit, prefix) if each.path.endswith(_SUFFIXES)]
    contents = dict(zip(entries, _contents(root, [each.blob for each in entries]), strict=True))
    for each in sorted(entries, key=lambda entry: entry.mode == _LINK):  # nothing is written through a link
        place = to.joinpath(_inside(each.path))
        place.parent.mkdir(parents=True, exist_ok=True)
        if each.mode == _LINK:
            place.symlink_to(_inside(contents[each].decode("utf-8", "surrogateescape"), each.path))
        else:
            place.write_bytes(contents[each])


def _listed(root: Path, commit: str, prefix: str) -> Iterator[_TreeEntry]:
    """What the commit has below the project's folder; nothing where it does not have that folder."""
    tree = f"{commit}:{prefix}"
    if prefix and _git(root, "cat-file", "-e", tree).returncode != 0:
        return
    for line in _said(root, "ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0"):
        if line:
            told, _, path = line.partition(b"\t")
            mode, _, blob = told.decode().split()
            if mode == _LINK or mode.startswith(_FILE):  # the rest are other repositories
                yield _TreeEntry(mode, blob, path.decode("utf-8", "surrogateescape"))


def _contents(root: Path, blobs: Sequence[str]) -> Iterator[bytes]:
    answer, at = _said(root, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs).encode()), 0
    for _ in blobs:
        end = answer.index(b"\n", at)
        size = int(answer[at:end].split()[-1])
        yield answer[end + 1 : end + 1 + size]
        at = end + size + 2


def _inside(path: str, link: str = "") -> str:
    """The path, or where a link leads, if that is in the project's folder."""
    parts = PurePosixPath(link).parent.parts if link else ()
    depth = len(parts)
    for part in path.split("/"):
        depth += -1 if part == ".." else part not in {"", "."}
        if depth < 0 or path.startswith("/") or (part == ".." and not link):
            raise UsageError(f"{link or path} leads out of the project", hint="compare with a commit where it does not")
    return path


def _said(root: Path, *words: str, given: bytes = b"") -> bytes:
    done = _git(root, *words, given=given)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise LakeflowError(f"git cannot tell what the commit holds: {said}", hint="`git fsck` looks at the repository")
    return done.stdout


def _git(root: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    told = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK} | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(
            ["git", "--no-optional-locks", *words],  # noqa: S607 - git is found where the user's PATH has it
            cwd=root,
            env=told,
            input=given,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        raise LakeflowError(f"git cannot be run: {error.strerror or error}", hint="install git") from error
    except subprocess.TimeoutExpired as error:
        raise LakeflowError(f"git did not answer within {_SECONDS:.0f} s", hint="try `git fsck`") from error
