"""What changes a code version, and what does not."""

import ast
from collections.abc import Mapping
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.declare.declaration import read_declaration
from lakeflow.core.model.check import CheckFile, CheckKind, Severity
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.sql.tokens import line_at, normalised, tokens
from lakeflow.core.version.fingerprint import data_fields, fingerprint, python_source, sql_source, suite_source
from lakeflow.core.version.reachable_code import FunctionNode, reach, whole
from tests.explored import explored

SQL = """\
-- departures
with x as (select carrier, "Day", count(*) filter (where delay > 1.5e-3) as N from silver.flights)
select *, 'it''s -- no comment' as s, $$ /* nor this */ $$ as d, e'\\'' as e, x[1:2], a->>'$.b', -c::INT
from x where N <> 0 and "Day" >= date '2013-01-01' /* a /* nested */ comment */
group by all;
"""


def sql_version(text: str, **fields: object) -> str:
    return fingerprint(sql_source(fields, text))


GAPS = (" ", "\n", "\t", "\r\n", "  ", " -- x\n", " -- 'y\r", " /* z */", " /* /* \" */ ' */", "\n\n")
FOUND = tokens(SQL)
VERSION = sql_version(SQL)


@explored(60)
@given(st.lists(st.sampled_from(GAPS), min_size=len(FOUND), max_size=len(FOUND)), st.sampled_from(GAPS))
def test_white_space_and_comments_never_change_a_sql_version(gaps: list[str], first: str) -> None:
    text = first + "".join(token.text + gap for token, gap in zip(FOUND, gaps, strict=True))
    assert sql_version(text) == VERSION


def test_every_token_counts() -> None:
    found = [token.text for token in FOUND[:-1]]
    without = {sql_version(" ".join(found[:place] + found[place + 1 :])) for place in range(len(found))}
    assert VERSION not in without


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("select a from b", "SELECT a FROM b"),
        ("select COUNT(*) from b", "select count(*) from b"),
        ("select a::INT from b", "select a::int from b"),
        ("select 1", "select 1;"),
        ("/* owner = 'x' */ select 1", "select 1"),
    ],
)
def test_the_case_of_keywords_and_functions_and_a_last_semicolon_do_not_count(one: str, two: str) -> None:
    assert sql_version(one) == sql_version(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("select a as b", "select a as B"),
        ('select "a"', 'select "A"'),
        ('select "a"', "select a"),
        ("select 'a'", "select 'A'"),
        ("select 'a b'", "select 'a  b'"),
        ("select '-- a'", "select '-- b'"),
        ("select 1", "select 1.0"),
        ("select a - -b", "select a --b"),
        ("select a || b", "select a | b"),
        ("select $$a$$", "select $$b$$"),
        ("select $x$ -- $$ a$x$", "select $x$ -- $$ b$x$"),
        ("select 1 -- a\r, 2", "select 1 -- a, 2"),
    ],
)
def test_names_literals_and_operators_count(one: str, two: str) -> None:
    assert sql_version(one) != sql_version(two)


def test_declared_fields_that_can_change_data_count_and_the_others_do_not() -> None:
    def version(**raw: object) -> str:
        declaration, flaws = read_declaration(raw)
        assert flaws == ()
        return sql_version("select 1", **data_fields(declaration, declaration.write or WriteMode.REPLACE))

    plain = version()
    assert version(description="d", owner="o", tags=["t"], checks=["c"], allow_empty=True) == plain
    assert version(columns={"a": {"description": "d"}}) == plain
    assert version(write="replace") == plain
    assert version(columns={"a": {"type": "long"}}) == version(columns={"a": {"type": "BIGINT"}})
    changed = [
        version(inputs={"a": "bronze.a"}),
        version(key=["a"]),
        version(write="append"),
        version(columns={"a": {"type": "int"}}),
        version(columns={"a": {"pii": True}}),
        version(columns={"a": {"mask": "hash"}}),
        version(columns={"a": {"mask": "redact"}}),
        version(reads=["a"]),
    ]
    assert len({plain, *changed}) == len(changed) + 1


PYTHON = '''\
"""About the file."""
import os, sys
from functools import cache, partial
from lakeflow import asset
from helpers import double, triple

LIMIT = 10
UNUSED = 1
TABLE = {}
TABLE["a"] = LIMIT
try:
    import fast
except ImportError:
    fast = None


class Point:
    """About points."""
    x = LIMIT


def clean(value):
    """About cleaning."""
    os = value
    return double(os) + Point.x


def unused():
    return triple(UNUSED)


@asset(key=["a"], description="d")
@cache
def weather(raw, unused=None):
    """About weather."""
    total = [clean(each) for each in raw if each < LIMIT]
    return total, TABLE, f"{raw!r:>{LIMIT}}"


@asset(key=["b"])
def other():
    return unused()
'''


def python_version(text: str, name: str = "weather", modules: Mapping[str, str] | None = None) -> str:
    text = dedent(text)
    tree = ast.parse(text)
    node = next(each for each in tree.body if isinstance(each, FunctionNode) and each.name == name)
    return fingerprint(python_source({}, reach(text, tree, node).code, modules or {}, {}))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 10", "LIMIT   =   (10)  # ten"),
        ("About the file", "About"),
        ("About cleaning", "Cleaning"),
        ("About points", "Points"),
        ('    """About weather."""\n', ""),
        ("UNUSED = 1", "UNUSED = 2"),
        ("triple(UNUSED)", "triple(0)"),
        ("import os, sys", "import os"),
        ("cache, partial", "cache"),
        ("double, triple", "double"),
        ('key=["a"], description="d"', 'key=["a"], description="e", owner="o"'),
        ('@asset(key=["b"])\n', ""),
        ("return unused()", "return 3"),
        ("fast = None", "fast = 1"),
        ("total = [", "total = [\n        "),
        ('"a"', "'a'"),
    ],
)
def test_what_a_function_does_not_reach_and_how_it_is_laid_out_do_not_count(old: str, new: str) -> None:
    assert old in PYTHON
    assert python_version(PYTHON.replace(old, new)) == python_version(PYTHON)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 10", "LIMIT = 11"),
        ("LIMIT = 10", "LIMIT = 10.0"),
        ("x = LIMIT", "x = 1"),
        ("double(os)", "double(value, os)"),
        ("import double,", "import quadruple as double,"),
        ('TABLE["a"] = LIMIT', 'TABLE["b"] = LIMIT'),
        ("@cache\n", ""),
        ("each < LIMIT", "each <= LIMIT"),
        ("unused=None", "unused=1"),
        ("!r:>", "!s:>"),
        ("def weather(raw,", "def weather(raw: 'pa.Table',"),
    ],
)
def test_what_a_function_reaches_counts(old: str, new: str) -> None:
    assert old in PYTHON
    assert python_version(PYTHON.replace(old, new)) != python_version(PYTHON)


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("x = 1\ndef f(x): return x", False),
        ("x = 1\ndef f(): x = 2; return x", False),
        ("x = 1\ndef f(): return [x for x in [1]]", False),
        ("x = [1]\ndef f(): return [x for x in x]", True),
        ("x = 1\ndef f(): return lambda: x", True),
        ("x = 1\ndef f(): return lambda x: x", False),
        ("x = 1\ndef f(a=x): return a", True),
        ("x = 1\ndef f(a: x): return a", True),
        ("x = 1\ndef f():\n global x\n x = x + 1", True),
        ("x = 1\ndef f():\n def x(): ...\n return x", False),
        ("x = 1\ndef f():\n import x\n return x", False),
        ("x = 1\ndef f():\n for x in []: ...\n return x", False),
        ("x = 1\ndef f():\n match 1:\n  case x: return x", False),
        ("x = 1\ndef f():\n try: ...\n except E as x: return x", False),
        ("x = 1\ndef f(): return a.x", False),
        ("def g(): return f()\nx = 1\ndef f(): return g(), x", True),
        ("x = 1\nif x: y = 2\ndef f(): return y", True),
        ("x = 1\nfor y in [x]: ...\ndef f(): return y", True),
        ("x = 1\ny = x\ndef f(): return y", True),
        ("x = 1\nprint(x)\ndef f(): ...", True),
        ("x = 1\nif __name__ == '__main__': print(x)\ndef f(): ...", False),
        ("class x: ...\nclass y(x): ...\ndef f(): return y", True),
    ],
)
def test_names_are_reached_as_python_finds_them(text: str, reached: bool) -> None:
    tree = ast.parse(text)
    node = next(each for each in tree.body if isinstance(each, FunctionNode) and each.name == "f")
    code = reach(text, tree, node).code
    assert any(each.startswith(("x = ", "class x")) for each in code) is reached


def test_imports_are_told_where_the_code_that_needs_them_is_reached() -> None:
    text = "import a.b, c\nfrom d import e, g\nfrom . import h\ndef f():\n  import i\n  return a, e, h"
    tree = ast.parse(text)
    (node,) = (each for each in tree.body if isinstance(each, FunctionNode))
    found = reach(text, tree, node).imports
    assert [(each.level, each.module, each.names) for each in found] == [
        (0, "a.b", ()),
        (0, "d", ("e",)),
        (0, "i", ()),
        (1, "", ("h",)),
    ]
    assert len(whole(text, tree).imports) == 5


def test_an_imported_module_counts_but_not_its_comments_or_what_it_says_of_its_assets() -> None:
    module = "from lakeflow import asset\nONE = 1\n@asset(description='d')\ndef g():\n    '''doc'''\n    return ONE\n"
    version = python_version(PYTHON, modules={"helpers": module})
    assert python_version(PYTHON, modules={"helpers": module.replace("'d'", "'e'").replace("doc", "# c")}) == version
    assert python_version(PYTHON, modules={"helpers": module.replace("ONE = 1", "ONE = 2")}) != version


SYNTAX = """\
import a.b as c, d
async def f(x: int, /, y: "str" = 'ü\\x00', *z, w=None, **k) -> None:
    async with x as y: await z
    async for i in y: yield i
    return [*x, {**k}, {1, 2}, (a := 3), x[1:2, ::3], not x, -1.5e10, 1j, b"\\xff", ..., True]
def g(a):
    global h
    nonlocal_free = lambda *b, c=1: (yield)
    match a:
        case [1, *rest] | {"k": v, **others} if v: pass
        case C(x=None) as y: pass
        case _: raise E from None
    try: del a.b, a[0]
    except* E as e: assert e, "no"
    else: h += 1
    finally:
        while a: break
        else: continue_ = 1
    with open("x") as p, q: print(f"{a!r:>{b}.{c}}" "x" f"{a=}", "a" "b", sep="")
    x: int = 1
    return 1 if a < b <= c else a @ b // c, "'" + '"'
"""


def test_a_version_is_the_same_for_ever_and_in_every_python() -> None:
    """Literal versions: they stand in the snapshots of lakes, so a change needs a new ALGORITHM."""
    assert sql_version(SQL, key=["a"]) == "0cfcb6f34b9a030683d221c8244f417346934a94ba84b8842df026854f340ce5"
    assert (
        python_version(PYTHON, modules={"syntax": SYNTAX})
        == "1a96848e058c1c99b4309016bc6214153b615ef004765a00f9213eb2df892def"
    )


def suite_version(text: str = "expectations = []", modules: Mapping[str, str] | None = None, **fields: Any) -> str:
    file = CheckFile(CheckKind.SUITE, "checks/silver/x.py", text)
    rows = CheckFile(CheckKind.ROWS, "checks/silver/x.y.sql", "select 1", **{"name": "y", **fields})
    return fingerprint(suite_source([file, rows], modules or {}))


def test_a_suite_is_told_apart_by_all_that_can_change_a_verdict() -> None:
    plain = suite_version()
    assert suite_version("# c\nexpectations = [ ]") == plain
    changed = [
        suite_version("expectations = [1]"),
        suite_version(modules={"a": "x = 1"}),
        suite_version(modules={"a": "x = 2"}),
        suite_version(name="z"),
        suite_version(severity=Severity.WARNING),
        suite_version(allow_empty=True),
    ]
    assert len({plain, *changed}) == len(changed) + 1


def test_tokens_know_their_places() -> None:
    for token in tokens(SQL):
        assert SQL[token.start : token.end] == token.text
    assert line_at(SQL, SQL.index("group by")) == 5


def test_normalised_text_is_its_own_normal_form() -> None:
    assert normalised(normalised(SQL)) == normalised(SQL)
