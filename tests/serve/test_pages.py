"""`serve` shows the lake in a browser at its port, and how it is itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from lakeflow.core.errors import UsageError
from lakeflow.serve.pages import showing
from lakeflow.serve.web import Pages
from tests.cli.test_commands import make

pytestmark = pytest.mark.long


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path, {"layers/bronze/a.sql": "select 1 as id"})


@pytest.fixture
def port(root: Path) -> Iterator[int]:
    with showing(0, Pages(lambda: {"status": "degraded", "fault": "ill"}, lambda: "up 1\n"), root, {}) as port:
        yield port


def asked(port: int, path: str, host: str = "localhost", **headers: str) -> tuple[int, str]:
    request = Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host, **headers})
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_the_lake_is_shown_beside_what_machines_ask_for(port: int) -> None:
    status, page = asked(port, "/")
    assert (status, "never built" in page) == (200, True)
    status, health = asked(port, "/healthz")
    assert (status, json.loads(health)["fault"]) == (503, "ill")
    assert asked(port, "/metrics") == (200, "up 1\n")
    assert asked(port, "/", host="evil.example")[0] == 421


def test_with_a_token_machines_are_answered_and_pages_ask_for_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEFLOW_UI_TOKEN", "a-long-enough-secret")
    with showing(0, Pages(lambda: {"status": "ok"}, lambda: ""), root, {}) as port:
        assert asked(port, "/healthz")[0] == 200
        assert asked(port, "/")[0] == 401
        assert asked(port, "/", Authorization="Bearer a-long-enough-secret")[0] == 200


def test_a_port_that_is_taken_is_named_with_a_way_out(root: Path, port: int) -> None:
    with (
        pytest.raises(UsageError, match=f"port {port} of 127.0.0.1") as refused,
        showing(port, Pages(dict, str), root, {}),
    ):
        pass
    assert "--no-http" in str(refused.value.hint)
