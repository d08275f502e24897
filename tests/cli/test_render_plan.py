"""A plan on the screen, as JSON and as CSV."""

from dataclasses import replace

from lakeflow.as_json.values import plan_json
from lakeflow.cli.screens.plan import plan_records, plan_screen
from lakeflow.core.plan.planning import Held, Plan
from tests.cli.values import DELAYS, NOW, PLAN, RUN, WEATHER, key


def test_a_plan_says_of_each_asset_what_and_why() -> None:
    assert plan_screen(PLAN).plain.splitlines() == [
        "  +  bronze.flights       never built",
        "  ~  silver.weather       code changed (a1b2c3 → 9f04d1)",
        "  ~  gold.carrier_delays  check changed (111111 → 222222); audits s810000, writes nothing",
        "  =  silver.flights       fresh",
        "",
        "! bronze.flights appends: rows that it landed before will land again",
        "",
        "3 to run, 1 unchanged; about 362,891 rows to read",
    ]


def test_what_is_held_can_be_compared() -> None:
    held = Held(WEATHER, RUN, NOW, "held since 12:00 by run 01jd3k, nothing changed")
    assert plan_screen(Plan(steps=(), held=(held, replace(held, asset=DELAYS)))).plain.splitlines() == [
        "  ✗  silver.weather       held since 12:00 by run 01jd3k, nothing changed",
        "  ✗  gold.carrier_delays  held since 12:00 by run 01jd3k, nothing changed",
        "",
        "Nothing to run: 2 held already, 0 fresh",
        "Compare   `lakeflow diff 01jd3k` shows how what it holds differs from main",
    ]


def test_nothing_to_do_is_a_good_answer() -> None:
    assert Plan(steps=(), fresh=(key("silver.flights"),)).headline == "Nothing to do: 1 asset fresh"


def test_a_plan_as_json_keeps_causes_apart_and_ids_as_strings() -> None:
    data = plan_json(PLAN)
    assert data["selected"] == 4
    assert data["total"] == 9
    assert data["fresh"] == ["silver.flights"]
    assert data["steps"][1] == {
        "asset": "silver.weather",
        "action": "write",
        "reasons": [
            {
                "cause": "code changed",
                "upstream": None,
                "before": "a1b2c3",
                "after": "9f04d1",
                "rows": None,
                "text": "code changed (a1b2c3 → 9f04d1)",
            }
        ],
        "base_id": "4411009",
        "upstreams": [],
        "partitions": [],
        "partial": [],
        "drift": [],
    }


def test_a_plan_as_csv_has_one_row_an_asset() -> None:
    header, rows = plan_records(PLAN)
    assert header == ("asset", "action", "reasons")
    assert rows[0] == ("bronze.flights", "write", "never built")
    assert rows[-1] == ("silver.flights", "", "fresh")


def test_one_row_to_read_is_one_row() -> None:
    assert replace(PLAN, rows_to_read=1).headline.endswith("about 1 row to read")
