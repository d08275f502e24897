"""No value of a personal column is in anything that lakeflow writes or prints, whatever goes wrong.

The only places where the values may stand are the files that brought them, and the Parquet files of bronze.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
from starlette.testclient import TestClient

from lakeflow.cli.main import COMMANDS, run
from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.ui.acts import VERBS
from lakeflow.ui.app import PAGES, application, site, twin_of
from lakeflow.ui.guard import Access
from lakeflow.ui.kept import SeenLake
from tests.alerts.lab import Receiver, entry, receiving
from tests.cli.process import lakeflow
from tests.cli.test_commands import make
from tests.privacy.bytes_of import written
from tests.privacy.canaries import CANARIES, FILES, FRAGMENTS, KEPT, SALT

ROUTING_KEY = "a1routing2key3of4pagerduty"
BROKEN = [
    "casts",
    "tells",
    "dates",
    "overflows",
    "raises",
    "looks_up",
    "leaves",
    "chains",
    "frames",
    "keeps",
    "streams",
]
LOOKS = (
    *("status", "runs", "plan", "list", "lineage --snapshots", "snapshots bronze.people", "check", "config", "doctor"),
    *("gc", "drop bronze.nothing", "adopt silver.people --from nowhere", "backfill bronze.people", "init elsewhere"),
    *("backup ../kept", "migrate --to mysql://nowhere/lake"),
    *("alerts", "alerts send", "alerts test", "tag", "env", "serve --help", "unland drops/nothing.csv"),
)
AUDITS = (
    "bronze.people",
    "bronze.people --history 3",
    "bronze.people --gx",
    "bronze.apart",
    "bronze.apart --history 3",
)


SHOWN = (
    *("bronze.people", "bronze.apart", "bronze.words", "bronze.wide", "bronze.open", "bronze.headless"),
    *("silver.people", "gold.people", *(f"silver.{name}" for name in BROKEN)),
)
ASKED = (
    "select * from bronze.people",
    "select email || '' as x, reverse(name) as y, ssn + 0 as z from bronze.people",
    "select cast(email as int) as x from bronze.people",
    "select error(email) as x from bronze.people",
    "select min(phone) as x, list(email) as y, max(ssn) as z from bronze.people",
    "select case when email like 'canary1%' then error(name) end as x from bronze.people",
    "select * from bronze.apart",
    "select * from silver.people",
)
"""What somebody may ask a page for."""


class Aviary:
    """The lake, and all that its commands have printed."""

    def __init__(self, root: Path, receiver: Receiver) -> None:
        self.root = root
        self.receiver = receiver
        self.printed = ""
        self.env = {
            "LAKEFLOW_PII_SALT": SALT,
            "HOME": str(root / "home"),
            "XDG_CACHE_HOME": str(root / "home/cache"),
            "PAGER": f"pagerduty://{ROUTING_KEY}?endpoint=http://{receiver.place}",
        }

    def run(self, words: str, code: int) -> None:
        """A command in a process of its own, which prints whole chains of exceptions where it can."""
        done = lakeflow(*words.split(), cwd=self.root, **self.env, LAKEFLOW_DEBUG="1")
        assert done.returncode == code, done.stdout + done.stderr
        self.printed += f"$ {words}\n{done.stdout}{done.stderr}\n"

    def look(self, words: str, *more: str) -> None:
        """The same in this process, as a screen and as JSON; `more` are words with blanks in them."""
        for way in (["--output", "json"], []):
            out, err = StringIO(), StringIO()
            with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
                for name, value in self.env.items():
                    patch.setenv(name, value)
                patch.chdir(self.root)
                run([*words.split(), *more, *way])
            self.printed += f"$ {words}\n{out.getvalue()}{err.getvalue()}\n"

    def show(self) -> None:
        """Every page in a browser, of every asset and run, with its twin and with questions that ask for the values."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.env.items():
                patch.setenv(name, value)
            made = site(SeenLake(self.root, {}), Access(acts=True))
            with closing(made):
                pages = TestClient(application(made), base_url="http://127.0.0.1:9318", raise_server_exceptions=False)
                for where in _addresses(self.runs):
                    for each in (where, twin_of(where)):
                        answer = pages.get(each)
                        assert answer.status_code < 500, (each, answer.text)
                        self.printed += f"$ ui {each}\n{answer.text}\n{dict(answer.headers)}\n"

    @property
    def runs(self) -> list[str]:
        return sorted(log.stem for log in (self.root / ".lakeflow/logs").glob("[0-9]*.log"))

    def everything(self) -> Iterator[tuple[str, bytes]]:
        yield "printed", self.printed.encode()
        yield "alerts that were sent", self.receiver.raw
        own = {self.root / name for name in FILES}
        yield from ((str(path.relative_to(self.root)), text) for path, text in written(self.root) if path not in own)

    def sung(self, values: Iterable[str]) -> list[str]:
        """Where which of the values stands."""
        return [
            f"{value} in {name}: {text[max(0, at - 200) : at + 80]!r}"
            for name, text in self.everything()
            for value in values
            if (at := text.find(value.encode())) >= 0
        ]


@pytest.fixture(scope="module")
def aviary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aviary]:
    """After every command was run in every way that fails."""
    with receiving() as receiver:
        alerting = {**FILES, "pyproject.toml": "[tool.lakeflow]\n" + entry("${PAGER}", *AlertKind)}
        lake = Aviary(make(tmp_path_factory.mktemp("aviary"), alerting), receiver)
        _tried_in_every_way(lake)
        yield lake


def _tried_in_every_way(lake: Aviary) -> None:
    lake.run("materialize bronze.people --events", code=1)
    (held,) = lake.runs
    for words in (f"show bronze.people --ref audit_{held}", f"runs {held}", "preview bronze.people"):
        lake.look(words)
    lake.look(f"retry {held}")
    for more in (
        f"--ref audit_{held} --data-docs pages/held",
        "--ref held --gx",
        f"--run {held} --data-docs pages/run",
    ):
        lake.look(f"audit bronze.people {more}")
    lake.run(f"publish {held} --force --reason canaries", code=0)
    lake.run(f"materialize {' '.join(f'silver.{name}' for name in BROKEN)}", code=1)
    lake.run("materialize silver.people gold.people", code=1)
    lake.run("materialize bronze.words bronze.wide bronze.open bronze.headless", code=1)
    for name in BROKEN:
        lake.look(f"preview silver.{name}")
    _put_apart(lake)
    for words in LOOKS:
        lake.look(words)
    for form in ("table", "json"):
        lake.look(f"suggest bronze.people -o {form}")
        lake.look(f"mutate bronze.people --kind nulls --kind swapped -o {form}")
        lake.look(f"diff {held} -o {form}")
        lake.look(f"diff bronze.people -o {form}")
        lake.look(f"log --code -o {form}")
        lake.look(f"impact bronze.people@{_snapshot(lake)} -o {form}")
        lake.look(f"verify --deep -o {form}")
        lake.look(f"replay bronze.people -o {form}")
        lake.look(f"lineage --columns bronze.people -o {form}")
        lake.look(f"compact --dry-run -o {form}")
        lake.look(f"export bronze.people --to ../copies/{form} -o {form}")
    lake.look("parity silver.people")
    lake.look("test")
    lake.look("query", "select name, email, phone, ssn from bronze.people")
    for words in (*AUDITS, f"bronze.people --snapshot {_snapshot(lake)} --data-docs pages/main"):
        lake.look(f"audit {words}")
    for name in ("bronze.people", "bronze.apart", "bronze.apart__quarantine", "silver.people", "silver.keeps"):
        for more in ("--ref held", "--ref held --failing", "--failing", ""):
            lake.look(f"show {name} {more}")
    for name in lake.runs:
        lake.look(f"runs {name}")
        lake.look(f"runs {name} --log")
        lake.look(f"discard {name}")
    lake.show()
    lake.look(f"rollback {held}")


def _addresses(runs: list[str]) -> Iterator[str]:
    for path in PAGES:
        for asset in SHOWN if "{asset}" in path else ("",):
            for each in runs if "{run}" in path else ("",):
                yield path.replace("{asset}", asset).replace("{run}", each)
    for asked in ASKED:
        yield f"/query?sql={quote(asked)}"
    for where in ("email like 'canary%'", "cast(email as int) = 1", "error(email)"):
        yield f"/assets/bronze.people/data?where={quote(where)}"
        yield f"/compare?asset=bronze.people&where={quote(where)}"
    yield "/assets/bronze.people/data?order_by=email&columns=email,ssn"
    yield from (f"/compare?asset={asset}&between=main..held" for asset in SHOWN)
    yield from (f"/compare?run={run}" for run in runs)
    yield from (f"/runs/{run}/{verb}" for run in runs for verb in VERBS)
    yield from (f"/runs/{run}/events" for run in runs)
    yield "/lineage.svg"


def _put_apart(lake: Aviary) -> None:
    """Rows go to quarantine, do not come back, and come back when the check was mended; the second run has it kept."""
    lake.run("materialize bronze.apart --events", code=0)
    lake.look("quarantine show bronze.apart")
    lake.run("quarantine readmit bronze.apart", code=0)
    (lake.root / "checks/bronze/apart.py").write_text(KEPT.replace("canary1", "canary"))
    lake.run("audit bronze.apart --data-docs pages/apart", code=0)
    lake.run("quarantine readmit bronze.apart", code=0)
    lake.look("quarantine show bronze.apart")


def _snapshot(lake: Aviary) -> str:
    done = lakeflow("snapshots", "bronze.people", "-o", "json", cwd=lake.root, **lake.env)
    return f"s{json.loads(done.stdout)['data']['snapshots'][0]['snapshot_id']}"


@pytest.mark.long
def test_twenty_canaries_are_in_the_lake(aviary: Aviary) -> None:
    files = [str(path) for path in (aviary.root / ".lakeflow/warehouse/bronze/people").rglob("*.parquet")]
    rows = duckdb.execute(f"select name, email, phone, ssn::varchar from read_parquet({files})").fetchall()
    assert {value for row in rows for value in row} == set(CANARIES)
    assert len(CANARIES) == 20


@pytest.mark.long
def test_no_canary_sings(aviary: Aviary) -> None:
    assert aviary.sung(CANARIES) == []


@pytest.mark.long
def test_nor_does_a_part_of_one(aviary: Aviary) -> None:
    assert aviary.sung(FRAGMENTS) == []


@pytest.mark.long
def test_every_command_was_heard(aviary: Aviary) -> None:
    heard = {line.split()[1] for line in aviary.printed.splitlines() if line.startswith("$ ")}
    assert heard == set(COMMANDS)
    assert len(list((aviary.root / "pages").rglob("*.html"))) >= 8


@pytest.mark.long
def test_the_salt_is_nowhere(aviary: Aviary) -> None:
    assert aviary.sung([SALT]) == []


@pytest.mark.long
def test_the_address_of_alerts_is_nowhere_and_they_were_sent(aviary: Aviary) -> None:
    assert {said["payload"].get("class") for _, said in aviary.receiver.got if "payload" in said} >= {"held", "errored"}
    aviary.receiver.raw = aviary.receiver.raw.replace(ROUTING_KEY.encode(), b"")  # PagerDuty's own is in each request
    assert aviary.sung([ROUTING_KEY]) == []


@pytest.mark.long
def test_what_went_wrong_is_told_all_the_same(aviary: Aviary) -> None:
    """A lake that says nothing would pass the others."""
    for name in BROKEN:
        assert f"silver.{name}" in aviary.printed
    for told in ("ValueError", "does not fit the type", "personal data is involved", "6 rows", "✗"):
        assert told in aviary.printed
    assert any(name.endswith(".avro") and b"bronze" in text for name, text in aviary.everything())
