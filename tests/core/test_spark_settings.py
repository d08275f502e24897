"""`[tool.lakeflow.spark]`: what it takes, what it shows, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from lakeflow.core.errors import ConfigError
from lakeflow.core.settings.settings import make_settings
from lakeflow.core.spark.reach import AuditReach


def _settings(values: dict[str, Any], **environ: str) -> Any:
    return make_settings({"spark": values}, {"spark": "pyproject.toml:3"}, environ)


def test_nothing_needs_to_be_said_and_any_setting_of_spark_may_be() -> None:
    said = _settings({"spark": {"executor": {"memory": "4g", "cores": 2}}, "spark.ui.enabled": True}).spark
    assert said.is_here
    assert dict(said.conf) == {"spark.executor.memory": "4g", "spark.executor.cores": "2", "spark.ui.enabled": "true"}
    assert not _settings({"master": "spark://a:7077"}).spark.is_here
    assert not _settings({"remote": "sc://a"}).spark.is_here


def test_how_long_a_job_may_wait_for_a_cluster_is_said_in_seconds() -> None:
    said = _settings({"idle_timeout": 1800})
    assert said.spark.idle_timeout == 1800.0
    assert ("spark.idle_timeout", "1800") in list(said.spark.shown())
    assert _settings({}).spark.idle_timeout == 600.0


def test_variables_are_replaced_at_use_and_secrets_never_shown() -> None:
    settings = _settings(
        {"remote": "sc://a:1/;token=${T}", "spark.hadoop.fs.s3a.secret.key": "hunter2", "spark.x.password": "${P}"},
        T="tea",
        P="pea",
    )
    assert settings.spark.remote == "sc://a:1/;token=tea"
    assert settings.spark.conf["spark.x.password"] == "pea"
    shown = str(settings.shown()) + repr(settings)
    assert "hunter2" not in shown
    assert "tea" not in shown.replace("team", "")
    assert "pea" not in shown


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ("x", "spark: expected a table"),
        ({"mastr": "local"}, "spark.mastr: there is no such setting"),
        ({"master": "local", "remote": "sc://a"}, "master is set, too"),
        ({"spark.sql.ansi.enabled": False}, "spark.spark.sql.ansi.enabled cannot be set"),
        ({"spark": {"sql": {"session": {"timeZone": "Europe/Oslo"}}}}, "cannot be set"),
        ({"spark.master": "local"}, "cannot be set"),
        ({"spark.jars": ["a"]}, "expected a text"),
        ({"idle_timeout": 0}, "spark.idle_timeout: expected a number of seconds above 0"),
        ({"idle_timeout": "1 h"}, "spark.idle_timeout: expected a number of seconds above 0"),
        ({"idle_timeout": float("inf")}, "spark.idle_timeout: expected a number of seconds above 0"),
        ({"idle_timeout": True}, "spark.idle_timeout: expected a number of seconds above 0"),
    ],
)
def test_what_is_wrong_is_refused_without_its_value(values: Any, says: str) -> None:
    with pytest.raises(ConfigError) as found:
        make_settings({"spark": values}, {"spark": "pyproject.toml:3"}, {})
    assert says in found.value.message
    assert "Oslo" not in found.value.message


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"layers": ["golden"]}, "there is no layer 'golden'"),
        ({"tags": 3}, "spark.tags: expected a list of texts"),
    ],
)
def test_defaults_name_layers_and_tags(values: Any, says: str) -> None:
    with pytest.raises(ConfigError) as found:
        _settings(values)
    assert says in found.value.message


def test_audits_have_a_reach_in_rows_and_bytes() -> None:
    settings = _settings({"audit_rows": 500, "audit_bytes": "2GB"})
    assert settings.spark.audits == AuditReach(500, 2_000_000_000)
    assert settings.engines.audits
    assert {"spark.audit_rows": "500", "spark.audit_bytes": "2000000000"}.items() <= settings.shown().items()
    assert not _settings({}).engines.audits


@pytest.mark.parametrize(
    "values", [{"audit_rows": 0}, {"audit_rows": "many"}, {"audit_rows": True}, {"audit_bytes": "2 x"}]
)
def test_a_reach_that_is_no_number_is_refused(values: Any) -> None:
    with pytest.raises(ConfigError, match="expected a number above 0"):
        _settings(values)
