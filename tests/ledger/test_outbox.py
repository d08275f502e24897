"""The outbox: what a run tells is recorded with the run, once, and kept until it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlLedger
from lakeflow.adapters.ledger.outbox import SqlOutbox
from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.messages import Seen
from lakeflow.core.alerts.outbox import Alert, AlertState
from lakeflow.core.alerts.troubles import AlertRule, Condition
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, Ruling, RunRecord, RunState, StepRecord, StepState, VerdictRecord
from lakeflow.core.ports.database import sql
from tests.core.samples import key

A, B = key("silver.a"), key("silver.b")
START = datetime(2026, 3, 1, tzinfo=UTC)
ALL = AlertRule("all", frozenset(AlertKind) - {AlertKind.PUBLISHED}, frozenset({A, B}))
OF_A = AlertRule("a only", frozenset({AlertKind.HELD}), frozenset({A}))
VALUED = CheckResult("who in {ann, eve}", Outcome.FAILED, failed_rows=1, rows=3)


class Lake:
    def __init__(self, *rules: AlertRule, personal: frozenset[AssetKey] = frozenset()) -> None:
        self.now = START
        self.database = Database("sqlite://")
        self.database.initialise(MIGRATIONS)
        self.personal = personal
        self.outbox = self.opened(*rules)
        self.ledger = SqlLedger(self.database, lambda _: True, self.clock, 30.0, self._saving)

    def opened(self, *rules: AlertRule, host: str = "here") -> SqlOutbox:
        return SqlOutbox(self.database, rules, self.personal, self.clock, host)

    def clock(self) -> datetime:
        return self.now

    def _saving(self, connection: Any, run: RunRecord) -> None:
        self.outbox.saving(connection, run)

    def begins(self, id_: str, *steps: StepRecord) -> RunRecord:
        made = RunRecord(id_, RunState.RUNNING, self.now, steps=steps or (StepRecord(A), StepRecord(B)))
        self.ledger.save(made)
        return made

    def ends(self, run: RunRecord, state: RunState, *verdicts: VerdictRecord, **steps: StepRecord) -> RunRecord:
        self.now += timedelta(hours=1)
        now = tuple(steps.get(step.asset.name, step) for step in run.steps)
        ended = replace(run, state=state, steps=now, ended_at=self.now)
        self.ledger.save(ended, verdicts)
        return ended

    def holds(self, id_: str = "r1", asset: AssetKey = A, **other: Any) -> RunRecord:
        step = replace(StepRecord(asset, state=StepState.HELD, snapshot_id=9), **other)
        return self.ends(self.begins(id_, StepRecord(asset)), RunState.HELD, **{asset.name: step})

    def publishes(self, id_: str, asset: AssetKey = A, snapshot: int = 5) -> RunRecord:
        step = StepRecord(asset, state=StepState.PUBLISHED, snapshot_id=snapshot)
        ruled = VerdictRecord(asset, snapshot, Ruling.PUBLISH, id_, 1, self.now + timedelta(hours=1))
        return self.ends(self.begins(id_, StepRecord(asset)), RunState.PUBLISHED, ruled, **{asset.name: step})

    def told(self) -> list[tuple[str, str, str]]:
        return [(one.rule, str(one.kind), str(one.asset)) for one in self.outbox.open()]

    def last(self) -> Alert:
        return self.outbox.alerts(1)[0]

    def troubles(self) -> list[tuple[str, str, str]]:
        with self.database.read() as connection:
            found = connection.execute(sql("select * from lakeflow_troubles order by rule, asset")).all()
        return [(row.rule, row.asset, row.run) for row in found]

    def reads(self) -> str:
        """The line of the last alert that says what readers see."""
        return next(line for line in self.last().text.splitlines() if line.startswith("Readers see"))


@pytest.fixture
def lake() -> Iterator[Lake]:
    made = Lake(ALL)
    yield made
    made.database.close()


def test_a_held_run_is_told_once_to_each_entry_that_selects_it(lake: Lake) -> None:
    lake.outbox = lake.opened(ALL, OF_A)
    assert lake.outbox.rules == (ALL, OF_A)
    ended = lake.holds()
    assert lake.told() == [("all", "held", "silver.a"), ("a only", "held", "silver.a")]
    first = lake.outbox.open()[0]
    assert (first.title, first.at, first.next_try, first.run) == ("silver.a is held", lake.now, lake.now, "r1")
    assert (first.number, first.state, first.tried) == (1, AlertState.PENDING, 0)
    lake.ledger.save(ended)
    lake.holds("r2", B)
    assert lake.told()[2:] == [("all", "held", "silver.b")]


def test_a_run_that_has_ended_and_is_saved_again_is_not_told_again(lake: Lake) -> None:
    lake.outbox = lake.opened(AlertRule("news", frozenset({AlertKind.PUBLISHED}), frozenset({A})))
    ended = lake.publishes("r1")
    lake.begins("r2")
    lake.ledger.save(ended)
    assert lake.told() == [("news", "published", "silver.a")]


def test_its_end_is_told_and_no_trouble_stays(lake: Lake) -> None:
    lake.holds()
    assert lake.troubles() == [("all", "silver.a", "r1")]
    lake.publishes("r2")
    assert [kind for _, kind, _ in lake.told()] == ["held", "recovered"]
    assert lake.troubles() == []
    lake.publishes("r3")
    assert len(lake.told()) == 2


def test_the_end_of_one_assets_trouble_ends_no_other(lake: Lake) -> None:
    lake.outbox = lake.opened(ALL, OF_A)
    lake.holds()
    lake.holds("r2", B)
    lake.publishes("r3", B)
    assert lake.troubles() == [("a only", "silver.a", "r1"), ("all", "silver.a", "r1")]


def test_a_trouble_of_another_kind_takes_the_place_of_the_first(lake: Lake) -> None:
    lake.holds()
    errs = StepRecord(A, state=StepState.ERRORED)
    lake.ends(lake.begins("r2", StepRecord(A)), RunState.FAILED, a=errs)
    assert [kind for _, kind, _ in lake.told()] == ["held", "errored"]
    assert lake.troubles() == [("all", "silver.a", "r2")]
    with lake.database.read() as connection:
        (row,) = connection.execute(sql("select * from lakeflow_troubles")).all()
    assert (row.kinds, row.told) == ('["errored"]', 1)
    assert datetime.fromisoformat(row.since) == START + timedelta(hours=1)


def test_what_an_entry_does_not_select_any_more_is_over_for_it_alone(lake: Lake) -> None:
    lake.outbox = lake.opened(ALL, OF_A)
    lake.holds()
    lake.outbox = lake.opened(ALL, AlertRule(OF_A.name, OF_A.on, frozenset({B})))
    lake.outbox.judge({}, {}, {}, lake.now)
    assert lake.troubles() == [("all", "silver.a", "r1")]


def test_a_trouble_is_told_of_once_it_is_of_a_kind_that_the_entry_asks_for(lake: Lake) -> None:
    lake.outbox = lake.opened(AlertRule("errors", frozenset({AlertKind.ERRORED}), frozenset({A})))
    lake.holds()
    lake.ends(lake.begins("r2", StepRecord(A)), RunState.FAILED, a=StepRecord(A, state=StepState.ERRORED))
    lake.publishes("r3")
    assert [kind for _, kind, _ in lake.told()] == ["errored", "recovered"]


def test_without_entries_nothing_is_read_or_written() -> None:
    lake = Lake()
    lake.holds()
    lake.outbox.judge({A: Condition(late=True)}, {}, {}, lake.now)
    assert (lake.outbox.alerts(9), lake.troubles()) == ((), [])
    lake.database.close()


def test_what_an_earlier_attempt_ended_is_not_told_by_the_next(lake: Lake) -> None:
    held, good = StepRecord(A, state=StepState.HELD), StepRecord(B, state=StepState.PUBLISHED, snapshot_id=3)
    run = lake.ends(lake.begins("r1"), RunState.HELD, a=held, b=good)
    assert len(lake.told()) == 1
    lake.publishes("r0")  # ends the trouble
    again = replace(run, state=RunState.RUNNING, attempt=2)
    lake.ledger.save(again)
    lake.ends(again, RunState.HELD, b=StepRecord(B, state=StepState.HELD))
    assert lake.told()[2:] == [("all", "held", "silver.b")]


def test_a_run_that_nobody_saw_begin_tells_what_it_did_not_do() -> None:
    lake = Lake(ALL)
    run = lake.begins("r1")
    lake.outbox = lake.opened(ALL)
    lake.ends(run, RunState.ABANDONED, b=StepRecord(B, state=StepState.PUBLISHED, snapshot_id=3))
    assert lake.told() == [("all", "errored", "silver.a")]
    lake.database.close()


def test_only_the_last_attempts_are_remembered(lake: Lake) -> None:
    runs = [lake.begins(f"r{number}", StepRecord(A)) for number in range(65)]
    lake.ends(runs[1], RunState.HELD, a=StepRecord(A, state=StepState.HELD))
    assert lake.told() == [("all", "held", "silver.a")]
    lake.ends(runs[0], RunState.HELD, a=StepRecord(A, state=StepState.ERRORED))
    assert len(lake.told()) == 1, "as of a run that nobody saw begin"


@pytest.mark.parametrize(
    ("step", "seen"),
    [
        (StepRecord(A, state=StepState.HELD, snapshot_id=9, base_id=5), "s5, published 2026-03-01 01:00 UTC by run r0"),
        (StepRecord(A, state=StepState.HELD, snapshot_id=9, base_id=6), "s6"),
        (StepRecord(A, state=StepState.HELD, snapshot_id=9), "nothing: it was never published"),
    ],
)
def test_an_alert_says_what_readers_see_meanwhile(step: StepRecord, seen: str, lake: Lake) -> None:
    lake.publishes("r0")
    lake.ends(lake.begins("r1", StepRecord(A)), RunState.HELD, a=step)
    assert lake.reads() == f"Readers see {seen}"


def test_what_was_ruled_last_on_what_readers_see_is_told_and_no_refusal_of_it(lake: Lake) -> None:
    lake.publishes("r0")
    again = VerdictRecord(A, 5, Ruling.FORCED, "r00", 1, START + timedelta(hours=5))
    refused = VerdictRecord(A, 5, Ruling.HOLD, "r000", 1, START + timedelta(hours=6))
    others = VerdictRecord(B, 5, Ruling.PUBLISH, "rb", 1, START + timedelta(hours=7))
    lake.ledger.save(RunRecord("r00", RunState.PUBLISHED, START, ended_at=START), [again, refused, others])
    lake.holds("r1", base_id=5)
    assert lake.reads() == "Readers see s5, published 2026-03-01 05:00 UTC by run r00"


def test_after_a_publish_readers_see_what_it_published(lake: Lake) -> None:
    lake.holds("r0")
    lake.publishes("r1", snapshot=7)
    assert lake.reads() == "Readers see s7, published 2026-03-01 02:00 UTC by run r1"


def test_after_an_audit_of_main_readers_see_what_was_audited(lake: Lake) -> None:
    lake.publishes("r0")
    lake.holds("r1")
    audited = StepRecord(A, state=StepState.AUDITED, snapshot_id=5, base_id=4)
    lake.ends(lake.begins("r2", StepRecord(A)), RunState.PUBLISHED, a=audited)
    assert lake.last().kind is AlertKind.RECOVERED
    assert lake.reads() == "Readers see s5, published 2026-03-01 01:00 UTC by run r0"


def test_what_was_taken_back_readers_see_no_more(lake: Lake) -> None:
    held = StepRecord(A, state=StepState.HELD)
    good = StepRecord(B, state=StepState.PUBLISHED, snapshot_id=7, base_id=4)
    run = lake.ends(lake.begins("r1"), RunState.HELD, a=held, b=good)
    published = replace(held, state=StepState.PUBLISHED, snapshot_id=8, base_id=4)
    lake.ends(run, RunState.ROLLED_BACK, a=published)
    assert lake.last().kind is AlertKind.RECOVERED
    assert lake.reads() == "Readers see s4"


@pytest.mark.parametrize(("personal", "named"), [(frozenset({A}), "who in {…}"), (frozenset({B}), "who in {ann, eve}")])
def test_a_check_of_personal_data_is_named_without_its_values(personal: frozenset[AssetKey], named: str) -> None:
    lake = Lake(ALL, personal=personal)
    lake.holds(checks=(VALUED,))
    assert f"✗ {named}: 1 of 3 rows" in lake.last().text
    lake.outbox.judge({A: Condition(degraded=True)}, {}, {A: ["✗ who in {ann, eve}"]}, lake.now)
    assert f"✗ {named}" in lake.last().text
    lake.database.close()


def test_what_the_clock_tells_is_recorded_once_with_its_reasons(lake: Lake) -> None:
    at = START + timedelta(days=1)
    seen = {A: Seen(7, START, "r7")}
    for _ in range(2):
        lake.outbox.judge({A: Condition(late=True)}, seen, {A: ["no data since noon"]}, at)
    assert lake.told() == [("all", "stale", "silver.a")]
    assert (lake.last().at, lake.last().text.splitlines()[:3]) == (
        at,
        ["silver.a is late", "no data since noon", "Readers see s7, published 2026-03-01 00:00 UTC by run r7"],
    )
    lake.outbox.judge({A: Condition()}, seen, {}, at)
    assert lake.last().kind is AlertKind.RECOVERED


def test_where_nothing_has_changed_no_lock_is_taken(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake.database, "transaction", None)
    lake.outbox.judge({A: Condition()}, {}, {}, START)
    with pytest.raises(TypeError):
        lake.outbox.judge({A: Condition(late=True)}, {}, {}, START)


def test_the_trouble_of_an_entry_that_is_gone_is_forgotten(lake: Lake) -> None:
    lake.outbox = lake.opened(ALL, OF_A)
    lake.holds()
    lake.outbox = lake.opened(ALL)
    assert len(lake.troubles()) == 2
    lake.holds("r2", B)
    assert lake.troubles() == [("all", "silver.a", "r1"), ("all", "silver.b", "r2")]


def sent(alert: Alert, state: AlertState = AlertState.SENT, **other: Any) -> Alert:
    return replace(alert, state=state, **other)


def test_alerts_are_told_newest_first_and_what_is_open_oldest_first(lake: Lake) -> None:
    for number in range(4):
        lake.holds(f"r{number}", A if number % 2 else B)
        lake.publishes(f"p{number}", A if number % 2 else B)
    numbers = [one.number for one in lake.outbox.open()]
    assert numbers == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [one.number for one in lake.outbox.alerts(3)] == [8, 7, 6]


def test_what_was_sent_is_recorded_and_no_more_open(lake: Lake) -> None:
    lake.holds()
    lake.holds("r2", B)
    first, second = lake.outbox.open()
    done = sent(first, sent_at=START, tried=2, next_try=START, problem="it was late")
    lake.outbox.settle([done, sent(second, AlertState.FAILED, tried=1, problem="no answer")])
    assert [(one.number, one.problem) for one in lake.outbox.open()] == [(2, "no answer")]
    assert lake.outbox.alerts(9)[1] == done


@pytest.mark.parametrize("state", [AlertState.SENT, AlertState.DROPPED])
def test_what_was_sent_a_month_ago_is_forgotten_and_nothing_that_is_open(state: AlertState, lake: Lake) -> None:
    lake.holds()
    lake.holds("r2", B)
    lake.outbox.settle([sent(lake.outbox.open()[0], state)])
    lake.now = START + timedelta(days=30)
    lake.publishes("r3")
    assert [one.number for one in lake.outbox.alerts(9)] == [3, 2, 1]
    lake.now += timedelta(hours=1)
    lake.publishes("r4", B)
    assert [one.number for one in lake.outbox.alerts(9)] == [4, 3, 2]


def numbers(found: Sequence[Alert]) -> list[int]:
    return [one.number for one in found]


def test_an_alert_is_sent_by_one_host_at_a_time(lake: Lake) -> None:
    lake.holds()
    lake.holds("r2", B)
    there, both = lake.opened(ALL, host="there"), lake.outbox.open()
    assert numbers(lake.outbox.claim(reversed(both), START - timedelta(seconds=120))) == [1, 2]
    lake.outbox.settle(both)
    assert numbers(lake.outbox.claim(both[:1], START)) == [1]
    assert numbers(there.claim(both, START + timedelta(seconds=119))) == [2]
    assert numbers(lake.outbox.claim(both, START + timedelta(seconds=119))) == [1], "what a process here left"
    assert numbers(there.claim(both[:1], START + timedelta(seconds=120))) == []
    assert numbers(there.claim(both[:1], START + timedelta(seconds=239))) == [1], "that host was not heard of again"


def test_a_clock_that_was_set_back_keeps_no_alert(lake: Lake) -> None:
    lake.holds()
    there, mine = lake.opened(ALL, host="there"), lake.outbox.open()
    lake.outbox.claim(mine, START)
    assert numbers(there.claim(mine, START - timedelta(seconds=120))) == []
    assert numbers(there.claim(mine, START - timedelta(seconds=121))) == [1]


def test_what_was_sent_meanwhile_is_not_claimed_and_what_was_not_sent_is_let_go(lake: Lake) -> None:
    lake.holds()
    there, mine = lake.opened(ALL, host="there"), lake.outbox.open()
    lake.outbox.claim(mine, START)
    lake.outbox.settle([sent(mine[0], AlertState.FAILED, tried=1)])
    assert numbers(there.claim(mine, START)) == [1]
    there.settle([sent(mine[0])])
    assert numbers(lake.outbox.claim(mine, START + timedelta(days=1))) == []


def test_the_lake_has_an_id_after_its_first_write(lake: Lake) -> None:
    assert lake.outbox.lake_id() == ""
    with lake.database.transaction() as connection:
        connection.execute(sql("insert into lakeflow_lake (id, made_at) values ('lake-1', '2026')"))
    assert lake.outbox.lake_id() == "lake-1"
