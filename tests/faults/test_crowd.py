"""Eight processes publish to the same tables, others collect garbage, roll back and read, and all of them are killed
again and again: what was acknowledged is visible exactly once, to readers that are not ours.

`LAKEFLOW_TEST_CROWD` says for how many seconds; then in every kind of home, else on each catalog once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from tests.faults.crowd import PUBLISHERS, TABLES
from tests.servers.fixture import Servers
from tests.standing_in import EVERY, KINDS, Kind, Standing, place_of

ROOT = Path(__file__).parents[2]
ASKED = os.environ.get("LAKEFLOW_TEST_CROWD")
SECONDS = ASKED or "3"


@dataclass(frozen=True)
class Told:
    """What the processes said. Of a batch that was tried and not acknowledged nobody knows whether it was published;
    of a run that somebody took back and never heard of again, whether it stands.
    """

    acknowledged: dict[str, str]
    """The run of each batch."""
    tried: frozenset[str]
    taken: frozenset[str]
    unsure: frozenset[str]
    torn: list[list[str]]
    failed: list[str]

    @classmethod
    def of(cls, said: Sequence[Sequence[str]]) -> Self:
        def all_of(word: str) -> list[Sequence[str]]:
            return [line[2:] for line in said if line[1] == word]

        taken = {run for (run,) in all_of("took")}
        last = {line[2]: line[1] for line in said if line[1] in {"takes", "leaves", "took"}}
        return cls(
            {batch: run for batch, run, *_ in all_of("published")},
            frozenset(batch for (batch,) in all_of("tries")),
            frozenset(taken),
            frozenset(run for run, word in last.items() if word == "takes") - taken,
            [list(rows) for rows in all_of("saw") if len(set(rows)) > 1],
            [text for (text,) in all_of("failed")],
        )


def lived(folder: Path, place: Standing, seconds: str) -> dict[str, Any]:
    (folder / "pyproject.toml").write_text(f"{place.settings}")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.faults.crowd", str(folder), seconds, "1"],
        cwd=ROOT,
        env={**os.environ, **place.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rows_of(place: Standing) -> list[Counter[str]]:
    theirs = place.theirs()
    found = [Counter(theirs.load_table(table).scan().to_arrow()["batch"].to_pylist()) for table in TABLES]
    theirs.close()
    return found


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", EVERY if ASKED else KINDS)
def test_what_was_acknowledged_in_a_crowd_with_a_killer_is_visible_exactly_once(
    servers: Servers, tmp_path: Path, kind: Kind
) -> None:
    place = place_of(kind, servers, tmp_path / "state")
    found = lived(tmp_path, place, SECONDS)
    told, rows = Told.of(found["said"]), rows_of(place)
    seen, runs = rows[0], found["runs"]
    acknowledged = {**told.acknowledged, "first-0": found["first"], "last-0": found["last"]}
    lost = {b for b, run in acknowledged.items() if not seen[b] and run not in told.taken | told.unsure}
    back = {b for b, run in acknowledged.items() if seen[b] and run in told.taken}
    sys.stdout.write(  # `-rP` shows it
        f"{kind}: {len(told.acknowledged)} acknowledged, {len(told.taken)} taken back, {found['kills']} kills, "
        f"{len(lost)} lost, {sum(seen.values()) - len(seen)} doubled\n"
    )
    assert told.failed == []
    assert told.torn == []
    assert found["wrong"] == []
    assert found["intents"] == 0
    assert lost == set()
    assert back == set()
    assert [batch for batch, times in seen.items() if times > 1] == []
    assert set(seen) <= told.tried | {"first-0", "last-0"}
    assert rows == [seen] * len(TABLES)
    assert Counter(runs.values())["published"] == len(seen)
    assert len(acknowledged) > 2 or len(told.tried) < PUBLISHERS
