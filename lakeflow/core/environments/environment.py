"""An environment: its name, the branches that carry it, and what it has pinned of main."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.table import MAIN, Pinned, Table
from lakeflow.core.values import dataclass

GIT: Final = "git"
"""As the name of an environment: the name of the git branch."""
TRUNKS: Final = frozenset({MAIN, "master", "trunk", ""})
"""The git branches whose code is built on main."""
_REF: Final = "env_"
_NAME: Final = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_LONGEST: Final = 40
_RESERVED: Final = frozenset({MAIN, GIT, "held", "published"})


@dataclass(frozen=True)
class Environment:
    """An environment that was made. `pins` say, of each table that was there, what main was then; a table that the
    environment has written stands on its pin. `used_at` is when a run last wrote to it.
    """

    name: str
    made_at: datetime
    pinned_at: datetime
    used_at: datetime
    pins: Mapping[AssetKey, Pinned] = field(default=EMPTY, repr=False)

    @property
    def ref(self) -> str:
        return ref_of(self.name)

    def base(self, table: Table) -> int | None:
        """The snapshot of main that it has pinned of this very table; None: nothing."""
        pin = self.pins.get(table.key)
        return pin.snapshot_id if pin and pin.uuid == table.uuid else None

    def holds(self, table: Table) -> bool:
        """Does it have a state of this table of its own?"""
        return self.ref in table.refs and table.refs[self.ref] != self.base(table)

    def ends_at(self, keep: timedelta) -> datetime:
        """When it may be removed if nobody uses it."""
        return self.used_at + keep


def ref_of(name: str) -> str:
    """The branch that is main to the readers of the environment, in each table that it has written."""
    return f"{_REF}{name}"


def branch_in(name: str, branch: str) -> str:
    """The branch of a run in the environment as tables have it. No name of an environment has two `_` side by side."""
    return f"{ref_of(name)}__{branch}"


def branches_of(name: str, table: Table) -> dict[str, int]:
    """All branches of the environment in this table, with where they point."""
    mine = ref_of(name)
    return {ref: at for ref, at in table.refs.items() if ref == mine or ref.startswith(f"{mine}__")}


def named_by(ref: str) -> str | None:
    """The name of the environment that a branch belongs to; None where it belongs to none."""
    name = ref.removeprefix(_REF).partition("__")[0]
    return name if ref.startswith(_REF) and _is_name(name) else None


def require_name(name: str) -> str:
    """The name. UsageError, which says what to write, for one that no engine could read as part of a branch's name."""
    if not _is_name(name):
        raise UsageError(
            f"{name!r} cannot name an environment: small letters and digits, words joined by one _, "
            f"at most {_LONGEST} characters, and none of {', '.join(sorted(_RESERVED))}",
            hint=f"write {_plain(name) if _is_name(_plain(name)) else 'a name such as pr_123'}",
        )
    return name


def name_from(text: str) -> str:
    """A name for an environment from any text, such as the name of a git branch. Two texts never give one name: where
    anything had to be left out, some letters of its digest follow.
    """
    plain = _plain(text)
    if plain == text and _is_name(plain):
        return plain
    if not plain:
        return ""
    digest = sha256(text.encode()).hexdigest()[:6]
    return f"{plain[: _LONGEST - len(digest) - 1].rstrip('_')}_{digest}"


def _plain(text: str) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", text.lower()))


def _is_name(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and len(name) <= _LONGEST and name not in _RESERVED
