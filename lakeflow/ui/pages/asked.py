"""What somebody asks a page for: the words of its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.values import dataclass
from lakeflow.ui.kept import Glance

_MOST = 500


@dataclass(frozen=True)
class PageRequest:
    """`path` are the parts of the address that have a name, `query` what stands behind its question mark.
    `from_elsewhere` says that a page of another site has led here.
    """

    path: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    query: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    from_elsewhere: bool = False

    def word(self, name: str) -> str:
        return self.query.get(name, "").strip()

    def number(self, name: str, default: int) -> int:
        """A number of rows, or of lines: at least one, and no more than a page holds."""
        said = self.word(name)
        if not said:
            return default
        if not (said.isascii() and said.isdigit() and len(said) < 7 and int(said) > 0):
            raise UsageError(f"{name} is a number from 1 to {_MOST}", hint=f"write {name}={default}")
        return min(int(said), _MOST)

    def asset(self, glance: Glance) -> AssetKey:
        """The asset of the address. UsageError where no file defines it."""
        key = AssetKey.find(self.path["asset"])
        if key is None or key not in glance.outlook.statuses:
            raise UnknownError(f"no asset {self.path['asset']!r}", hint="`lakeflow list` lists the assets")
        return key


class UnknownError(UsageError):
    """There is no such page. Exit code 2."""
