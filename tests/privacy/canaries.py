"""A lake full of personal values that nothing may repeat: twenty canaries, and everything that could make them sing."""

from __future__ import annotations

from typing import Final

NAMES: Final = tuple(f"Zyxwell Quorn{n}" for n in range(1, 6))
MAILS: Final = tuple(f"canary{n}@qzx-mail.example" for n in range(1, 6))
PHONES: Final = tuple(f"+99-777-000-0{n}" for n in range(1, 6))
NUMBERS: Final = tuple(f"91827360{n}" for n in range(1, 6))
CANARIES: Final = NAMES + MAILS + PHONES + NUMBERS
FRAGMENTS: Final = ("Zyxwell", "qzx-mail", "+99-777", "9182736")
"""A screen may break a value, or cut it."""
SALT: Final = "a salt that sings as well"

_PEOPLE = list(zip(range(1, 6), NAMES, MAILS, PHONES, NUMBERS, strict=True))
CSV = "id,name,email,phone,ssn\n" + "".join(",".join(map(str, person)) + "\n" for person in [*_PEOPLE, _PEOPLE[0]])

SOURCE = """/*
{key}
[source]
folder = "drops"
files = "{files}"
format = "csv"
columns = {{ id = "int", name = "string", email = "string", phone = "string", ssn = "{ssn}" }}

[columns]
name = {{ pii = true }}
email = {{ pii = true }}
phone = {{ pii = true }}
ssn = {{ pii = true }}
*/
select * from source
"""
MASKED = """/*
key = ["id"]
[columns]
name = { mask = "redact" }
email = { mask = "hash" }
phone = { pii = true, mask = "hash" }
ssn = { mask = "hash" }
*/
select distinct id, name, email, phone, ssn from bronze.people
"""
_HEAD = '/*\nkey = ["id"]\ncolumns = { x = { pii = false } }\n*/\n'
_PYTHON = """import sys
import pyarrow as pa
from lakeflow import asset

@asset(inputs={{"people": "bronze.people"}}, key=["id"])
def {name}(people: pa.Table):
    mail = people["email"][0].as_py()
    {line}
"""
_RAISING = {
    "raises": "raise ValueError(mail)",
    "looks_up": "return {}[mail]",
    "leaves": "sys.exit(mail)",
    "chains": "return pa.array([1, mail])",
    "frames": "import pandas as pd; return pd.DataFrame({'id': [1, mail], 'x': [mail, 2]})",
    "keeps": "return people.select(['id', 'email', 'ssn']).slice(0, 5)",
    "streams": "return pa.RecordBatchReader.from_batches(pa.schema([('id', pa.string())]), (1 / 0 for _ in [mail]))",
}

EXPECTATIONS = """import great_expectations.expectations as gxe
from lakeflow import check

expectations = [
    gxe.ExpectColumnValuesToBeUnique(column="email"),
    gxe.ExpectColumnValuesToMatchRegex(column="email", regex="^x"),
    gxe.ExpectColumnValuesToBeInSet(column="name", value_set=["x"]),
    gxe.ExpectColumnDistinctValuesToBeInSet(column="name", value_set=["x"]),
    gxe.ExpectColumnDistinctValuesToEqualSet(column="phone", value_set=["x"]),
    gxe.ExpectColumnMostCommonValueToBeInSet(column="email", value_set=["x"]),
    gxe.ExpectColumnValueLengthsToEqual(column="phone", value=1),
    gxe.ExpectColumnValuesToBeBetween(column="ssn", max_value=1),
    gxe.ExpectColumnMaxToBeBetween(column="ssn", max_value=1),
    gxe.ExpectColumnMinToBeBetween(column="ssn", max_value=1),
    gxe.ExpectColumnSumToBeBetween(column="ssn", max_value=1),
    gxe.ExpectColumnMedianToBeBetween(column="ssn", max_value=1),
    gxe.ExpectColumnPairValuesToBeEqual(column_A="name", column_B="email"),
    gxe.ExpectCompoundColumnsToBeUnique(column_list=["name", "email"]),
    gxe.ExpectColumnValuesToMatchStrftimeFormat(column="name", strftime_format="%Y"),
    gxe.UnexpectedRowsExpectation(unexpected_rows_query="select email as id from {batch}"),
    gxe.UnexpectedRowsExpectation(unexpected_rows_query="select cast(email as int) as id from {batch}"),
]

@check
def says_it(branch):
    print(branch.fetchone()[2])
    raise ValueError(branch.fetchone()[2])

@check
def gives_it(branch):
    return branch.project("email as x, 1 as y")

@check
def asserts_it(branch):
    mail = branch.fetchone()[2]
    assert mail == "x", mail
"""

KEPT = """import great_expectations.expectations as gxe
from great_expectations.expectations.row_conditions import Column
from lakeflow import expectations as lfx

apart = {"lakeflow": {"on_fail": "quarantine"}}
ordered = {"lakeflow": {"order_by": "email"}}
partition = {"values": ["x"], "weights": [1.0]}
quantiles = {"quantiles": [0.5], "value_ranges": [[0, 1]]}
expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="email", regex="^canary1", meta=apart),
    gxe.ExpectColumnValuesToMatchRegex(column="email", regex="^(?!canary)", severity="warning"),
    gxe.ExpectColumnValuesToBeJsonParseable(column="email", severity="warning"),
    gxe.ExpectColumnValuesToBeDateutilParseable(column="name", severity="warning"),
    gxe.ExpectColumnValuesToMatchJsonSchema(column="phone", json_schema={"type": "object"}, severity="warning"),
    gxe.ExpectColumnValuesToNotBeNull(column="id", row_condition=Column("email") == "x", severity="warning",
        meta={"lakeflow": {"allow_empty": True}}),
    gxe.ExpectColumnMostCommonValueToBeInSet(column="phone", value_set=["x"], severity="warning"),
    gxe.ExpectColumnQuantileValuesToBeBetween(column="ssn", quantile_ranges=quantiles, severity="warning"),
    gxe.ExpectColumnKLDivergenceToBeLessThan(column="name", threshold=0.1, partition_object=partition,
        severity="warning"),
    gxe.ExpectColumnValuesToBeIncreasing(column="ssn", strictly=True, meta=ordered, severity="warning"),
    gxe.ExpectColumnValueZScoresToBeLessThan(column="ssn", threshold=0.1, double_sided=True, severity="warning"),
    gxe.ExpectMulticolumnSumToEqual(column_list=["id", "ssn"], sum_total=1, severity="warning"),
    lfx.ExpectColumnDistributionToStayNearMain(column="email", max_distance=0, severity="warning"),
    lfx.ExpectNoKeyToDisappear(columns="email", severity="warning"),
    lfx.ExpectForeignKeyToExist(columns="email", references="bronze.people", referenced_columns="phone",
        severity="warning"),
]
"""

FILES: Final = {
    "drops/people.csv": CSV,
    "drops/broken/words.csv": f"id,name,email,phone,ssn\n7,{NAMES[0]},{MAILS[0]},{PHONES[0]},{MAILS[1]}\n",
    "drops/broken/wide.csv": f"id,name,email,phone,ssn\n7,{NAMES[0]},{MAILS[0]},{PHONES[0]},{NUMBERS[0]},{MAILS[1]}\n",
    "drops/broken/open.csv": f'id,name,email,phone,ssn\n7,"{NAMES[0]},{MAILS[0]}\n',
    "drops/broken/headless.csv": f"7,{NAMES[0]},{MAILS[0]},{PHONES[0]},{NUMBERS[0]}\n",
    "layers/bronze/people.sql": SOURCE.format(files="people.csv", ssn="long", key='key = ["email"]'),
    **{
        f"layers/bronze/{name}.sql": SOURCE.format(files=f"broken/{name}.csv", ssn="long", key="")
        for name in ("words", "wide", "open", "headless")
    },
    "layers/bronze/apart.sql": SOURCE.format(files="people.csv", ssn="long", key=""),
    "layers/silver/people.sql": MASKED,
    "layers/silver/casts.sql": _HEAD + "select id, cast(email as int) as x from bronze.people",
    "layers/silver/tells.sql": _HEAD + "select id, error(email)::int as x from bronze.people",
    "layers/silver/dates.sql": _HEAD + "select id, strptime(phone, '%Y')::date as x from bronze.people",
    "layers/silver/overflows.sql": _HEAD + "select id, ssn::tinyint as x from bronze.people",
    **{
        f"layers/silver/{name}.py": _PYTHON.format(name=name, line=line).replace("{{}}", "{}")
        for name, line in _RAISING.items()
    },
    "layers/gold/people.sql": "select email, count(*) as n from silver.people group by email",
    "checks/bronze/people.py": EXPECTATIONS,
    "checks/bronze/apart.py": KEPT,
    "checks/bronze/people.alias.sql": "select email as a, ssn as n from bronze.people",
    "checks/bronze/people.cast.sql": "select cast(email as int) from bronze.people",
    "checks/bronze/people.told.sql": "select error(email) from bronze.people",
    "checks/silver/people.origin.sql": "select b.email as who from bronze.people b join silver.people s using (id)",
    "checks/silver/keeps.py": (
        "import great_expectations.expectations as gxe\n"
        'expectations = [gxe.ExpectColumnValuesToMatchRegex(column="email", regex="^x")]\n'
    ),
}
