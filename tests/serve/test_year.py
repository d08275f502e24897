"""A year of `serve`: 8,760 hours on a clock of its own, with twenty assets, late sources, broken code and bad rows."""

from __future__ import annotations

import gc
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.time.freshness import Freshness, parse_age, parse_schedule
from lakeflow.core.time.refresh import parse_refresh
from lakeflow.serve.loop import Loop, Pulse
from tests.core.samples import asset, key, project
from tests.serve.simulated import TAKES, Clock, SimulatedLake

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 8_760
OSLO = ZoneInfo("Europe/Oslo")
HOURLY, DAILY = parse_refresh("1h"), parse_refresh("06:00 Europe/Oslo")
BY_EIGHT = Freshness(by=parse_schedule("08:00 Europe/Oslo"), text="08:00 Europe/Oslo")
WITHIN = Freshness(parse_age("6h"), text="6h")
RATES, PRICES = key("bronze.rates"), key("bronze.prices")
LAKE = project(
    *(asset(f"bronze.b{number}") for number in range(5)),
    asset("bronze.rates", freshness=WITHIN),  # an API, of which nothing says whether it changed
    asset("bronze.prices", refresh=DAILY),  # another one, asked once a day
    *(asset(f"silver.s{number}", f"bronze.b{number}") for number in range(5)),
    asset("silver.rates", "bronze.rates"),
    asset("silver.joined", "silver.s0 silver.s1 silver.rates", refresh=HOURLY),
    asset("gold.g0", "silver.s0 silver.s1", freshness=BY_EIGHT),
    asset("gold.g1", "silver.s2", freshness=Freshness(parse_age("2d"), text="2d")),
    asset("gold.g2", "silver.joined"),
    asset("gold.g3", "silver.s3 silver.s4", refresh=DAILY),
    asset("gold.g4", "bronze.prices"),
    asset("gold.off", "silver.s4", refresh=parse_refresh("off")),
)
ROOTS = [AssetKey.parse(f"bronze.b{number}") for number in range(5)]


class Life:
    """What happens to the lake, and what was seen of it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock = Clock(START)
        self.lake = SimulatedLake(LAKE, self.clock, [RATES, PRICES])
        self.said: list[str] = []
        self.published: dict[AssetKey, list[datetime]] = defaultdict(list)
        self.work: Counter[tuple[AssetKey, object]] = Counter()
        self.lake.done = self._done
        self.loop = Loop(self.lake, self.clock, self.said.append, timedelta(hours=1), Pulse(START))

    def _done(self, published: AssetKey, at: datetime, work: object) -> None:
        self.published[published].append(at)
        self.work[published, work] += 1

    def events(self) -> Iterator[tuple[datetime, str]]:
        """When sources deliver, and when an asset breaks, is bad, and is mended."""
        for hour in range(HOURS):
            at = START + timedelta(hours=hour, minutes=self.chance.randrange(5, 55))
            if (drawn := self.chance.random()) < 0.25:
                yield at, "deliver"
            elif drawn < 0.254:
                yield at, "break"
            elif drawn < 0.258:
                yield at, "spoil"

    def happen(self, what: str) -> None:
        if what == "deliver":
            self.lake.deliver(self.chance.choice(ROOTS))
            return
        ill, well = (self.lake.broken, self.lake.bad) if what == "break" else (self.lake.bad, self.lake.broken)
        # What broke is mended by the next event of its kind, two times out of three.
        if ill and self.chance.random() < 2 / 3:
            ill.remove(self.chance.choice(sorted(ill)))
        else:
            ill.add(self.chance.choice([each for each in LAKE.assets if each not in well | ill | {RATES, PRICES}]))
        self.lake.mended = True  # somebody edited a file

    def live(self, until: datetime) -> Iterator[None]:
        events, back = self.events(), START
        upcoming = next(events, None)
        while self.clock.now < until:
            back = self.loop.turn()
            if upcoming and upcoming[0] <= max(back, self.clock.now):
                self.clock.now = max(self.clock.now, upcoming[0])
                self.happen(upcoming[1])  # a watched folder wakes the loop
                upcoming = next(events, None)
            else:
                self.clock.now = max(self.clock.now, back)
            yield


def missed(publishes: list[datetime], demands: list[Freshness], end: datetime) -> list[datetime]:
    """The deadlines that passed by more than a run takes, told by the publishes alone."""
    following = [*publishes[1:], end]
    dues = [min(freshness.due(seen) for freshness in demands) for seen in publishes]
    return [due for due, then in zip(dues, following, strict=True) if then > due + 2 * TAKES]


@pytest.mark.long
def test_in_a_year_every_deadline_is_kept_or_told_once_and_nothing_runs_twice() -> None:
    life = Life(seed=1)
    objects = list[int]()
    for turn, _ in enumerate(life.live(START + timedelta(hours=HOURS))):
        if turn % 10_000 == 9_999:
            gc.collect()
            objects.append(len(gc.get_objects()) - sum(map(len, life.published.values())) - len(life.work))
    end = life.clock.now

    # Nothing was made twice from the same inputs, but what an API or a deadline asked for.
    asked = {RATES, PRICES}
    twice = {each: number for each, number in life.work.items() if number > 1 and each[0] not in asked}
    assert twice == {}
    # What a clock asks for came once a day, on days of 23 and of 25 hours too.
    days = Counter(at.astimezone(OSLO).date() for at in life.published[PRICES][1:])
    assert set(days.values()) == {1}
    assert len(days) >= 364
    # An API that must be at most six hours old is asked before it is older.
    assert not [line for line in life.said if line.startswith(f"{RATES} is late")]
    assert (
        max(b - a for a, b in zip(life.published[RATES], life.published[RATES][1:], strict=False))
        < WITHIN.due(START) - START
    )
    # Every other deadline that passed was told, once, and no other one was.
    late = Counter(line for line in life.said if " is late" in line)
    for asked_of, demands in life.lake._demands.items():
        dues = missed(life.published[asked_of], [freshness for _, freshness in demands], end) if demands else []
        told = [line for line in late.elements() if line.startswith(f"{asked_of} is late")]
        assert told == [f"{asked_of} is late, due {due:%Y-%m-%d %H:%M} UTC" for due in dues], asked_of
    assert sum(late.values()) > 10
    assert not life.published[key("gold.off")]
    # Memory is flat, whatever happened.
    assert len(objects) >= 2
    assert objects[-1] - objects[0] < 2_000
    assert len(life.loop.memory.alarms.by_name) < 2 * len(LAKE.assets)
