"""Every command from end to end, in a process of its own: through pipes, on a terminal, and to a reader who has gone.

One story on one lake, told three times. The checks are SELECTs, so that no audit waits for an import of seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakeflow.cli.main import COMMANDS
from tests.cli.forks import Forks, Said
from tests.cli.test_commands import BRONZE, GOLD, MENDED, SILVER, make
from tests.docs.blocks import without_chance

Tell = Callable[..., Said]

FILES = {
    "layers/bronze/weather.sql": BRONZE.replace("select * from (values", "select * from (values ('EWR', 0, 1.0),"),
    "layers/silver/weather.sql": SILVER,
    "layers/gold/windiest.sql": GOLD,
    "q.sql": "select origin from gold.windiest",
    "checks/silver/weather.possible.sql": "select origin, hour, wind from silver.weather where wind > 200",
}
HOURS = """/*
key = ["measured"]
partition = "month(measured)"
start = "2013-01-01"
end = "2013-03-01"
*/
select measured, wind
from (select timestamp '2013-01-31 22:00:00' + to_hours(hour) as measured, max(wind) as wind
      from silver.weather group by all)
where measured >= $partition_start and measured < $partition_end
"""
CHANGES: dict[str, Callable[[Path], object]] = {
    "(mend)": lambda root: make(root, {"layers/silver/weather.sql": MENDED}),
    "(forget)": lambda root: (root / "layers/gold/windiest.sql").unlink(),
    "(divide)": lambda root: make(root, {"layers/gold/hours.sql": HOURS}),
    "(narrow)": lambda root: make(root, {"layers/gold/narrow.sql": "select * exclude (wind) from silver.weather"}),
    "(define)": lambda root: make(root, {"layers/gold/windiest.sql": GOLD}),
}
"""What a person does to the files meanwhile."""
STORY = (
    # what is typed, exit code, and what its answer says
    ("init new", 0, "cd new && lakeflow materialize"),
    ("check", 0, "3 assets and 1 check file are in order"),
    ("test", 0, "no asset of these has an example"),
    ("list", 0, "silver.weather"),
    ("plan", 0, "3 to run, 0 unchanged"),
    ("plan --exit-code", 1, "never built"),
    ("preview bronze.weather", 0, "1048.4"),
    ("materialize", 1, "HELD on audit_"),
    ("status", 0, "1 held"),
    ("show silver.weather --ref held --failing", 0, "1048.4"),
    ("audit silver.weather --ref held", 1, "possible"),
    ("runs", 0, "1 held"),
    ("runs RUN", 0, "readers still see nothing"),
    ("runs RUN --log", 0, "silver.weather"),
    ("publish RUN", 1, "HELD on audit_"),
    ("discard RUN", 0, "discarded"),
    ("retry", 2, "lakeflow runs"),
    ("materialize silver.weather", 1, "HELD on audit_"),
    ("(mend)", 0, ""),
    ("retry", 0, "1 published"),
    ("serve --once gold.windiest", 0, "1 run"),
    ("ui --build site", 0, "pages in site"),
    ("log silver.weather", 0, "first publish"),
    ("impact silver.weather", 0, "gold.windiest"),
    ("snapshots silver.weather", 0, "published"),
    ("show gold.windiest", 0, "JFK"),
    ("diff gold.windiest", 0, "nothing → main"),
    ("query -f q.sql", 0, "JFK"),
    ("suggest silver.weather", 0, 'gxe.ExpectColumnValuesToNotBeNull(column="wind")'),
    ("export --to bi.duckdb", 0, "3 tables in bi.duckdb"),
    ("mutate silver.weather --kind nulls", 0, "wind is NULL"),
    ("lineage gold.windiest", 0, "bronze.weather"),
    ("unland weather.csv", 2, "no asset landed 'weather.csv'"),
    ("rollback RUN", 0, "rolled back"),
    ("materialize gold.windiest", 0, "1 published"),
    ("tag before-the-storm RUN", 0, "before-the-storm set in 3 tables"),
    ("(forget)", 0, ""),
    ("drop gold.windiest", 0, "dropped gold.windiest"),
    ("(define)", 0, ""),
    ("adopt gold.windiest --from .lakeflow/warehouse/gold/windiest", 0, "gold.windiest"),
    ("quarantine show silver.weather", 2, "has no quarantine"),
    ("alerts", 0, "says whom to tell what"),
    ("alerts send gold.windiest", 2, "only `alerts test` takes names"),
    ("env", 0, "No environments"),
    ("env show pr_1", 2, "no environment pr_1"),
    ("doctor", 0, "catalog"),
    ("verify", 0, "as audited"),
    ("replay silver.weather", 0, "identical"),
    ("compact silver.weather --dry-run", 0, "with nothing to do"),
    ("gc", 0, "that nothing needs"),
    ("backup copy", 0, "and the database are in"),
    ("migrate --to sqlite:///lake.db", 2, "moved to PostgreSQL, and not to a file"),
    ("config show --sources", 0, "state_dir"),
    ("backfill silver.weather --from 2013-01 --to 2013-02", 2, "has partitions in time"),
    ("(divide)", 0, ""),
    ("backfill gold.* --from 2013-01 --to 2013-02", 0, "2 windows: 2 published"),
    ("backfill gold.* --failed-and-missing", 0, "gold.windiest has no partitions and was left out"),
    ("backfill gold.hours --parallel 2 --events", 0, '"event": "window_ended"'),
    ("(narrow)", 0, ""),
    ("parity gold.narrow", 0, "Spark has no word for * EXCLUDE"),
    ("plan silver.wether", 2, "did you mean"),
    ("lis", 2, "did you mean"),
)
TYPED = [each for each in STORY if each[0] not in CHANGES]
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    server = Forks()
    yield server
    server.close()


def told(root: Path, tell: Tell, look: Tell) -> list[Said]:
    """The story on a new lake; `look` answers what a person would read off the screen."""
    make(root, FILES)
    said = []
    for line, _, _ in STORY:
        if line in CHANGES:
            CHANGES[line](root)
            continue
        words = line.split()
        if "RUN" in words:
            runs = json.loads(look("runs", "-o", "json", cwd=root).out)["data"]["runs"]
            words[words.index("RUN")] = runs[0]["id"]
        said.append(tell(*words, cwd=root))
    return said


@pytest.fixture(scope="module")
def piped(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    return told(tmp_path_factory.mktemp("piped"), forks.piped, forks.piped)


@pytest.fixture(scope="module")
def typed(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> list[Said]:
    return told(tmp_path_factory.mktemp("typed"), forks.typed, forks.piped)


def test_every_command_has_its_place_in_the_story() -> None:
    assert {words.split()[0] for words, _, _ in TYPED} - {"lis"} == set(COMMANDS)


@pytest.mark.long
@pytest.mark.parametrize("medium", ["piped", "typed"])
def test_every_command_ends_with_its_code_and_says_what_happened(medium: str, request: pytest.FixtureRequest) -> None:
    answers: list[Said] = request.getfixturevalue(medium)
    wrong = [
        (said.words, said.code, said.out, said.err)
        for said, (_, code, answer) in zip(answers, TYPED, strict=True)
        if said.code != code or answer not in ESCAPE.sub("", said.out + said.err)
    ]
    assert not wrong


@pytest.mark.long
def test_a_pipe_gets_text_alone_and_errors_go_to_the_other_one(piped: list[Said]) -> None:
    for said in piped:
        assert "\x1b" not in said.out + said.err, said.words
        assert bool(said.out) is (said.code != 2), said.words
        assert said.code != 2 or said.err.startswith("error: "), said.err


@pytest.mark.long
def test_a_terminal_ends_with_the_answer_that_a_pipe_gets(piped: list[Said], typed: list[Said]) -> None:
    """Live progress leaves nothing behind it, and no word waits for somebody to type one."""
    for through, on in zip(piped, typed, strict=True):
        answer = without_chance(through.out or through.err)
        assert _plain(answer) in _plain(without_chance(ESCAPE.sub("", on.out))), through.words


def _plain(screen: str) -> str:
    """Without what tells the two lakes apart: their folders, the disk space that is left meanwhile, and into how many
    files the threads of the engine divided the rows.
    """
    for pattern, word in ((r"/\S*/(piped|typed)\d*", "LAKE"), (r"[\d,.]+ GB", "SPACE"), (r"\b[\d,]+ files", "FILES")):
        screen = re.sub(pattern, word, screen)
    return screen


@pytest.mark.long
def test_a_terminal_gets_colour_where_something_stands_out(typed: list[Said]) -> None:
    held = next(said for said in typed if said.words == ("materialize",))
    assert "\x1b[1;31m" in held.out
    assert held.out.rstrip().endswith("`") or "\x1b[?25h" in held.out, "the cursor is back"


@pytest.mark.long
def test_a_terminal_shows_the_steps_of_a_backfill_above_its_bar(typed: list[Said]) -> None:
    screen = next(said.out for said in typed if said.words[:2] == ("backfill", "gold.*"))
    live, answer = screen.split("\x1b[?25h")
    for shown in ("gold.hours", "2013-02", "2/2", "left"):
        assert shown in live, shown
    assert "2 windows: 2 published" in answer


ACTS = {"init", "materialize", "publish", "retry", "rollback", "discard", "drop", "adopt", "backfill"}
LOOKS = dict.fromkeys(line for line, _, _ in TYPED if "RUN" not in line and line.split(maxsplit=1)[0] not in ACTS)


@pytest.mark.long
@pytest.mark.parametrize("words", LOOKS)
def test_a_reader_who_has_gone_ends_no_command_in_noise(
    forks: Forks, piped: list[Said], tmp_path_factory: pytest.TempPathFactory, words: str
) -> None:
    """`lakeflow runs | head -1` is nobody's mistake."""
    root = next(tmp_path_factory.getbasetemp().glob("piped*"))
    said = forks.unread(*words.split(), cwd=root)
    assert "Traceback" not in said.err
    assert "BrokenPipe" not in said.err
