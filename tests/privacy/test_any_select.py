"""No SELECT at all carries a personal value into a column that the analysis takes for harmless."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import duckdb
import pytest

from lakeflow.core.declare.pii import named_carriers, unnamed_carrier
from lakeflow.core.keys import AssetKey
from lakeflow.core.sql import column_lineage as flows
from lakeflow.core.sql.statements import OF_THE_CONNECTION, PURE
from lakeflow.project.known_queries import KnownQueries
from tests.privacy.selects import PERSONAL, Maker, carriers, databases

READ = KnownQueries(None)
PEOPLE = {AssetKey.parse("bronze.people"): PERSONAL}
STRICT = 0.25
"""The share of harmless SELECTs that may be refused: what is generated is far stranger than what people write."""


def looked_at(seed: int, wanted: int) -> Iterator[tuple[str, dict[str, bool], set[str], bool]]:
    """SELECTs that give rows: what each column carries, the columns that the analysis names, and whether it says that
    columns without a name may carry something.
    """
    both, found, number = databases(), 0, 0
    while found < wanted:
        number += 1
        text = Maker(Random(f"{seed}/{number}"), both[0]).select()
        try:
            carried = carriers(both, text)
        except duckdb.Error:
            continue
        query = READ(text, "x.sql")
        if carried is None or query.faults or query.flows is None:
            continue
        found += 1
        named = set(named_carriers(query.flows, PEOPLE))
        yield text, carried, named, bool(unnamed_carrier(query.flows, PEOPLE))


def leaks(seed: int, wanted: int, counted: Counter[str]) -> Iterator[str]:
    for text, carried, named, is_refused in looked_at(seed, wanted):
        carriers_ = {name for name, carries in carried.items() if carries}
        counted["carry"] += bool(carriers_)
        counted["harmless"] += not carriers_
        counted["refused"] += not carriers_ and bool(named or is_refused)
        if carriers_ - named and not is_refused:
            yield f"{sorted(carriers_ - named)} of {text}"


def verified(seed: int, wanted: int) -> None:
    counted: Counter[str] = Counter()
    assert list(leaks(seed, wanted, counted)) == []
    share = counted["refused"] / counted["harmless"]
    print(f"{counted['carry']} SELECTs carry something, {counted['harmless']} do not; of those {share:.0%} are refused")  # noqa: T201 - the measure
    assert counted["carry"] > wanted / 4
    assert share < STRICT


@pytest.mark.long
def test_no_select_carries_a_personal_value_unseen() -> None:
    verified(1, 100)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 22))
def test_thousands_of_selects_carry_no_personal_value_unseen(seed: int) -> None:
    verified(seed, 300)


HOLES = {
    "functions of a column, by a dot": ("_qualifiers", lambda _node: []),
    "what a function is made of": ("TELLS_NOTHING", flows.TELLS_NOTHING | {"upper", "coalesce", "concat", "max"}),
    "columns that are chosen by their names": ("_stars", lambda _node: iter(())),
}


@pytest.mark.long
@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_in_the_analysis_is_found(hole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, *HOLES[hole])
    assert next(leaks(1, 300, Counter()), None)


ORDINARY = (
    "select city, count(*) as people, count(distinct email) as mails from bronze.people group by city",
    "select p.id, p.city, v.place from bronze.people p join bronze.visits v using (id)",
    "select * exclude (email, phone, tags, info) from bronze.people",
    "select p.* exclude (email, phone, tags, info), v.place from bronze.people p left join bronze.visits v using (id)",
    "with p as (select * exclude (email, phone, tags, info) from bronze.people) select * from p where id > 1",
    "with p as (from bronze.people) select city, max(id) as last from p group by all",
    "select id, city, row_number() over (partition by email order by id) as n from bronze.people",
    "select id from bronze.people where email like '%x' and phone is not null order by email",
    "select id, email is not null as has_mail, phone in ('1') as is_known from bronze.people",
    "select id, case when email = 'a' then 'one' else 'other' end as kind from bronze.people",
    "select id, city from bronze.people qualify row_number() over (partition by email order by id) = 1",
    "select v.place, (select count(*) from bronze.people p where p.city = v.city) as n from bronze.visits v",
    "select c.country, sum(p.id) as s from bronze.people p join silver.cities c using (city) group by c.country",
    "select id, city from bronze.people union all select id, city from bronze.visits",
    "select id, city as place from bronze.people union all by name select id, place from bronze.visits",
    "select * from bronze.visits v semi join bronze.people p using (id)",
    "select * from bronze.visits where id in (select id from bronze.people where email is null)",
    "select * from bronze.visits v asof join silver.cities c on v.city >= c.city",
    "from (select city, id from bronze.people) pivot (count(*) for city in ('Ulm', 'Bonn'))",
    "select k, v from (unpivot (select id, city, note from bronze.people) on city, note into name k value v)",
    "select u.x from bronze.people p, unnest([p.city, p.note]) as u(x)",
    "select [x.upper() for x in [city, note]] as names, {'c': city}.c as c from bronze.people",
    "with recursive t(n, c) as (select 0, city from bronze.people union all select n + 1, c from t where n < 3) from t",
    "select p.city.upper() as city, note[1:2] as n from bronze.people p",
    "select columns(['city', 'note']) from bronze.people",
    "select max(id) filter (where email is not null) as m, arg_max(city, id) as c from bronze.people",
    "select d.id, d.n from (select id, count(email) over () as n from bronze.people) d",
    "select city, list(id order by email) as ids from bronze.people group by rollup (city)",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_what_people_write_of_personal_tables_without_taking_their_values_is_not_refused(text: str) -> None:
    query = READ(text, "x.sql")
    assert query.faults == ()
    assert query.flows is not None
    assert named_carriers(query.flows, PEOPLE) == {}
    assert not unnamed_carrier(query.flows, PEOPLE)


def test_what_is_said_to_tell_nothing_gives_numbers_of_rows_ranks_types_or_yes_and_no() -> None:
    """When this fails, DuckDB has given one of these functions another result: take it off the list."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "select distinct function_name, return_type from duckdb_functions() where list_contains($1, function_name)",
            [sorted(flows.TELLS_NOTHING)],
        ).fetchall()
    assert {name for name, _ in found} == flows.TELLS_NOTHING
    others = {name for name, type_ in found if type_ not in ("BOOLEAN", "BIGINT", "HUGEINT", "UINTEGER")}
    assert others == {"typeof", "pg_typeof", "percent_rank", "cume_dist"}


def test_no_macro_of_duckdb_reads_its_catalog_behind_the_analysis() -> None:
    """When this fails, DuckDB has a new one: put it on the list."""
    with duckdb.connect() as connection:
        reading = connection.execute(
            "select distinct function_name from duckdb_functions() where function_type = 'macro'"
            " and regexp_matches(macro_definition, '(?i)\\bselect\\b')"
        ).fetchall()
    assert {name for (name,) in reading} <= OF_THE_CONNECTION


def test_every_function_that_stands_for_a_table_is_known_or_refused() -> None:
    with duckdb.connect() as connection:
        found = connection.execute(
            "select distinct function_name from duckdb_functions() where function_type like 'table%'"
        ).fetchall()
    for name in {name for (name,) in found} - PURE:
        query = READ(f"select * from {name}()", "x.sql")
        assert query.faults or query.outside, name
