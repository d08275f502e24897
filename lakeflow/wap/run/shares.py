"""Who has how much of the machine while steps are under way together."""

from __future__ import annotations

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Upstreams
from lakeflow.core.run.resources import Resources, resources_for


class Shares:
    """What is under way together never has more than the machine. `granted` are the shares; at most `parallel` steps
    are under way at once.

    Only the step that holds the lock may call it.
    """

    def __init__(self, machine: Resources, parallel: int, needs: Upstreams, granted: dict[AssetKey, Resources]) -> None:
        self._machine = machine
        self._parallel = parallel
        self._needs = needs
        self._unfinished = set(needs)
        self._large = set[AssetKey]()
        self._granted = granted

    def begin(self, key: AssetKey, *, large: bool) -> None:
        """It is under way. Beside a `large` step nothing begins before that is eased."""
        if large:
            self._large.add(key)
        self._granted[key] = self._share(key, beside=bool(self._granted))

    def ease(self, key: AssetKey) -> None:
        """What kept the machine busy is done, and from now on others may begin beside it."""
        if key in self._large:
            self._large.discard(key)
            self._granted[key] = self._share(key, beside=True)

    def end(self, key: AssetKey) -> dict[AssetKey, Resources]:
        """It is done. What it gave back goes to those that are left, whose new shares these are: fewer steps can begin
        beside them now.
        """
        self._granted.pop(key)
        self._large.discard(key)
        self._unfinished.discard(key)
        shares = {other: self._share(other, beside=len(self._granted) > 1) for other in self._granted}
        more = {other: share for other, share in shares.items() if share != self._granted[other]}
        self._granted.update(more)
        return more

    def _share(self, key: AssetKey, *, beside: bool) -> Resources:
        if key in self._large and not beside:
            return self._machine
        return resources_for(self._machine, self._parallel, key, self._unfinished, self._needs)
