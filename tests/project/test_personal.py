"""What may be made of personal data: the law of silver and gold, as far as the text of the code can tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.view.lineage import personal_inputs
from tests.project.files import loaded

PEOPLE = {"layers/bronze/people.sql": "/*\n[columns.email]\npii = true\n*/\nselect 1 as id, 'a' as email"}
ALLOWED = {
    "masked": "/*\nkey = ['id']\n[columns.email]\nmask = 'redact'\n*/\nselect * from bronze.people",
    "masked under another name": (
        "/*\nkey = ['id']\n[columns.MAIL]\nmask = 'hash'\n*/\nselect id, lower(email) as mail from bronze.people"
    ),
    "left out": "/*\nkey = ['id']\n*/\nselect * exclude (email) from bronze.people",
    "counted": "/*\nkey = ['id']\n*/\nselect id, count(email) as n from bronze.people group by id",
    "said to tell nothing": (
        "/*\nkey = ['id']\n[columns.domain]\npii = false\n*/\n"
        "select id, split_part(email, '@', 2) as domain from bronze.people"
    ),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_a_personal_column_may_be_masked_left_out_counted_or_vouched_for(case: str, tmp_path: Path) -> None:
    project = loaded(tmp_path, {**PEOPLE, "layers/silver/people.sql": ALLOWED[case]})
    assert AssetKey.parse("silver.people") in project.assets


def test_what_is_made_from_a_masked_column_is_free(tmp_path: Path) -> None:
    files = {
        **PEOPLE,
        "layers/silver/people.sql": ALLOWED["masked"],
        "layers/gold/people.sql": "select email, upper(email) as e from silver.people",
    }
    assert len(loaded(tmp_path, files).assets) == 3


def test_the_columns_that_a_function_may_not_keep_are_those_personal_in_what_it_reads(tmp_path: Path) -> None:
    code = (
        "from lakeflow import asset\n@asset(inputs={'p': 'bronze.people'}, key=['id'])\ndef people(p):\n    return p\n"
    )
    project = loaded(tmp_path, {**PEOPLE, "layers/silver/people.py": code})
    assert personal_inputs(project, project.assets[AssetKey.parse("silver.people")]) == {"email"}
    assert personal_inputs(project, project.assets[AssetKey.parse("bronze.people")]) == frozenset()
