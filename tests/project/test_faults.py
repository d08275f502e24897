"""Every fault of a project's files is told with file, line, what is wrong and what to type next."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakeflow.core.declare import laws
from lakeflow.core.declare.laws import AssetDraft
from lakeflow.core.errors import Fault, ProjectError
from lakeflow.project import load
from lakeflow.project.sql_files import _read
from tests.project.files import BRONZE, SILVER, faults, loaded, write

KEYED = "from lakeflow import asset\n@asset(key=['a'], {fields})\ndef weather({parameters}): ...\n"


def silver(fields: str = "", parameters: str = "") -> dict[str, str]:
    return {**BRONZE, "layers/silver/weather.py": KEYED.format(fields=fields, parameters=parameters)}


def sql(text: str, path: str = "layers/silver/weather.sql") -> dict[str, str]:
    return {**BRONZE, path: text}


PEOPLE = {
    "layers/bronze/people.sql": "/*\n[columns.email]\npii = true\n*/\nselect 1 as id, 'a' as email",
}


def check(text: str, path: str = "checks/silver/weather.known.sql") -> dict[str, str]:
    return {**SILVER, "layers/gold/report.sql": "select * from silver.weather", path: text}


HEADER = "/*\nkey = ['a']\n*/\n"

CASES = {
    "tombstones of a table that has no keys to take away": (
        sql("/*\nkey = ['a']\ndeleted = \"op = 'D'\"\n*/\nselect a, op from bronze.raw"),
        "layers/silver/weather.sql:3",
        'silver.weather is written by "replace", for which deleted means nothing',
        'only write = "upsert" and "scd2" tell rows apart by a key: drop deleted, or declare such a mode',
    ),
    "versions of what keeps none": (
        silver("write='upsert', track=['b']"),
        "layers/silver/weather.py:2",
        'silver.weather is written by "upsert", for which track means nothing',
        'only write = "scd2" keeps versions: drop track, or declare that mode',
    ),
    "a tombstone that is no condition": (
        sql('/*\nkey = [\'a\']\nwrite = "scd2"\ndeleted = "op = "\n*/\nselect a, op from bronze.raw'),
        "layers/silver/weather.sql:4",
        "deleted = 'op = ' cannot be read",
        "write deleted = \"op = 'D'\"",
    ),
    "a tombstone that looks at other rows": (
        silver("write='upsert', deleted='a in (select a from bronze.raw)'"),
        "layers/silver/weather.py:2",
        "deleted = 'a in (select a from bronze.raw)' looks at more than one row",
        "write deleted = \"op = 'D'\"",
    ),
    "a version made by what is not selected": (
        sql('/*\nkey = [\'a\']\nwrite = "scd2"\ntrack = ["pln"]\n*/\nselect a, plan from bronze.raw'),
        "layers/silver/weather.sql:4",
        "track names column 'pln', which silver.weather does not select",
        "did you mean 'plan'?",
    ),
    "a version made by its key": (
        silver("write='scd2', track=['A']"),
        "layers/silver/weather.py:2",
        "track and key both name column 'A'",
        "drop it there: track names the columns whose change begins a new version",
    ),
    "unknown upstream in SQL": (
        sql(HEADER + "select 1\nfrom bronze.rw"),
        "layers/silver/weather.sql:5",
        "silver.weather reads bronze.rw, which is not defined",
        "did you mean 'bronze.raw'?",
    ),
    "unknown upstream in Python": (
        silver('\n  inputs={\n    "raw": "bronze.rw"}', "raw"),
        "layers/silver/weather.py:4",
        "silver.weather reads bronze.rw, which is not defined",
        "did you mean 'bronze.raw'?",
    ),
    "cycle": (
        {
            "layers/silver/a.sql": HEADER + "select * from silver.c",
            "layers/silver/b.sql": HEADER + "select * from silver.a",
            "layers/silver/c.sql": HEADER + "select 1\nunion all\nselect * from silver.b",
        },
        "layers/silver/a.sql:4",
        "assets wait for one another: silver.a → silver.b → silver.c → silver.a",
        "take one of these inputs away",
    ),
    "asset that reads itself": (
        sql(HEADER + "select * from silver.weather"),
        "layers/silver/weather.sql:4",
        "assets wait for one another: silver.weather → silver.weather",
        "take one of these inputs away",
    ),
    "duplicate asset": (
        {**silver(), "layers/silver/zone/weather.sql": HEADER + "select 1"},
        "layers/silver/zone/weather.sql:1",
        "silver.weather is defined twice, first at layers/silver/weather.py:3",
        "rename or remove one",
    ),
    "header that is not TOML": (
        sql("/*\ndescription = 'x'\nkey = a, b\n*/\nselect 1"),
        "layers/silver/weather.sql:3",
        "the header is not TOML: Invalid value",
        "write lines like",
    ),
    "header that is prose": (
        sql("/* Weather by day. */\nselect 1"),
        "layers/silver/weather.sql:1",
        "the header is not TOML",
        "prose in lines that start with --",
    ),
    "unknown field in a header": (
        sql("/*\nkey = ['a']\nownr = 'x'\n*/\nselect 1"),
        "layers/silver/weather.sql:3",
        "unknown field 'ownr'",
        "did you mean 'owner'?",
    ),
    "inputs in a header": (
        sql("/*\nkey = ['a']\ninputs = {a = 'bronze.raw'}\n*/\nselect 1"),
        "layers/silver/weather.sql:3",
        "unknown field 'inputs'",
        "what a SELECT reads is seen in its text",
    ),
    "unknown field of the decorator": (
        silver("ownr='x'"),
        "layers/silver/weather.py:2",
        "asset() has no field 'ownr': did you mean 'owner'?",
        "mend the fields of @asset",
    ),
    "field of the wrong type in a header": (
        sql("/*\nkey = ['a']\ntags = 3\n*/\nselect 1"),
        "layers/silver/weather.sql:3",
        "tags has the wrong type",
        'write tags = ["daily"]',
    ),
    "field of the wrong type in the decorator": (
        silver("\n  allow_empty='yes'"),
        "layers/silver/weather.py:3",
        "allow_empty has the wrong type",
        "True",
    ),
    "unknown write mode": (
        silver("\n  write='merge'"),
        "layers/silver/weather.py:3",
        "unknown write mode 'merge'",
        "append, replace, upsert, partition and scd2 exist",
    ),
    "bronze that replaces": (
        sql("/*\nwrite = 'replace'\n*/\nselect 1", "layers/bronze/x.sql"),
        "layers/bronze/x.sql:2",
        "bronze.x is bronze, and bronze only appends",
        "layers/silver/",
    ),
    "key column named twice": (
        sql("/*\nkey = ['day', 'Day']\n*/\nselect 1"),
        "layers/silver/weather.sql:2",
        "key names column 'Day' twice",
        "name every column once",
    ),
    "silver without key": (
        sql("select 1"),
        "layers/silver/weather.sql:1",
        "silver.weather declares no key",
        'key = ["id"]',
    ),
    "silver reads gold": (
        {**sql(HEADER + "select * from gold.g"), "layers/gold/g.sql": "select 1"},
        "layers/silver/weather.sql:4",
        "silver.weather reads upward: gold.g",
        "read a lower layer",
    ),
    "gold reads bronze": (
        sql("select *\nfrom bronze.raw", "layers/gold/g.sql"),
        "layers/gold/g.sql:2",
        "gold.g is gold and reads bronze.raw",
        "clean it in a silver asset first",
    ),
    "name with capitals": (
        sql(HEADER + "select 1", "layers/silver/Weather.sql"),
        "layers/silver/Weather.sql:1",
        "'Weather' cannot be the name of a table",
        "a lower-case letter",
    ),
    "name with a reserved double underscore": (
        sql("select 1", "layers/gold/a__b.sql"),
        "layers/gold/a__b.sql:1",
        "'a__b' cannot be the name of a table",
        "`__` is reserved",
    ),
    "name that is too long": (
        sql("select 1", f"layers/gold/{'a' * 52}.sql"),
        f"layers/gold/{'a' * 52}.sql:1",
        "cannot be the name of a table",
        "up to 50",
    ),
    "unknown column type": (
        sql("/*\nkey = ['a']\n[columns.a]\ntype = 'strng'\n*/\nselect 1"),
        "layers/silver/weather.sql:3",
        "column 'a': 'strng' is not a type",
        "did you mean 'string'?",
    ),
    "unknown field of a column": (
        silver('columns={\n  "a": {"pi": True}}'),
        "layers/silver/weather.py:3",
        "column 'a' has an unknown field 'pi'",
        "did you mean 'pii'?",
    ),
    "unknown mask": (
        silver('columns={\n  "a": {"mask": "hsh"}}'),
        "layers/silver/weather.py:3",
        "column 'a' has an unknown mask 'hsh'",
        "did you mean 'hash'?",
    ),
    "masked column that is no text": (
        sql("/*\nkey = ['a']\n[columns.a]\ntype = 'int'\nmask = 'hash'\n*/\nselect 1"),
        "layers/silver/weather.sql:3",
        "column 'a' is masked and declared int",
        "declare string",
    ),
    "personal data unmasked above bronze": (
        silver('columns={\n  "a": {"pii": True}}'),
        "layers/silver/weather.py:3",
        "silver.weather holds personal data unmasked in column 'a'",
        'mask = "hash"',
    ),
    "column made from a personal one": (
        {**PEOPLE, **sql("/*\nkey = ['id']\n[columns.mail]\n*/\nselect id, lower(email) as mail from bronze.people")},
        "layers/silver/weather.sql:3",
        "silver.weather: column 'mail' comes from bronze.people.email, which is personal",
        "pii = false says that it tells nothing of a person",
    ),
    "personal column in a star": (
        {**PEOPLE, **sql("/*\nkey = ['id']\n*/\nselect * from bronze.people")},
        "layers/silver/weather.sql:1",
        "column 'email' comes from bronze.people.email",
        'mask = "hash"',
    ),
    "personal column of another bronze asset": (
        {**PEOPLE, **sql("select * from bronze.people", "layers/bronze/copy.sql")},
        "layers/bronze/copy.sql:1",
        "bronze.copy: column 'email' comes from bronze.people.email",
        "declare it pii = true, or give it a mask",
    ),
    "column declared twice": (
        silver('columns={\n  "a": {},\n  "A": {}}'),
        "layers/silver/weather.py:4",
        "column 'A' is declared twice",
        "letter case is ignored",
    ),
    "parameter without input": (
        silver("", "raw, other=1"),
        "layers/silver/weather.py:3",
        "parameter 'raw' of weather() has no input",
        'inputs={"raw": "bronze.raw"}',
    ),
    "input without parameter": (
        silver('\n  inputs={\n "raw": "bronze.raw"}'),
        "layers/silver/weather.py:4",
        "weather() has no parameter for input 'raw'",
        "add the parameter raw",
    ),
    "input to a parameter that has no name for callers": (
        silver('inputs={"raw": "bronze.raw"}', "raw, /"),
        "layers/silver/weather.py:2",
        "parameter 'raw' of weather() cannot be passed by name",
        "drop the /",
    ),
    "input that is not layer.name": (
        silver('inputs={"raw": "raw"}', "raw"),
        "layers/silver/weather.py:2",
        "input 'raw': 'raw' is not layer.name",
        "bronze.weather",
    ),
    "layer that contradicts the folder": (
        silver("\n  layer='gold'"),
        "layers/silver/weather.py:3",
        "layer 'gold' contradicts the folder silver/",
        "drop layer=",
    ),
    "layer in a header that contradicts the folder": (
        sql("/*\nkey = ['a']\nlayer = 'gold'\n*/\nselect 1"),
        "layers/silver/weather.sql:3",
        "layer 'gold' contradicts the folder silver/",
        "the folder says it",
    ),
    "reads of an asset with inputs": (
        silver('inputs={"raw": "bronze.raw"}, \n reads=["x"]', "raw"),
        "layers/silver/weather.py:3",
        "silver.weather has both reads and inputs",
        "split it in two",
    ),
    "reads of silver SQL": (
        sql("/*\nkey = ['a']\nreads = ['x.csv']\n*/\nselect 1"),
        "layers/silver/weather.sql:3",
        "silver.weather reads outside files, which silver may not",
        "in a bronze asset",
    ),
    "silver SQL that reads a file": (
        sql(HEADER + "select *\nfrom read_csv('x.csv')"),
        "layers/silver/weather.sql:5",
        "read_csv() reads outside the lake, which only bronze may",
        "land it with a bronze asset",
    ),
    "gold SQL that names a file as table": (
        sql("select *\nfrom 'x.parquet'", "layers/gold/g.sql"),
        "layers/gold/g.sql:2",
        "'x.parquet' reads outside the lake",
        "land it with a bronze asset",
    ),
    "published in an asset": (
        sql("select *\nfrom published.silver.weather", "layers/gold/g.sql"),
        "layers/gold/g.sql:2",
        "published.silver.weather can only be read in checks",
        "write silver.weather",
    ),
    "file with two statements": (
        sql(HEADER + "select 1;\nselect 2"),
        "layers/silver/weather.sql:5",
        "more than one statement",
        "exactly one SELECT",
    ),
    "file that is no SELECT": (
        sql(HEADER + "create table x as select 1"),
        "layers/silver/weather.sql:4",
        "'create' does not begin a SELECT",
        "exactly one SELECT",
    ),
    "SQL that cannot be parsed": (
        sql(HEADER + "select a b c\nfrom bronze.raw"),
        "layers/silver/weather.sql:4",
        "the SQL cannot be read",
        "DuckDB",
    ),
    "table without layer": (
        sql(HEADER + "select *\nfrom raw"),
        "layers/silver/weather.sql:5",
        "table 'raw' names no layer",
        "silver.raw",
    ),
    "table in an unknown layer": (
        sql(HEADER + "select *\nfrom bronz.raw"),
        "layers/silver/weather.sql:5",
        "'bronz' in 'bronz.raw' is no layer",
        "did you mean 'bronze'?",
    ),
    "Python with a syntax error": (
        {**BRONZE, "layers/silver/weather.py": "x = 1\ndef weather(:\n"},
        "layers/silver/weather.py:2",
        "not Python: invalid syntax",
        "mend the syntax",
    ),
    "Python that raises on import": (
        {**BRONZE, "layers/silver/weather.py": "\n\nx = 1 / 0\n"},
        "layers/silver/weather.py:3",
        "the file cannot be imported: ZeroDivisionError: division by zero",
        "mend the line",
    ),
    "Python whose helper raises on import": (
        {
            "layers/silver/weather.py": "from layers.silver._help import x\n",
            "layers/silver/_help.py": "import json\nx = json.loads('{')\n",
        },
        "layers/silver/_help.py:2",
        "the file cannot be imported: JSONDecodeError",
        "mend the line",
    ),
    "Python that imports what is not there": (
        {"layers/silver/weather.py": "import not_installed_anywhere\n"},
        "layers/silver/weather.py:1",
        "ModuleNotFoundError: No module named 'not_installed_anywhere'",
        "install the module",
    ),
    "Python that exits on import": (
        {"layers/silver/weather.py": "import sys\nsys.exit(3)\n"},
        "layers/silver/weather.py:2",
        "the file exits with 3 when it is imported",
        "inside functions",
    ),
    "Python without an asset": (
        {"layers/silver/weather.py": "def weather(): ...\n"},
        "layers/silver/weather.py:1",
        "the file defines no asset",
        "decorate a function with @asset",
    ),
    "unknown layer": (
        {"layers/sliver/weather.sql": "select 1"},
        "layers/sliver/weather.sql:1",
        "layers/sliver/ is no layer",
        "did you mean 'silver'?",
    ),
    "SQL in no layer": (
        {"layers/weather.sql": "select 1"},
        "layers/weather.sql:1",
        "the file stands in no layer",
        "layers/<layer>/",
    ),
    "check without asset": (
        check("select 1", "checks/silver/wether.known.sql"),
        "checks/silver/wether.known.sql:1",
        "the check is for silver.wether, which is not defined",
        "did you mean 'silver.weather'?",
    ),
    "suite without asset": (
        check("", "checks/gold/nothing.py"),
        "checks/gold/nothing.py:1",
        "the check is for gold.nothing, which is not defined",
        "define gold.nothing, or remove the file",
    ),
    "row check without a name": (
        check("select 1", "checks/silver/weather.sql"),
        "checks/silver/weather.sql:1",
        "the file name does not say what the check is called",
        "weather.<what it finds>.sql",
    ),
    "suite with a name of its own": (
        check("expectations = []", "checks/silver/weather.extra.py"),
        "checks/silver/weather.extra.py:1",
        "a suite is called as its asset",
        "call it weather.py",
    ),
    "check file in a misspelled folder": (
        check("", "checks/sliver/weather.py"),
        "checks/sliver/weather.py:1",
        "no asset uses this check file",
        "did you mean 'silver'?",
    ),
    "shared check file that does not exist": (
        silver("\n  checks=['shared/x.py']"),
        "layers/silver/weather.py:3",
        "there is no check file checks/shared/x.py",
        "relative to checks/",
    ),
    "check that reads what is made from its asset": (
        check("select *\nfrom gold.report"),
        "checks/silver/weather.known.sql:2",
        "the check of silver.weather reads gold.report, which is made from it",
        "move the check to gold.report",
    ),
    "check that reads what nobody defines": (
        check("select *\nfrom bronze.rw"),
        "checks/silver/weather.known.sql:2",
        "the check reads bronze.rw, which is not defined",
        "did you mean 'bronze.raw'?",
    ),
    "check that reads what nobody published": (
        check("select *\nfrom published.bronze.rw"),
        "checks/silver/weather.known.sql:2",
        "the check reads bronze.rw, which is not defined",
        "did you mean 'bronze.raw'?",
    ),
    "check that reads a file": (
        check("select *\nfrom 'x.csv'"),
        "checks/silver/weather.known.sql:2",
        "'x.csv' reads outside the lake",
        "land the file with a bronze asset",
    ),
    "check with two statements": (
        check("select 1;\ndrop table x"),
        "checks/silver/weather.known.sql:2",
        "more than one statement",
        "exactly one SELECT",
    ),
    "check with an unknown severity": (
        check("/*\nseverity = 'fatal'\n*/\nselect 1"),
        "checks/silver/weather.known.sql:2",
        "unknown severity 'fatal'",
        "critical, warning, info exist",
    ),
    "check with an unknown field": (
        check("/*\nseverty = 'info'\n*/\nselect 1"),
        "checks/silver/weather.known.sql:2",
        "unknown field 'severty'",
        "did you mean 'severity'?",
    ),
    "check with a field of the wrong type": (
        check("/*\nallow_empty = 'yes'\n*/\nselect 1"),
        "checks/silver/weather.known.sql:2",
        "allow_empty has the wrong type",
        "allow_empty = true",
    ),
    "suite by another name": (
        check("import great_expectations.expectations as gxe\n\nsuite = []\n", "checks/silver/weather.py"),
        "checks/silver/weather.py:1",
        "the file defines no `expectations = [...]` and no function with @check",
        "a helper begins its name with _",
    ),
    "suite with a syntax error": (
        check("expectations = [\n", "checks/silver/weather.py"),
        "checks/silver/weather.py:1",
        "not Python: '[' was never closed",
        "mend the syntax",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_told_with_place_message_and_hint(case: str, tmp_path: Path) -> None:
    files, place, message, hint = CASES[case]
    found = faults(tmp_path, files)
    assert [f"{fault.path}:{fault.line}" for fault in found] == [place]
    assert message in found[0].message
    assert hint in found[0].hint


def test_all_faults_of_all_files_come_at_once_in_the_order_of_the_files(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        {
            **sql("select * from raw"),
            "layers/bronze/y.py": "import sys; sys.exit()",
            "layers/gold/g.sql": "selct 1",
            "checks/gold/h.py": "",
        },
    )
    assert [(fault.path, fault.line) for fault in found] == [
        ("checks/gold/h.py", 1),
        ("layers/bronze/y.py", 1),
        ("layers/gold/g.sql", 1),
        ("layers/silver/weather.sql", 1),
        ("layers/silver/weather.sql", 1),
    ]


def test_the_error_counts_the_faults_and_prints_each_with_its_hint(tmp_path: Path) -> None:
    write(tmp_path, sql("select * from raw"))
    with pytest.raises(ProjectError) as caught:
        load(tmp_path)
    assert caught.value.message.splitlines()[0] == "2 faults in the project's files"
    assert "  layers/silver/weather.sql:1: table 'raw' names no layer" in caught.value.message
    assert caught.value.exit_code == 2


def test_a_file_that_cannot_be_read_does_not_make_its_readers_faulty(tmp_path: Path) -> None:
    """What stands below a broken asset says nothing of an unknown upstream."""
    found = faults(tmp_path, {**SILVER, "layers/bronze/raw.sql": "/* prose */ select 1"})
    assert [fault.path for fault in found] == ["layers/bronze/raw.sql"]
    found = faults(tmp_path, {"layers/bronze/raw.sql": "select 1", "layers/silver/weather.py": "import nowhere_at_all"})
    assert [fault.path for fault in found] == ["layers/silver/weather.py"]


def test_two_separate_cycles_are_both_told(tmp_path: Path) -> None:
    files = {f"layers/gold/{a}.sql": f"select * from gold.{b}" for a, b in ("ab", "ba", "cd", "dc")}
    assert [fault.path for fault in faults(tmp_path, files)] == ["layers/gold/a.sql", "layers/gold/c.sql"]


def test_a_file_that_is_not_utf8_is_told_with_the_line(tmp_path: Path) -> None:
    write(tmp_path, {"layers/gold/g.sql": ""})
    Path(tmp_path, "layers/gold/g.sql").write_bytes(b"select 1\n, '\xe9'")
    (fault,) = faults(tmp_path, {})
    assert (fault.line, fault.message) == (2, "not UTF-8")


def test_a_project_that_is_loaded_again_is_judged_as_by_who_loads_it_first(tmp_path: Path) -> None:
    """The file that stays has a fault of its own, and one that another file mends and makes again."""
    stays = {"layers/silver/kept.sql": "select * from bronze.late\n"}
    late = {"layers/bronze/late.sql": "select 1 as id\n"}
    without = faults(tmp_path, stays)
    with_it = faults(tmp_path, late)
    assert (
        {fault.message for fault in without} > {fault.message for fault in with_it} == {"silver.kept declares no key"}
    )
    (tmp_path / "layers/bronze/late.sql").unlink()
    assert faults(tmp_path, {}) == without
    assert faults(tmp_path, late) == with_it
    _read.cache_clear()
    assert faults(tmp_path, {}) == with_it


def test_a_file_that_stays_is_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    real = laws._laws

    def noted(draft: AssetDraft) -> Iterator[Fault]:
        judged.append(draft.key.name)
        return real(draft)

    monkeypatch.setattr(laws, "_laws", noted)
    loaded(tmp_path, {"layers/bronze/once.sql": "select 1 as id\n", "layers/bronze/edited.sql": "select 2 as id\n"})
    loaded(tmp_path, {"layers/bronze/edited.sql": "select 3 as id\n"})
    assert sorted(judged) == ["edited", "edited", "once"]
