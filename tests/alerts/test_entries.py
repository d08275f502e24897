"""What is wrong with an alerts entry is said with file, line and entry, and never with its address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.core.alerts.entries import AlertEntry
from lakeflow.core.errors import ConfigError
from lakeflow.core.settings.settings import make_settings
from lakeflow.lake.lake import configuration
from tests.alerts.lab import FILES, write

TOKEN = "T0kenT0kenT0ken"


def fault(said: object, environ: Mapping[str, str] | None = None) -> ConfigError:
    def used() -> None:
        settings = make_settings({"alerts": said}, {"alerts": "pyproject.toml:2"}, environ or {})
        for entry in settings.alerts:
            settings.address_of(entry)

    with pytest.raises(ConfigError) as caught:
        used()
    assert TOKEN not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ({"to": "json://x"}, "alerts: expected a list of tables", "[[tool.lakeflow.alerts]]"),
        ("json://x", "alerts: expected a list of tables", "[[tool.lakeflow.alerts]]"),
        ([{"on": ["held"]}], "entry 1: `to` must say where to send", "${SLACK_URL}"),
        ([{"to": "json://x"}, {"to": 3}], "entry 2: `to` must say where to send", "${SLACK_URL}"),
        ([{"to": TOKEN}], "entry 1: `to` is no address", "slack://"),
        ([{"to": f"json://{TOKEN},slack://x"}], "entry 1: `to` is more than one address", "an entry for each"),
        ([{"to": "json://x", "on": ["hold"]}], "on: there is no 'hold'", "did you mean 'held'"),
        ([{"to": "json://x", "on": [["held"]]}], "on: there is no ['held']", "held, errored"),
        ([{"to": "json://x", "on": "held"}], "on: expected a list", '["held", "recovered"]'),
        ([{"to": "json://x", "on": []}], "on: expected a list", "held, errored"),
        ([{"to": "json://x", "selct": "tag:a"}], "there is no 'selct'", "did you mean 'select'"),
        ([{"to": "json://x", "select": ["a"]}], "select: expected a text", "tag:revenue"),
        ([{"to": "json://x", "name": "a/b"}], "cannot be called that", "63 letters"),
        ([{"to": "json://x", "name": "2"}, {"to": "json://y"}], "another entry has that name", "a `name` of its own"),
        ([{"to": "${NOT_SET}"}], "entry 1, NOT_SET: the variable NOT_SET is not set", "export NOT_SET"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_of_an_entry_says_where_and_what_to_write(said: object, message: str, hint: str) -> None:
    found = fault(said)
    assert message in found.message
    assert "pyproject.toml:2" in found.message
    assert hint in (found.hint or "")


def test_a_variable_that_holds_no_address_is_told_without_what_it_holds() -> None:
    assert "`to` is no address" in fault([{"to": "${X}"}], {"X": TOKEN}).message


def names(*entries: dict[str, Any]) -> list[str]:
    return [entry.name for entry in make_settings({"alerts": list(entries)}, {"alerts": "here"}, {}).alerts]


def test_an_entry_is_called_by_its_name_its_variable_or_its_number() -> None:
    assert names({"to": "${A}"}, {"to": "json://x"}, {"to": "${A}"}, {"to": "${B}", "name": "duty"}) == [
        "A",
        "2",
        "A 2",
        "duty",
    ]


@pytest.mark.parametrize(
    "to", [f"slack://{TOKEN}/a/b", f"json://me:{TOKEN}@host/x?key={TOKEN}", f"${{X:-json://{TOKEN}}}"]
)
def test_no_screen_shows_more_of_an_address_than_scheme_and_variables(to: str) -> None:
    [entry] = make_settings({"alerts": [{"to": to}]}, {"alerts": "here"}, {}).alerts
    assert isinstance(entry, AlertEntry)
    assert TOKEN not in str(dict(entry.shown()))


def refused(root: Path, entry: str) -> ConfigError:
    write(root, {**FILES, "pyproject.toml": f"[tool.lakeflow]\n\n[[tool.lakeflow.alerts]]\n{entry}\n"})
    with lakeflow.open(root) as lake, pytest.raises(ConfigError) as caught:
        lake.check()
    assert TOKEN not in f"{caught.value.message} {caught.value.hint}"
    assert "pyproject.toml:3" in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("entry", "message", "hint"),
    [
        (f'to = "slak://{TOKEN}/x"', "no service is addressed by slak://", "did you mean 'slack'?"),
        (f'to = "slack://{TOKEN}"', "this is no address of slack://", "services/slack/"),
        (f'to = "pagerduty://{TOKEN}?region=mars"', "the address cannot be read", "pagerduty://INTEGRATION_KEY"),
        (f'to = "datadog://{TOKEN}@nowhere"', "the address cannot be read", "the site of your account"),
        (f'to = "pagerduty://{TOKEN}:x@["', "the address cannot be read", "pagerduty://INTEGRATION_KEY"),
        ('to = "json://x"\nselect = "tag:revenu"', "select: nothing matches 'tag:revenu'", "no asset has a tag"),
        ('to = "json://x"\nselect = "silver.wether"', "select: nothing matches", "did you mean `silver.weather`?"),
        ('to = "json://x"\nselect = "status:held"', "asks how the lake stands", "`on` says what to tell"),
    ],
    ids=lambda value: "",
)
def test_check_finds_what_only_the_project_or_the_service_knows(
    tmp_path: Path, entry: str, message: str, hint: str
) -> None:
    found = refused(tmp_path, entry)
    assert message in found.message
    assert hint in (found.hint or "")


def test_check_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    found = refused(tmp_path, f'to = "json://{TOKEN}"')
    assert (found.hint or "").startswith("pip install 'lakeflow-wap[alerts]'")


def test_the_settings_name_the_line_of_each_entry(tmp_path: Path) -> None:
    entries = '[[tool.lakeflow.alerts]]\nto = "json://x"\n\n[[tool.lakeflow.alerts]]\nname = "late"\nto = "${LATE}"\n'
    write(tmp_path, {"pyproject.toml": f"[tool.lakeflow]\n{entries}"})
    shown = {one.name: (one.value, one.source) for one in configuration(tmp_path)}
    assert shown["alerts.1.to"] == ("json://•••", "pyproject.toml:2")
    assert shown["alerts.late.to"][0] == "${LATE}"
