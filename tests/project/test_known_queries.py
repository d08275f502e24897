"""What was read out of SQL once is kept: as good as the parser, and never better than the text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lakeflow.core.keys import ExternalKey
from lakeflow.core.sql.query import Allowed
from lakeflow.project.known_queries import KnownQueries

TEXTS = (
    "select p.*, o.total, lower(email) as e from bronze.people p join silver.orders o using (id)",
    "select * exclude (email) from published.gold.x, read_csv('a.csv'), landed_rows, shop.sales.orders",
    'select * from silver."Höhe-x" union select 1 from nowhere',
    "pivot bronze.people on city using max(email)",
    "select *, 1 as id, max(x) from (select * from silver.a, silver.b) union all select * from bronze.people",
    "values (1, 2)",
    "select 1 from",
    "delete from silver.a",
    "select '",
    "",
)
ALLOWED = Allowed(frozenset({"landed_rows"}), frozenset({ExternalKey.parse("shop.sales.orders")}))


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_kept_is_what_the_parser_found(text: str, tmp_path: Path) -> None:
    found = KnownQueries(None)(text, "x.sql", ALLOWED)
    assert KnownQueries(tmp_path)(text, "x.sql", ALLOWED) == found
    assert len(list(tmp_path.rglob("*.json"))) == 1
    assert KnownQueries(tmp_path)(text, "x.sql", ALLOWED) == found


def test_a_file_whose_name_is_no_utf8_is_kept_too(tmp_path: Path) -> None:
    """Its faults name it, and no JSON of others may hold such a name."""
    found = KnownQueries(tmp_path)("select 1 from", "\udcff.sql")
    assert len(list(tmp_path.rglob("*.json"))) == 1
    assert KnownQueries(tmp_path)("select 1 from", "\udcff.sql") == found
    assert found.faults[0].path == "\udcff.sql"


@pytest.mark.long
def test_a_text_that_is_known_needs_no_parser(tmp_path: Path) -> None:
    read = f"KnownQueries(Path({str(tmp_path)!r}))('select * from silver.a', 'x.sql')"
    code = f"""
import sys
from pathlib import Path
from lakeflow.project.known_queries import KnownQueries
print([str(each.key) for each in {read}.references], "sqlglot" in sys.modules)
"""
    said = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]
    assert [each.stdout.strip() for each in said] == ["['silver.a'] True", "['silver.a'] False"]


@pytest.mark.parametrize(("text", "path", "allowed"), [("select 2", "x.sql", ALLOWED), ("select 1", "y.sql", ALLOWED)])
def test_another_text_or_place_is_read_anew(text: str, path: str, allowed: Allowed, tmp_path: Path) -> None:
    queries = KnownQueries(tmp_path)
    queries("select 1", "x.sql", ALLOWED)
    queries(text, path, allowed)
    assert len(list(tmp_path.rglob("*.json"))) == 2


def test_what_may_be_read_counts_too(tmp_path: Path) -> None:
    text = "select * from landed_rows"
    queries = KnownQueries(tmp_path)
    assert queries(text, "x.sql", ALLOWED).faults == ()
    assert queries(text, "x.sql").faults


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff\xfe", b"0\n{}", None])
def test_a_damaged_file_is_as_good_as_none(damage: bytes | None, tmp_path: Path) -> None:
    found = KnownQueries(tmp_path)("select * from silver.a", "x.sql")
    (kept,) = tmp_path.rglob("*.json")
    kept.write_bytes(kept.read_bytes()[:-9] if damage is None else damage)
    assert KnownQueries(tmp_path)("select * from silver.a", "x.sql") == found


def test_a_folder_that_cannot_be_used_is_as_good_as_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    for folder in (None, file, Path("/proc/nowhere")):
        (found,) = KnownQueries(folder)("select * from silver.a", "x.sql").references
        assert str(found.key) == "silver.a"


def test_what_somebody_else_kept_hides_no_outside_file_and_no_personal_column(tmp_path: Path) -> None:
    """It says of a SELECT that it reads nothing."""
    text = "select email from bronze.people, read_csv('a.csv')"
    found = KnownQueries(tmp_path)(text, "x.sql")
    (kept,) = tmp_path.rglob("*.json")
    empty = KnownQueries(tmp_path / "other")("select 1", "x.sql")
    (other,) = (tmp_path / "other").rglob("*.json")
    kept.write_bytes(other.read_bytes())
    assert KnownQueries(tmp_path)(text, "x.sql") == found != empty
