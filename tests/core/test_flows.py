"""Where the values of a SELECT's columns come from."""

from __future__ import annotations

import pytest

from lakeflow.core.sql.column_origins import Named, Star
from lakeflow.project.known_queries import KnownQueries

READ = KnownQueries(None)


def personal(text: str, *, column: str = "email") -> set[str]:
    """The columns of the SELECT into which `bronze.people.email` flows; `*` for one whose name is not told."""
    flows = READ(text, "x.sql").flows
    assert flows is not None, text
    found = set()
    for each in flows.columns:
        if isinstance(each, Star):
            found |= {column} if str(each.key) == "bronze.people" and column not in each.without else set()
        elif any(str(origin.key) == "bronze.people" and origin.column in (column, "*") for origin in each.origins):
            found.add((each.name if isinstance(each, Named) else "") or "*")
    return found


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


EVASIVE = {
    "select columns('em.*') from bronze.people": {"email"},
    "select columns(lambda c: c like 'em%') from bronze.people": {"email"},
    "select columns(['id', 'email']) from bronze.people": {"email"},
    "select columns(['id', 'city']) from bronze.people": set(),
    "select columns('(e)(.*)') as '\\2' from bronze.people": {"*"},
    "select any_value(columns(*)) from bronze.people": {"email"},
    "select coalesce(*columns('e.*')) as x from bronze.people": {"*"},
    "select columns('ci.*') || email from bronze.people": {"email", "*"},
    "select l.* from bronze.people p, lateral (select p.email as e) l": {"e"},
    "select l.e from bronze.people p cross join lateral (select p.email as e) l": {"e"},
    "select email.upper() as x from bronze.people": {"x"},
    "select p.email.upper().lower() as x from bronze.people p": {"x"},
    "select [email].list_transform(lambda x: x.lower()) as x from bronze.people": {"x"},
    "select #2 as x from bronze.people": {"x"},
    "select #2 from bronze.people": {"*"},
    "select * like 'em%' from bronze.people": {"email"},
    "select * similar to 'em.*' from bronze.people": {"email"},
    "select * like 'em%' as x from bronze.people": {"*"},
    "select email.* from bronze.people": {"*"},
    "select c as x from bronze.people c": {"x"},
    "select to_json(c) as x from bronze.people c": {"x"},
    "select to_json(people) -> 'email' as x from bronze.people": {"x"},
    "select c['email'] as x from bronze.people c": {"x"},
    "select struct_extract(c, 'email') as x from bronze.people c": {"x"},
    "select unnest(c) from bronze.people c": {"*"},
    "select unnest([email]) as x from bronze.people": {"x", "*"},
    "select v from (unpivot bronze.people on email, city into name k value v)": {"v"},
    "select k from (unpivot (select id, email, city from bronze.people) on email, city into name k value v)": set(),
    "select [x.upper() for x in [email]] as x from bronze.people": {"x"},
    "select lag(id, 1, email) over (order by id) as x from bronze.people": {"x"},
    "select x: email from bronze.people": {"x"},
    "select mode() within group (order by email) as x from bronze.people": {"x"},
    "select percentile_disc(0.5) within group (order by email) as x from bronze.people": {"x"},
    "select string_agg(city, ',' order by email) as x, list(id order by email) as y from bronze.people": set(),
    "select fill(id) over (order by email) as x, sum(id) over (order by email) as y from bronze.people": {"x"},
    "select email collate nocase as x, email::blob as y from bronze.people": {"x", "y"},
    "select struct_pack(a := email) as x, (id, email) as y from bronze.people": {"x", "y"},
    "select a from (select id, email from bronze.people) t(b, a)": {"a"},
    "select email from (select id, email from bronze.people) t(b)": {"email"},
    "select email_1 as x from (select * from silver.a, bronze.people)": {"x"},
    "select city from (select * from silver.a, bronze.people)": set(),
    "select (select c.email from (select 1 as y) c) as x from bronze.people c": {"x"},
    "select (select email from silver.a) as x from bronze.people": {"x"},
    "select s.host as x from (select email as s from bronze.people), (select 1 as y) s": {"x"},
    "select note, place from silver.a union all select * from bronze.people": {"note", "place", "*"},
    "select * from silver.a union all by name select * from bronze.people": {"email"},
    "with recursive t(a, b, n) as (select '', '', 0 union all select b, (select max(email) from bronze.people), n + 1"
    " from t where n < 3) select a as x, n from t": {"x"},
    "select * replace (email as id) from bronze.people": {"id", "email"},
    "select d.* rename (p.email as x) from bronze.people d": {"email", "x"},
    "select id from (values ((select max(email) from bronze.people))) v(id)": {"id"},
    "select email from bronze.people as id(a, b)": {"email"},
    "select b from bronze.people as id(a, b)": {"b"},
    "select z from (select id, email from bronze.people) a join (select id, city from bronze.people) b using (id)"
    " union all select city, 1, 2 from bronze.people": set(),
    "select e from ((select 1 as id, 2 as x) join (select id, email from bronze.people) using (id)) t(i, x, e)": {"e"},
    "select array(select email from bronze.people) as x": {"x"},
    "select exists (from bronze.people where email = 'a') as x, 'a' in (select email from bronze.people) as y": set(),
}


@pytest.mark.parametrize("text", EVASIVE)
def test_no_way_of_writing_hides_where_a_value_comes_from(text: str) -> None:
    assert personal(text) == EVASIVE[text]


@pytest.mark.parametrize("text", FLOWS)
def test_a_value_is_followed_to_where_it_stands(text: str) -> None:
    assert personal(text) == FLOWS[text]


def test_what_a_pivot_makes_may_come_from_anywhere_below_it() -> None:
    text = "select x from (pivot bronze.people on id in (1) using first(email))"
    assert personal(text) == {"x"}
