"""The main job on real data, told by the command line itself: publish, hold, mend, retry, look, roll back.

It works in a copy under `build/demo`, so that nothing of the repository changes. Every command's exit code is
checked: the story ends with exit 0 only when each chapter ended as it should.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from demo.data import WEATHER, prepare

REPOSITORY: Final = Path(__file__).resolve().parent.parent
LAKE: Final = REPOSITORY / "build" / "demo"
LATER: Final = LAKE / "later"
SILVER_WEATHER: Final = Path("layers", "silver", "weather.sql")
DELAYS: Final = Path("layers", "gold", "carrier_delays.sql")
DONE, HELD = 0, 1


def main() -> None:
    lay_out()
    say("January's weather has landed. Everything is built, audited and published in one step.")
    run("plan")
    run("materialize")
    say(
        "Now the other eleven months land, each file once. They are dirty: one wind of 1,048 mph, and three hours that",
        "the naive silver.weather reads twice. The run is HELD, and readers go on seeing January.",
    )
    for month in sorted(LATER.iterdir()):
        shutil.move(month, LAKE / WEATHER)
    run("plan")
    run("materialize", expected=HELD)
    run("status", "silver.weather", "gold.weather_delays")
    run("show", "silver.weather", "--limit", "3")
    run("show", "silver.weather", "--ref", latest_branch(), "--failing")
    say("The fix: read UTC, as the file has it, and drop the one impossible reading. Then the same run again.")
    shutil.copy(REPOSITORY / SILVER_WEATHER, LAKE / SILVER_WEATHER)
    run("plan", "silver.weather+")
    run("retry")
    run("snapshots", "silver.weather")
    run("lineage", "gold.weather_delays", "gold.carrier_delays")
    say("Nothing to do is a good answer.")
    run("plan")
    say("A change can pass every check and still be wrong. It is published, and taken back as a whole.")
    text = (LAKE / DELAYS).read_text()
    (LAKE / DELAYS).write_text(text.replace("arr_delay >= 15", "arr_delay >= 60"))
    run("materialize", "gold.carrier_delays")
    run("rollback", latest_run())
    run("snapshots", "gold.carrier_delays")
    run("runs")


def lay_out() -> None:
    """A fresh copy of the reference project, its data, and the first, naive version of silver.weather."""
    shutil.rmtree(LAKE, ignore_errors=True)
    for folder in ("layers", "checks"):
        shutil.copytree(REPOSITORY / folder, LAKE / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (LAKE / "pyproject.toml").write_text("[tool.lakeflow]\n")
    shutil.copy(REPOSITORY / "demo" / "naive" / "silver" / "weather.sql", LAKE / SILVER_WEATHER)
    prepare(LAKE)
    LATER.mkdir()
    for month in (LAKE / WEATHER).iterdir():
        if month.name != "2013-01.csv":
            shutil.move(month, LATER)


def say(*lines: str) -> None:
    print("\n" + "\n".join(f"# {line}" for line in lines), flush=True)


def run(*words: str, expected: int = DONE) -> None:
    print(f"\n$ lakeflow {' '.join(words)}", flush=True)
    code = lakeflow(*words).returncode
    if code != expected:
        raise SystemExit(f"demo: `lakeflow {' '.join(words)}` ended with {code}, expected {expected}")


def lakeflow(*words: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lakeflow.cli", *words],
        cwd=LAKE,
        check=False,
        text=True,
        stdout=subprocess.PIPE if capture else None,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def latest_run() -> str:
    return str(json.loads(lakeflow("runs", "--output", "json", capture=True).stdout)["data"]["runs"][0]["id"])


def latest_branch() -> str:
    return f"audit_{latest_run()}"


if __name__ == "__main__":
    main()
