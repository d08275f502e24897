"""Where external tables are found: a database, a REST server, folders; and which settings are refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

import lakeflow
from lakeflow.core.errors import ConfigError, ProjectError
from lakeflow.core.model.run import StepState
from tests.external.lab import ORDERS, Theirs, ids, make, only_step, opened

SECRET = "s3cr3t-token"


@pytest.fixture
def theirs(tmp_path: Path) -> Theirs:
    (tmp_path / "theirs").mkdir()
    made = Theirs(tmp_path / "theirs")
    made.write(range(3))
    return made


class Server(BaseHTTPRequestHandler):
    """The two answers of Iceberg's REST protocol, and a token for the right credential."""

    metadata_location = ""
    seen: tuple[str, ...] = ()

    def do_GET(self) -> None:
        type(self).seen = (*self.seen, self.path)
        if self.headers.get("Authorization") != f"Bearer {SECRET}":
            return self._answer(401, {"error": {"message": f"{SECRET} expected"}})
        if self.path.startswith("/v1/config"):
            return self._answer(200, {"defaults": {}, "overrides": {"prefix": "p1", "py-io-impl": "evil.FileIO"}})
        if self.path == "/v1/p1/namespaces/shop/tables/orders":
            content = json.loads(Path(self.metadata_location.removeprefix("file://")).read_text())
            answer = {"metadata-location": self.metadata_location, "metadata": content}
            return self._answer(200, answer | {"config": {"py-io-impl": "evil.FileIO"}})
        return self._answer(404, {})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        right = form.get("client_id") == ["me"] and form.get("client_secret") == ["hush"]
        self._answer(200 if right else 401, {"access_token": SECRET})

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _answer(self, code: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def rest(theirs: Theirs) -> Iterator[str]:
    Server.metadata_location, Server.seen = theirs.location(), ()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def project(root: Path, catalog: str) -> Path:
    settings = f"[tool.lakeflow]\n\n[tool.lakeflow.catalogs.sales]\n{catalog}\n"
    return make(root, {"pyproject.toml": settings, "layers/silver/orders.sql": ORDERS})


@pytest.mark.long
@pytest.mark.parametrize("login", ['token = "${SALES_TOKEN}"', 'credential = "me:hush"'])
def test_a_rest_catalog_is_asked_with_its_token(
    tmp_path: Path, rest: str, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_TOKEN", SECRET)
    with opened(project(tmp_path, f'uri = "{rest}"\nwarehouse = "w"\n{login}')) as lake:
        assert only_step(lake.materialize()).state is StepState.PUBLISHED
        assert ids(lake, "silver.orders") == [0, 1, 2]
    assert "/v1/config?warehouse=w" in Server.seen


@pytest.mark.long
def test_no_secret_is_ever_told(tmp_path: Path, rest: str) -> None:
    with opened(project(tmp_path, f'uri = "{rest}"\ntoken = "wrong-{SECRET}"')) as lake:
        reason = only_step(lake.materialize()).reason
        assert "does not know who asks (401)" in reason
        assert SECRET not in reason + str(lake.settings()) + str(lake.status())


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "catalog",
    [
        'path = "theirs/warehouse"',
        'tables = { "shop.orders" = "theirs/warehouse/shop/orders" }',
        'tables = { "shop.orders" = "METADATA" }',
        'uri = "sqlite:///theirs/catalog.db"\ncatalog_name = "sales"',
    ],
)
def test_tables_are_found_in_folders_and_databases(tmp_path: Path, theirs: Theirs, catalog: str) -> None:
    with opened(project(tmp_path, catalog.replace("METADATA", theirs.location()))) as lake:
        assert only_step(lake.materialize()).state is StepState.PUBLISHED
        assert ids(lake, "silver.orders") == [0, 1, 2]


@pytest.mark.parametrize(
    ("catalog", "told"),
    [
        ('path = "theirs"\npy-io-impl = "evil.IO"', "names code to import and run"),
        ('path = "theirs"\ntokn = "x"', "there is no such setting"),
        ('path = "theirs"\nuri = "sqlite:///x.db"', "exactly one of uri, path and tables"),
        ("path = 3", "expected a text"),
        ('tables = ["x"]', "expected places"),
    ],
)
def test_settings_of_a_catalog_are_judged_at_once(tmp_path: Path, catalog: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        opened(project(tmp_path, catalog))
    assert "pyproject.toml:3" in refused.value.message


@pytest.mark.parametrize("name", ["silver", "published", "Temp", '"a.b"'])
def test_a_catalog_cannot_be_called_what_sql_calls_something_else(tmp_path: Path, name: str) -> None:
    text = f'[tool.lakeflow]\n[tool.lakeflow.catalogs.{name}]\npath = "x"\n'
    with pytest.raises(ConfigError, match="cannot be called that"):
        opened(make(tmp_path, {"pyproject.toml": text}))


def test_a_variable_is_missed_only_when_the_catalog_is_asked(tmp_path: Path) -> None:
    with opened(project(tmp_path, 'uri = "https://x.example"\ntoken = "${NO_SUCH_TOKEN}"')) as lake:
        shown = {setting.name: setting.value for setting in lake.settings()}
        assert shown["catalogs.sales.token"] == "${NO_SUCH_TOKEN}"
        assert "the variable NO_SUCH_TOKEN is not set" in only_step(lake.materialize()).reason


def test_an_unknown_catalog_is_told_with_the_nearest_name(tmp_path: Path, theirs: Theirs) -> None:
    files = {"layers/silver/orders.sql": ORDERS.replace("sales.shop", "sale.shop")}
    with opened(make(tmp_path, files)) as lake:
        step = only_step(lake.materialize())
        with pytest.raises(ConfigError, match="no catalog 'sale'"):
            lake.check()
    assert "no catalog 'sale' is configured" in step.reason
    assert "did you mean 'sales'?" in step.reason


@pytest.mark.parametrize(
    ("path", "text", "told", "hint"),
    [
        ("silver/o.sql", "/*\nkey = ['id']\n*/\nselect id from sales.shop.orders", "another database", "external ="),
        ("silver/o.sql", ORDERS.replace("from sales.shop.orders", ""), "does not read sales.shop.orders", "drop it"),
        ("silver/o.sql", "/*\nexternal=['x.y']\n*/ select 1 as id", "is not catalog.namespace.table", "write"),
        ("gold/o.sql", ORDERS, "is gold and reads sales.shop.orders of another catalog", "silver asset first"),
        (
            "silver/o.py",
            "from lakeflow import asset\n@asset(inputs={'o': 'sales.shop.orders'}, key='id')\ndef o(o): ...",
            "'sales.shop.orders' is not layer.name",
            'external=["sales.shop.orders"]',
        ),
    ],
)
def test_what_is_declared_and_what_is_read_agree(tmp_path: Path, path: str, text: str, told: str, hint: str) -> None:
    with pytest.raises(ProjectError) as refused:
        lakeflow.open(make(tmp_path, {f"layers/{path}": text}))
    faults = [fault for fault in refused.value.faults if told in fault.message]
    assert faults, refused.value.message
    assert hint in faults[0].hint
