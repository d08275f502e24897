"""The salt of hashed columns: asked for when a run is planned, and part of what the data was made from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lakeflow import wap
from lakeflow.core.errors import ConfigError
from lakeflow.core.model.asset import Column, Mask, Project
from lakeflow.core.version.fingerprint import fingerprint, sql_source
from lakeflow.core.version.salt import VARIABLE, with_salt
from tests.core.samples import key
from tests.wap.lab import Lab

OLD, NEW = {VARIABLE: "the first salt of this lake"}, {VARIABLE: "the second salt of this lake"}


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    lab.define("bronze.people", (1,))
    hashing(lab, {})
    return lab


def hashing(lab: Lab, environ: dict[str, str]) -> None:
    """`silver.people`, which hashes, as it is loaded where that salt is set."""
    source = sql_source({}, "select 1")
    lab.define("silver.people", lambda rows: rows["bronze.people"], "bronze.people")
    plain = replace(
        lab.assets[key("silver.people")],
        columns={"email": Column(mask=Mask.HASH)},
        source=source,
        code_version=fingerprint(source),
    )
    project = with_salt(Project("/lake", {plain.key: plain}), environ)
    asset = lab.assets[plain.key] = project.assets[plain.key]
    lab.engine.recipes[asset.code_version] = lambda rows: rows["bronze.people"]


def test_a_plan_of_what_hashes_asks_for_the_salt(lab: Lab) -> None:
    for ask in (lab.plan, lab.materialize):
        with pytest.raises(ConfigError, match=r"_PII_SALT is not set, and silver\.people hashes email") as error:
            ask()
        assert error.value.exit_code == 2
    assert lab.ledger.runs() == ()
    assert lab.materialize("bronze.people").state == "published"


def test_a_retry_asks_for_the_salt_too(lab: Lab) -> None:
    hashing(lab, OLD)
    lab.check("silver.people", lambda *_: False)
    assert lab.materialize().state == "held"
    hashing(lab, {})
    with pytest.raises(ConfigError):
        lab.retry("r1")


def test_the_fingerprint_of_the_salt_stands_in_the_snapshot_and_the_salt_does_not(lab: Lab) -> None:
    hashing(lab, OLD)
    lab.materialize()
    published = lab.table("silver.people").published
    assert published is not None
    assert published.summary["lakeflow.salt"] == lab.assets[key("silver.people")].salt
    assert OLD[VARIABLE] not in str(published.summary)


def test_another_salt_is_other_code(lab: Lab) -> None:
    hashing(lab, OLD)
    lab.materialize()
    assert lab.plan("silver.people").steps == ()
    hashing(lab, NEW)
    (step,) = lab.plan("silver.people").steps
    assert "code changed" in str(step.reasons[0])


def test_who_only_looks_needs_no_salt_and_is_told_the_truth(lab: Lab) -> None:
    hashing(lab, OLD)
    lab.materialize()
    hashing(lab, {})
    facts = wap.gather(lab.world, [key("silver.people")])
    assert lab.assets[key("silver.people")].code_version in facts.renamed_code.values()


def test_a_short_salt_is_refused_without_quoting_it() -> None:
    lab = Lab()
    with pytest.raises(ConfigError, match="shorter than 16 characters") as error:
        hashing(lab, {VARIABLE: "pepper"})
    assert "pepper" not in f"{error.value}{error.value.hint}"


def test_a_project_that_hashes_nothing_asks_for_no_salt() -> None:
    project = Project("/lake", {})
    assert with_salt(project, {VARIABLE: "short"}) is project
