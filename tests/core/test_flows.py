"""Where the values of a SELECT's columns come from."""

from __future__ import annotations

import pytest

from lakeflow.core.sql.reader import read_query


def personal(text: str, *, column: str = "email") -> set[str]:
    """The columns of the SELECT into which `bronze.people.email` flows; `*` for one that has no name."""
    flows = read_query(text, "x.sql").flows
    assert flows is not None, text
    named = {
        name
        for name, origins in flows.named.items()
        if any(str(origin.key) == "bronze.people" and origin.column in (column, "*") for origin in origins)
    }
    return named | {column for star in flows.stars if str(star.key) == "bronze.people" and column not in star.without}


FLOWS = {
    "select email from bronze.people": {"email"},
    "select p.email as e, id from bronze.people p": {"e"},
    "select bronze.people.email from bronze.people": {"email"},
    "select lower(trim(email)) || '!' as e from bronze.people": {"e"},
    "select sha256(email) as e from bronze.people": {"e"},
    "select * from bronze.people": {"email"},
    "from bronze.people": {"email"},
    "select p.*, o.total from bronze.people p join silver.orders o using (id)": {"email"},
    "select * exclude (email) from bronze.people": set(),
    "select * replace ('x' as email) from bronze.people": set(),
    "select * replace (lower(email) as email) from bronze.people": {"email"},
    "select * rename (email as mail) from bronze.people": {"mail"},
    "select count(email) as n, count(distinct email) as m from bronze.people": set(),
    "select email is null as e, email like '%x' as f, email in ('a') as g from bronze.people": set(),
    "select case when email = 'a' then 1 else 2 end as c from bronze.people": set(),
    "select case when id = 1 then email end as c from bronze.people": {"c"},
    "select if(id = 1, email, 'x') as c from bronze.people": {"c"},
    "select coalesce(mail, email) as c from bronze.people": {"c"},
    "select max(email) as c, any_value(email) as d, id from bronze.people group by id": {"c", "d"},
    "select row_number() over (partition by email order by email) as n from bronze.people": set(),
    "select first_value(email) over (order by id) as n from bronze.people": {"n"},
    "select array_agg(id order by email) as n from bronze.people": set(),
    "select id from bronze.people where email = 'a' order by email": set(),
    "with p as (select id, email as mail from bronze.people) select mail from p": {"mail"},
    "with p(a, b) as (select id, email from bronze.people) select b, a from p": {"b"},
    "with p as (from bronze.people) select email as e from p": {"e"},
    "with recursive r as (select email as e from bronze.people union all select e from r) select e as f from r": {"f"},
    "select q.mail from (select email as mail from bronze.people) q": {"mail"},
    "select m from (select email from bronze.people) as q(m)": {"m"},
    "select (select max(email) from bronze.people) as e from silver.orders": {"e"},
    "select (select max(p.email)) as e from bronze.people p": {"e"},
    "select id from silver.orders union all select email from bronze.people": {"id"},
    "select id as a from silver.orders union all by name select email as b from bronze.people": {"b"},
    "select id from silver.orders except select email from bronze.people": set(),
    "select {'a': email} as s, [email] as l from bronze.people": {"s", "l"},
    "select p as row from bronze.people p": {"row"},
    "select u.x from bronze.people, unnest([email]) as u(x)": {"x"},
    "select list_transform([1], x -> x || email) as l from bronze.people": {"l"},
    "select email as e, upper(e) as f from bronze.people": {"e", "f"},
    "select x.email from silver.orders x join bronze.people p using (id)": set(),
    "select email.host as h from bronze.people": {"h"},
    "select max(columns(*)) from bronze.people": {"email"},
    "select * from (select * exclude (email) from bronze.people)": set(),
    "select y.email from (bronze.people y join silver.orders o using (id))": {"email"},
    "select v.e from (values (1)) as v(e), bronze.people": set(),
    "select email: id from bronze.people": set(),
}


@pytest.mark.parametrize("text", FLOWS)
def test_a_value_is_followed_to_where_it_stands(text: str) -> None:
    assert personal(text) == FLOWS[text]


def test_what_a_pivot_makes_may_come_from_anywhere_below_it() -> None:
    text = "select x from (pivot bronze.people on id in (1) using first(email))"
    assert personal(text) == {"x"}
