"""A year of a lakehouse, month by month, told by the command line: publish, hold, mend, retry, backfill, roll back.

Each month's bookings bring a few that are a month late, and in the course of the year the shop changes what it sends.

It works in a copy under `build/demo`, so that nothing of the repository changes. Every command's exit code is
checked: the story ends with exit 0 only when each chapter ended as it should.

`LAKEFLOW_DEMO` names another folder for the lake and `LAKEFLOW_DEMO_SETTINGS` a file to be its `pyproject.toml`, so
that the story can be told of a lake on a server. `python -m demo.demo january february` tells only these chapters.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from demo.data import LANDING, YEAR, prepare
from demo.people import LATE

REPOSITORY: Final = Path(__file__).resolve().parent.parent
LAKE: Final = Path(os.environ.get("LAKEFLOW_DEMO") or REPOSITORY / "build" / "demo")
SETTINGS: Final = os.environ.get("LAKEFLOW_DEMO_SETTINGS")
LATER: Final = LAKE / "later"
SILVER_WEATHER: Final = Path("silver", "weather.sql")
BOOKINGS: Final = Path("bronze", "bookings.sql")
CHANNEL: Final = (', "channel"\n]\noptional = ["channel"]\n', "\n]\n")
PRICE: Final = ('renames = {fare = "price"}\n', "")
DELAYS: Final = Path("layers", "gold", "carrier_delays.sql")
MONTHS: Final = "gold.destination_months"
FEW_CANCELLED: Final = Path("checks", "gold", "destination_months.few_cancelled.sql")
SALT: Final = "the demo's own salt, which is no secret"
DONE, HELD = 0, 1


def main(*names: str) -> None:
    """All chapters, or those of these names, which need what the ones before them bring."""
    lay_out()
    for chapter in (CHAPTERS[name] for name in names or CHAPTERS):
        chapter()


def january() -> None:
    say(
        "January lands: flights, weather, passengers, bookings. 25 tables are built, audited and published in one step."
    )
    land("01")
    run("materialize")
    run("show", "gold.route_demand", "--limit", "3")
    say("No name or address reaches silver as it arrived: the write itself redacts it, or hashes it with a salt.")
    run("show", "silver.passengers", "--limit", "2")


def february() -> None:
    say(
        "In February a station read a wind of 1,048 mph. silver.weather is HELD, and what is made from it",
        "waits; all that does not need it is published. Readers of silver.weather go on seeing January.",
    )
    land("02")
    run("plan", "+gold.weather_delays")
    run("materialize", expected=HELD)
    run("show", "silver.weather", "--ref", "held", "--failing")
    say("A person looks, mends the code, and runs the same run again: only what was not published.")
    weather_as_of("february")
    run("retry")


def march() -> None:
    say(
        "March brings a new edition of the register of airports: three have another name. gold.airports keeps a",
        "history, so both names stand there with the days on which they held, and a flight refers to that of its day.",
    )
    land("03")
    run("materialize")
    ask(
        "select name, valid_from, valid_to, count(*) as flights, min(day), max(day)",
        "from gold.flights join gold.airports",
        "    on airport = dest and valid_from <= day and (valid_to > day or valid_to is null)",
        "where dest in ('BUR', 'CMH', 'LAS')",
        "group by all order by any_value(dest), valid_from",
    )


def july() -> None:
    say(
        "July's bookings come with six passengers of whom nobody has heard. No code is wrong: a file is late.",
        "The check reads a table about people, so the rows that failed are counted and not shown.",
        "And the shop calls a fare a price now. The plan says so before anything is written, and what to write.",
    )
    land("07")
    run("plan", "bronze.bookings")
    say('So be it: renames = {fare = "price"}. What landed before lands as before, here and in every other lake.')
    contract(CHANNEL)
    run("plan", "bronze.bookings")
    run("materialize", expected=HELD)
    say("The file comes. `materialize` publishes the passengers, and the retry finds everyone it looks for.")
    land(LATE)
    run("materialize", "+silver.passengers")
    run("retry")


def september() -> None:
    say(
        "September: four lines of the bookings break off. They are put apart with file, line and reason, and the rest",
        "lands.",
    )
    land("09")
    run("materialize")
    run("quarantine", "show", "bronze.bookings", "--limit", "2")


def october() -> None:
    say("October's bookings say by which channel they came: a new column, optional because older files lack it.")
    land("10")
    run("plan", "bronze.bookings")
    contract()
    run("plan", "bronze.bookings")
    run("materialize")


def november() -> None:
    say(
        "November: the clocks go back, and an hour of weather comes twice at each airport. The key finds what the code",
        "did not think of.",
    )
    land("11")
    run("materialize", expected=HELD)
    say("The fix: read UTC, as the file has it.")
    shutil.copy(REPOSITORY / "layers" / SILVER_WEATHER, LAKE / "layers" / SILVER_WEATHER)
    run("retry")


def what_is_there() -> None:
    say(
        "A year is in. Nothing to do is a good answer; lineage is in the tables themselves. Each month silver.flights",
        "read only the rows that were new: its snapshots are appends.",
    )
    run("plan")
    run("snapshots", "silver.flights")
    run("lineage", "gold.weather_delays", "gold.flights")


def a_new_question() -> None:
    say(
        "Somebody asks for a mart by month. It is built by partitions in time, the first quarter first: each month is",
        "audited and published before the next begins, and one that is held does not stop those after it.",
    )
    quarter = ("backfill", MONTHS, "--from", "2013-01", "--to", "2013-03")
    bring_the_mart(cancelled_at_most="0.04")
    run(*quarter, expected=HELD)
    say("In February it snowed for two days. The check was too strict; what is built already stays as it is.")
    bring_the_mart(cancelled_at_most="0.06")
    run(*quarter, "--failed-and-missing")
    run(*quarter, "--failed-and-missing")
    say(
        "The February that was held is superseded by the one that passed, and waits for nobody. The rest of the year",
        "is what `plan` says is missing.",
    )
    run("plan", MONTHS)
    run("materialize", MONTHS)
    ask("from gold.destination_months where dest = 'BUR' and month < '2013-05-01' order by month")


def a_mistake() -> None:
    say("A change can pass every check and still be wrong. It is published, and taken back as a whole.")
    text = (LAKE / DELAYS).read_text()
    (LAKE / DELAYS).write_text(text.replace("filter (late)", "filter (arr_delay >= 60)"))
    run("materialize", "gold.carrier_delays")
    run("diff", latest_run(), "--rows", "3")
    run("rollback", latest_run())
    (LAKE / DELAYS).write_text(text)
    run("runs")


def a_year_later() -> None:
    say("A year later somebody asks: who changed this number, from what was it made, and was it audited?")
    run("log", "gold.carrier_delays", "--limit", "2", "--code")
    run("lineage", "--columns", "gold.carrier_delays.mean_dep_delay")
    run("verify")


CHAPTERS: Final[Mapping[str, Callable[[], None]]] = {
    "january": january,
    "february": february,
    "march": march,
    "spring": lambda: quiet("April", "May", "June"),
    "july": july,
    "august": lambda: quiet("August"),
    "september": september,
    "october": october,
    "november": november,
    "december": lambda: quiet("December"),
    "what_is_there": what_is_there,
    "a_new_question": a_new_question,
    "a_mistake": a_mistake,
    "a_year_later": a_year_later,
}
"""In the order in which they are told."""


def quiet(*months: str) -> None:
    """Months in which nothing happens: of each run the line that says so."""
    say(f"{' and '.join(months) if len(months) < 3 else f'{months[0]} to {months[-1]}'}: nothing to decide.")
    for month in months:
        land(f"{NAMES.index(month) + 1:02}")
        print(f"\n$ lakeflow materialize    # {month}", flush=True)
        done = lakeflow("materialize", capture=True)
        print(next(line for line in done.stdout.splitlines() if line.endswith(" errored")), flush=True)
        require(("materialize",), done.returncode, DONE)


NAMES: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def lay_out() -> None:
    """A fresh copy of the reference project with the first version of silver.weather, without the mart that somebody
    asks for later, and with no file of any month.
    """
    shutil.rmtree(LAKE, ignore_errors=True)
    later = shutil.ignore_patterns("__pycache__", f"{MONTHS.removeprefix('gold.')}.*")
    for folder in ("layers", "checks"):
        shutil.copytree(REPOSITORY / folder, LAKE / folder, ignore=later)
    (LAKE / "pyproject.toml").write_text(Path(SETTINGS).read_text() if SETTINGS else "[tool.lakeflow]\n")
    weather_as_of("naive")
    contract(CHANNEL, PRICE)
    prepare(LATER)
    shutil.copytree(LATER / LANDING / "reference", LAKE / LANDING / "reference")


def contract(*without: tuple[str, str]) -> None:
    """The contract of the bookings without what the shop has not begun to send yet."""
    text = (REPOSITORY / "layers" / BOOKINGS).read_text()
    for line, instead in without:
        text = text.replace(line, instead)
    (LAKE / "layers" / BOOKINGS).write_text(text)


def weather_as_of(version: str) -> None:
    shutil.copy(REPOSITORY / "demo" / version / SILVER_WEATHER, LAKE / "layers" / SILVER_WEATHER)


def bring_the_mart(cancelled_at_most: str) -> None:
    """With the check that says which share of a month's flights may be cancelled."""
    for path in REPOSITORY.glob(f"*/gold/{MONTHS.removeprefix('gold.')}.*"):
        shutil.copy(path, LAKE / path.relative_to(REPOSITORY))
    text = (LAKE / FEW_CANCELLED).read_text()
    (LAKE / FEW_CANCELLED).write_text(text.replace("0.06", cancelled_at_most))


def land(drop: str) -> None:
    """Deliver the files of that drop, of every feed that has one, and the late bookings of the month before."""
    late = f"{int(drop) - 1:02}-after" if drop.isdigit() else drop
    for path in (file for each in (drop, late) for file in (LATER / LANDING).glob(f"*/{YEAR}-{each}.*")):
        target = LAKE / LANDING / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)


def say(*lines: str) -> None:
    print("\n" + "\n".join(f"# {line}" for line in lines), flush=True)


def run(*words: str, expected: int = DONE) -> None:
    print(f"\n$ lakeflow {' '.join(words)}", flush=True)
    require(words, lakeflow(*words).returncode, expected)


def ask(*lines: str) -> None:
    """The same lake from Python, for a question of its own."""
    print('\n>>> lake.query("""', *lines, '""")', sep="\n", flush=True)
    code = 'import sys, lakeflow\nwith lakeflow.open(".") as lake:\n    print(lake.query(sys.argv[1]))'
    require(("ask",), started("-c", code, "\n".join(lines)).returncode, DONE)


def require(words: tuple[str, ...], code: int, expected: int) -> None:
    if code != expected:
        raise SystemExit(f"demo: `lakeflow {' '.join(words)}` ended with {code}, expected {expected}")


def lakeflow(*words: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Progress is for people who watch; off a terminal the screens alone tell the story."""
    return started("-m", "lakeflow.cli", *words, capture=capture)


def started(*words: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Python, which keeps what it compiled beside the lake: a hundred processes of the story load the same modules."""
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(LAKE.with_name("pycache"))}
    return subprocess.run(
        [sys.executable, *words],
        cwd=LAKE,
        check=False,
        text=True,
        stdout=subprocess.PIPE if capture else None,
        stderr=None if sys.stderr.isatty() else subprocess.DEVNULL,
        env={**os.environ, **kept, "PYTHONPATH": str(REPOSITORY), "LAKEFLOW_PII_SALT": SALT},
    )


def latest_run() -> str:
    return str(runs()[0]["id"])


def runs() -> list[dict[str, Any]]:
    """Newest first."""
    found: list[dict[str, Any]] = json.loads(lakeflow("runs", "--output", "json", capture=True).stdout)["data"]["runs"]
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
