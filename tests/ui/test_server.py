"""Where the pages are shown: for this machine alone, or for others by a token and TLS."""

from __future__ import annotations

import ssl
import subprocess
import sys
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from urllib.request import urlopen

import pytest
from starlette.testclient import TestClient

import lakeflow
from lakeflow.core.errors import ConfigError, LakeflowError, UsageError
from lakeflow.ui.app import application, site
from lakeflow.ui.guard import Access
from lakeflow.ui.kept import SeenLake
from lakeflow.ui.server import TOKEN, Certificate, UiOptions, access_of, bound, is_own
from tests.cli.environment import CLEAN
from tests.cli.test_commands import make
from tests.ui.served import served
from tests.ui.test_pages import text_of

SECRET = "a-secret-of-the-lake"
TLS = Certificate("lake.pem", "lake.key")
OTHERS = ("0.0.0.0", "::", "10.0.0.7", "lake.example.org", "fe80::1", "127.0.0.1.example.org", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.9"])
def test_this_machine_alone_needs_neither_token_nor_tls(host: str) -> None:
    access = access_of(UiOptions(host=host), {})
    assert access.password == ""
    assert is_own(host)
    assert access.knows(f"[{host}]:9318" if ":" in host else f"{host}:9318")


@pytest.mark.parametrize("host", OTHERS)
def test_another_address_is_refused_without_a_token_whatever_else_is_said(host: str) -> None:
    for options in (UiOptions(host=host), UiOptions(host=host, insecure=True), UiOptions(host=host, tls=TLS)):
        with pytest.raises(UsageError, match="nobody is asked for a token") as refused:
            access_of(options, {TOKEN: ""})
        assert TOKEN in (refused.value.hint or "")


def test_another_address_with_a_token_needs_tls_or_the_word_that_a_proxy_has_it() -> None:
    with pytest.raises(UsageError, match="reads along") as refused:
        access_of(UiOptions(host="10.0.0.7"), {TOKEN: SECRET})
    assert SECRET not in f"{refused.value} {refused.value.hint}"
    by_proxy = access_of(UiOptions(host="10.0.0.7", insecure=True), {TOKEN: SECRET})
    by_tls = access_of(UiOptions(host="10.0.0.7", tls=TLS), {TOKEN: SECRET})
    assert [(each.password, each.secure) for each in (by_proxy, by_tls)] == [(SECRET, False), (SECRET, True)]


def test_an_address_is_asked_by_its_own_name_and_no_other() -> None:
    access = access_of(UiOptions(host="Lake.example.org", tls=TLS), {TOKEN: SECRET})
    assert access.knows("lake.example.org:9318")
    assert not access.knows("other.example.org")
    assert access_of(UiOptions(host="fe80::1", tls=TLS), {TOKEN: SECRET}).knows("[fe80::1]:9318")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_on_all_addresses_no_name_of_others_is_known_and_none_that_is_no_name(host: str) -> None:
    access = access_of(UiOptions(host=host, insecure=True), {TOKEN: SECRET})
    assert access.knows("127.0.0.1:9318")
    assert not any(access.knows(name) for name in ("", "evil.example", "localhost:x", ":9318"))


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.7"])
def test_a_token_that_can_be_guessed_is_refused_and_not_repeated(host: str) -> None:
    with pytest.raises(ConfigError) as refused:
        access_of(UiOptions(host=host, tls=TLS), {TOKEN: "guess-me"})
    assert "guess-me" not in f"{refused.value} {refused.value.hint}"


def test_a_port_that_is_taken_is_said() -> None:
    with bound("127.0.0.1", 0) as first:
        taken = first.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {taken} of 127.0.0.1"), bound("127.0.0.1", taken):
            pass


def test_the_lake_is_looked_at_before_somebody_asks(held: tuple[Path, str]) -> None:
    with closing(site(SeenLake(held[0], {}), Access())) as pages:
        ahead = pages.ahead().result()
        assert pages.looks.submit(pages.kept.glance).result() is ahead


def test_a_look_ahead_that_fails_leaves_it_to_the_first_page_to_say_why(tmp_path: Path) -> None:
    make(tmp_path, {"layers/bronze/b.sql": "selekt"})
    with closing(site(SeenLake(tmp_path, {}), Access())) as pages:
        assert isinstance(pages.ahead().exception(), LakeflowError)
        answer = TestClient(application(pages), base_url="http://127.0.0.1").get("/")
        assert "layers/bronze/b.sql" in answer.text


@pytest.mark.long
def test_by_tls_the_token_opens_the_pages_and_nothing_else_does(held: tuple[Path, str], tmp_path: Path) -> None:
    certificate, key = tmp_path / "lake.pem", tmp_path / "lake.key"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *names], check=True, capture_output=True)
    trusted = ssl.create_default_context(cafile=str(certificate))
    options = ("--host", "0.0.0.0", "--tls-cert", str(certificate), "--tls-key", str(key))
    with served(held[0], *options, **{TOKEN: SECRET}) as said:
        assert said.startswith("https://0.0.0.0:")
        port = int(said.rstrip("/").rpartition(":")[2])

        def asked(**headers: str) -> tuple[int, bool]:
            with closing(HTTPSConnection("127.0.0.1", port, context=trusted)) as connection:
                connection.request("GET", "/index.json", headers=headers)
                answer = connection.getresponse()
                return answer.status, b"silver.weather" in answer.read()

        assert asked() == (401, False)
        assert asked(authorization="Bearer another-secret-of-a-lake") == (401, False)
        assert asked(cookie=f"lakeflow={SECRET}") == (401, False), "the cookie holds another secret than the token"
        assert asked(authorization=f"Bearer {SECRET}") == (200, True)


@pytest.mark.long
def test_open_opens_the_address_in_the_browser_that_the_machine_has(held: tuple[Path, str], tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    with served(held[0], "--open", BROWSER=f"{browser} %s") as said:
        pass
    assert opened.read_text().strip() == said, "it was opened before the server ended"


def _page(address: str) -> str:
    with urlopen(address) as answer:
        return text_of(answer.read().decode())


@pytest.mark.long
def test_the_environment_is_that_of_the_git_branch_at_the_start_and_stays_it(tmp_path: Path) -> None:
    root = make(tmp_path / "lake", {"layers/bronze/a.sql": "select 1 as id"})

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True)

    git("init", "--initial-branch", "pr_1")
    with lakeflow.open(root, settings={"env": "pr_1"}) as lake:
        assert lake.materialize() is not None
    with served(root, "--env", "git") as address:
        for branch in ("pr_1", "pr_2"):
            git("symbolic-ref", "HEAD", f"refs/heads/{branch}")
            (root / "layers/bronze" / f"{branch}.sql").write_text("select 2 as id")
            shown = _page(f"{address}assets/bronze.a")
            assert "environment pr_1 " in shown
            assert "The same: lakeflow status bronze.a --env pr_1 " in shown
            assert "1 row" in _page(f"{address}assets/bronze.a/data"), "in pr_2 and on main nobody has published it"


@pytest.mark.long
@pytest.mark.parametrize("name", ["no/such", "held", "Ä"])
def test_what_cannot_name_an_environment_ends_it_before_anything_is_served(tmp_path: Path, name: str) -> None:
    root = make(tmp_path, {"layers/bronze/a.sql": "select 1 as id"})
    command = [sys.executable, "-m", "lakeflow.cli", "-C", str(root), "ui", "--port", "0", "--env", name]
    ended = subprocess.run(command, env=CLEAN, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "cannot name an environment" in ended.stderr


@pytest.mark.long
def test_a_certificate_that_is_none_ends_it_before_anything_isserved(held: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    options = ["--tls-cert", str(tmp_path / "no.pem"), "--tls-key", str(tmp_path / "no.pem")]
    command = [sys.executable, "-m", "lakeflow.cli", "-C", str(held[0]), "ui", "--port", "0", *options]
    ended = subprocess.run(command, env=CLEAN, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "the certificate cannot be used" in ended.stderr
    assert "name PEM files" in ended.stderr
