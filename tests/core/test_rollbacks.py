"""What rests on rows that a rollback would take: tables and verdicts in, the resting tables out."""

from __future__ import annotations

from lakeflow.core.model.run import Ruling
from lakeflow.core.run.rollbacks import Resting, resting_on
from tests.core.samples import made, table, verdict


def test_only_what_was_ruled_of_the_very_snapshot_says_what_it_was_checked_against() -> None:
    below, checked = table("silver.b", made(1), made(2, 1)), table("gold.d", made(5), made(6, 5))
    tables = {below.key: below, checked.key: checked}

    def resting(snapshot_id: int, ruling: Ruling) -> list[str]:
        said = verdict("gold.d", snapshot_id, ruling, looked_at={"silver.b": 2}, run="r9")
        return [str(each) for each in resting_on({below.key: 1}, tables, {checked.key: [said]})]

    assert resting(6, Ruling.PUBLISH) == ["gold.d was checked against silver.b in run r9"]
    assert resting(5, Ruling.PUBLISH) == []
    assert resting(6, Ruling.HOLD) == []
    assert str(Resting(checked.key, below.key, "")) == "gold.d was made from silver.b"
