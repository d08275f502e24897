"""A pull request of the reference project from its first commit to the last file that it left, by the very commands of
the workflow that `init` writes: a bare repository is the forge's, a folder that checkouts share is the lake's bucket.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.project.scaffold import Sample, Workflows, scaffold
from tests.init.forge import MARK, Forge, bash, environment, steps_of
from tests.reference.samples import FLIGHTS, ROOT, WEATHER, land, reading
from tests.reference.test_incremental import AIRPORTS, PLANES, SJU, WORLD, airport, flight

LEFT_OUT = ("bookings", "passengers", "route_demand", "carrier_delays", "destination_months")
CHECKS = ("silver/weather.py", "silver/weather.known_airport.sql", "silver/carriers.py")
SILVER = "layers/silver/weather.sql"
LAKEFLOW = """#!{python}
import os, sys
from lakeflow.cli.main import main
from lakeflow.lake.computing.engines import Computing
real = Computing.engine
def counted(computing):
    with open(os.environ["ENGINES"], "a") as file:
        print(*sys.argv[1:], file=file)
    return real(computing)
Computing.engine = counted
sys.exit(main())
"""


@dataclass(frozen=True)
class Story:
    """`work` is where people commit. The lake is shared by all checkouts."""

    folder: Path
    forge: Forge

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def catalog(self) -> str:
        return f"sqlite:///{self.folder}/lake/catalog.db"

    @property
    def env(self) -> dict[str, str]:
        engines = str(self.folder / "engines")
        more = {"RUNNER_TEMP": str(self.folder / "temporary"), "GITHUB_RUN_ID": "9", "ENGINES": engines}
        names = {"GITHUB_REPOSITORY": "o/r", "GITHUB_SERVER_URL": "https://forge.example", "GITHUB_ACTIONS": "true"}
        return environment(self.forge, **more, **names)

    @property
    def lake(self) -> dict[str, str]:
        return {"LAKEFLOW_CATALOG": self.catalog, "LAKEFLOW_WAREHOUSE": f"{self.folder}/lake/warehouse"}

    def git(self, *words: str, cwd: Path | None = None) -> str:
        named = ["-c", "user.name=ada", "-c", "user.email=ada@x.example", "-c", "init.defaultBranch=main"]
        done = subprocess.run(["git", *named, *words], cwd=cwd or self.work, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def lakeflow(self, words: str) -> str:
        done = bash(f"lakeflow {words}", self.work, self.env | self.lake)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def propose(self, branch: str, before: str, after: str) -> None:
        """A commit on a branch, on which the query of silver.weather is another."""
        known = bool(self.git("branch", "--list", branch))
        self.git("checkout", "--quiet", *((branch,) if known else ("-b", branch, "main")))
        text = (self.work / SILVER).read_text()
        assert before in text
        (self.work / SILVER).write_text(text.replace(before, after))
        self.git("commit", "--quiet", "--all", "-m", branch)
        self.git("push", "--quiet", "origin", branch)
        self.git("checkout", "--quiet", "main")

    def merge(self, branch: str) -> str:
        self.git("merge", "--quiet", "--no-ff", "-m", f"merge {branch}", branch)
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def ci(self, job: str, number: int = 0, branch: str = "") -> None:
        """A job in a checkout of its own: of a pull request it is what the merge would be."""
        checkout = self.folder / f"checkout-{job}-{number}"
        self.git("clone", "--quiet", str(self.folder / "origin.git"), str(checkout), cwd=self.folder)
        if branch:
            self.git("merge", "--quiet", "--no-edit", f"origin/{branch}", cwd=checkout)
        shared = {"vars.LAKEFLOW_WAREHOUSE": self.lake["LAKEFLOW_WAREHOUSE"], "secrets.LAKEFLOW_CATALOG": self.catalog}
        for script, more in steps_of(checkout, job, {**shared, "github.event.number": str(number)}):
            done = bash(script, checkout, self.env | more)
            assert done.returncode == 0, done.stdout + done.stderr
        shutil.rmtree(checkout)

    def engines(self) -> list[str]:
        """The commands that made an engine, without which no row can be read."""
        path = self.folder / "engines"
        found = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    def tables(self) -> dict[str, Any]:
        """Every table as pyiceberg loads it."""
        with closing(SqlCatalog("lakeflow", uri=self.catalog, warehouse=self.lake["LAKEFLOW_WAREHOUSE"])) as catalog:
            names = [name for layer in ("bronze", "silver", "gold") for name in catalog.list_tables(layer)]
            return {".".join(name): catalog.load_table(name) for name in names}

    def mains(self) -> dict[str, int]:
        return {name: table.current_snapshot().snapshot_id for name, table in self.tables().items()}

    def weather(self) -> set[tuple[float, float]]:
        rows = self.tables()["silver.weather"].scan().to_arrow().to_pylist()
        return {(row["temp"], row["visib"]) for row in rows}

    def environments(self) -> list[str]:
        return [one["name"] for one in json.loads(self.lakeflow("env -o json"))["data"]["environments"]]

    @contextmanager
    def without_data(self) -> Iterator[None]:
        """While no data file of any table is where it is looked for."""
        folders = list(Path(self.lake["LAKEFLOW_WAREHOUSE"]).glob("*/*/data"))
        assert len(folders) > 10
        for path in folders:
            path.rename(path.with_name("away"))
        yield
        for path in folders:
            path.with_name("away").rename(path)

    def data_files(self) -> int:
        return len(list(Path(self.lake["LAKEFLOW_WAREHOUSE"]).glob("silver/weather*/data/**/*.parquet")))


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """The reference project on main, in a repository with its workflow, and its lake."""
    forge = Forge(tmp_path / "forge")
    forge.command("lakeflow", LAKEFLOW.format(python=sys.executable))
    made = Story(tmp_path, forge)
    for folder in (made.work, tmp_path / "lake", tmp_path / "temporary"):
        folder.mkdir()
    made.git("init", "--quiet", "--bare", str(tmp_path / "origin.git"), cwd=tmp_path)
    made.git("init", "--quiet")
    made.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    _project(made.work)
    made.git("add", "--all")
    made.git("commit", "--quiet", "-m", "the reference project")
    made.git("push", "--quiet", "origin", "main")
    made.lakeflow("materialize")
    return made


def _project(root: Path) -> None:
    left_out = shutil.ignore_patterns("__pycache__", *(f"{name}*" for name in LEFT_OUT))
    shutil.copytree(ROOT / "layers", root / "layers", ignore=left_out)
    for name in CHECKS:
        (root / "checks" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "checks" / name, root / "checks" / name)
    (root / "pyproject.toml").write_text('[tool.lakeflow]\nname = "reference"\n')
    scaffold(root, Sample.THERE, Workflows.GITHUB)
    land(root, "reference/airlines.csv", "carrier,name", ["B6,JetBlue Airways"])
    land(root, "reference/planes.csv", PLANES, ["N1,2004,Fixed wing,AIRBUS,A320,2,182,NA,Turbo-fan"])
    land(root, "reference/world_airports.csv", WORLD, [SJU])
    land(root, "airports/2013-01.csv", AIRPORTS, [airport("BUR", "Bob Hope"), airport("JFK", "Kennedy")])
    land(root, "flights/2013-01.csv", FLIGHTS, [flight(1, 1), flight(1, 2)])
    days = [reading(f"1,{day}", 5, f"01-0{day}T10", origin="JFK").replace(",NA,", ",15,") for day in (1, 2)]
    land(root, "weather/2013-01.csv", WEATHER, days)


@pytest.mark.long
def test_a_pull_request_is_built_shown_promoted_without_a_row_read_and_leaves_nothing(story: Story) -> None:
    before, rows = story.mains(), story.weather()
    assert rows == {(50.0, 10.0)}
    story.propose("visibility", "visib::double as visib", "visib::double / 4 as visib")
    story.propose("warmer", "temp::double as temp", "temp::double + 1 as temp")
    story.ci("environment", 1, "visibility")
    story.ci("environment", 2, "warmer")
    assert "<code>50.0 → 51.0</code>" in story.forge.comments(2)[0]
    story.propose("warmer", "temp::double + 1 as temp", "temp::double + 2 as temp")
    story.ci("environment", 2, "warmer")

    # What is shown, and what readers of main see meanwhile.
    (first,), (second,) = story.forge.comments(1), story.forge.comments(2)
    assert first.startswith(f"{MARK}\n### lakeflow env pr")
    assert "<code>10.0 → 2.5</code>" in first
    assert "<code>gold.weather_delays</code>" in first
    assert "<code>50.0 → 52.0</code>" in second
    assert (story.mains(), story.weather()) == (before, rows)
    audited = {name: table.metadata.refs.get("env_pr_1") for name, table in story.tables().items()}
    heads = {name: ref.snapshot_id for name, ref in audited.items() if ref and ref.snapshot_id != before[name]}
    assert set(heads) == {"silver.weather", "gold.weather_delays"}

    # The merge publishes what was audited, and no row of it can be read.
    story.forge.set(1, "MERGED", story.merge("visibility"))
    story.forge.set(2, "OPEN")
    story.engines()
    with story.without_data():
        story.ci("settle")
    assert story.engines() == []
    assert story.mains() == before | heads
    assert story.weather() == {(50.0, 2.5)}
    assert story.environments() == ["pr_2"]

    # The other one was built on what is not main any more: it is built again, of both changes.
    story.forge.set(2, "MERGED", story.merge("warmer"))
    story.ci("settle")
    assert any(each.startswith("env promote pr_2") for each in story.engines())
    assert story.weather() == {(52.0, 2.5)}
    assert story.environments() == []
    assert [ref for table in story.tables().values() for ref in table.metadata.refs if ref.startswith("env_")] == []
    story.lakeflow("plan --exit-code state:modified+")

    # Of what is gone the newest snapshot of a table stays for readers that may have begun with it.
    files = story.data_files()
    story.lakeflow("gc --delete --yes --older-than 0s")
    assert story.data_files() < files
    assert story.weather() == {(52.0, 2.5)}
