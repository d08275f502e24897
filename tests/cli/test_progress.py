"""Progress: lively on a terminal, one line an event elsewhere, one JSON object a line for programs."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from dataclasses import replace

import pytest

from lakeflow.cli.progress import Board, aside_lines, board_screen, event_lines, event_stream, nothing_to_do
from lakeflow.core.model.run import RunState
from lakeflow.core.run.events import Event, Phase, Planned, RunEnded, RunStarted, StepEnded, StepPhase
from tests.cli import terminal
from tests.cli.process import CLEAN, python
from tests.cli.values import DELAYS, FLIGHTS, HELD_RUN, HELD_STEP, PLAN, PUBLISHED_STEP, RUN, SKIPPED_STEP, WEATHER

RUNNING = replace(HELD_RUN, state=RunState.RUNNING, steps=(), ended_at=None)
STORY: tuple[Event, ...] = (
    Planned(PLAN),
    RunStarted(RUNNING),
    StepPhase(RUN, FLIGHTS, Phase.WRITING),
    StepEnded(RUN, replace(PUBLISHED_STEP, state=None)),
    StepPhase(RUN, WEATHER, Phase.WRITING),
    StepPhase(RUN, WEATHER, Phase.AUDITING),
    StepEnded(RUN, HELD_STEP),
    StepEnded(RUN, SKIPPED_STEP),
    StepEnded(RUN, PUBLISHED_STEP),
    RunEnded(HELD_RUN),
)

TELL = """
import sys
from lakeflow.cli.progress import progress
from tests.cli.test_progress import STORY
import time
with progress(sys.stderr, color=True) as tell:
    for event in STORY:
        tell(event)
        if len(sys.argv) == 0 or {slowly}:
            time.sleep(0.15)
            print("user code prints")
print("answer")
"""


def test_off_a_terminal_a_step_has_a_line_when_it_begins_and_one_when_its_audit_ended() -> None:
    lines = [text.plain for event in STORY for text in event_lines(event)]
    assert lines == [
        "Selected 4 of 9 assets: 3 to run, 1 unchanged; about 362,891 rows to read",
        "! bronze.flights appends: rows that it landed before will land again",
        "Run 01jd3k  attempt 1  branch audit_01jd3k",
        "bronze.flights  writing",
        "✓  bronze.flights  wrote  336,776  audited 1/1  s589200  1.2s  waits for the publish",
        "silver.weather  writing",
        "✗  silver.weather  wrote  26,115  audited 1/4  s931120  0.2s  HELD on audit_01jd3k",
        "–  gold.carrier_delays  skipped: upstream silver.weather held",
    ]


@pytest.mark.long
def test_off_a_terminal_progress_is_on_stderr_without_escapes_even_when_colour_is_forced_off_the_terminal() -> None:
    done = python(TELL.format(slowly=False))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "answer\n"
    assert "\x1b" not in done.stderr
    assert len(done.stderr.splitlines()) == 8
    forced = python(TELL.format(slowly=False), FORCE_COLOR="1", TERM="xterm")
    assert len(forced.stderr.splitlines()) == 8
    assert "\x1b[?25l" not in forced.stderr, "hiding the cursor is for terminals"


def test_a_terminal_is_told_what_a_plan_warns_of_before_anything_runs() -> None:
    """Such as what a full refresh takes away; the board itself shows only steps."""
    said = [text.plain for event in STORY[:1] for text in aside_lines(event)]
    assert said == ["! bronze.flights appends: rows that it landed before will land again"]


def test_a_live_board_shows_what_is_under_way_and_what_waits() -> None:
    board = Board()
    for clock, event in enumerate(STORY[:5]):
        board = board.after(event, float(clock))
    assert board_screen(board, 10.0, "*").plain.splitlines() == [
        "–  bronze.flights  passed its audit, waits for the publish  1.2s",
        "*  silver.weather  writing                                  6.0s",
        "1 waiting",
    ]


def test_a_live_board_ends_with_every_step_in_its_last_state() -> None:
    board = Board()
    for event in STORY:
        board = board.after(event, 0.0)
    lines = board_screen(board, 0.0).plain.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["✓", str(FLIGHTS), "published"],
        ["✗", str(WEATHER), "held"],
        ["–", str(DELAYS), "skipped"],
    ]


@pytest.mark.long
def test_on_a_terminal_progress_is_live_and_gone_at_the_end() -> None:
    """A real pseudo-terminal: the cursor is hidden and given back, and what user code prints scrolls above."""
    here, there = pty.openpty()
    env = {**CLEAN, "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    script = TELL.format(slowly=True)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=there, env=env)
    os.close(there)
    received = terminal.received(here)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert stdout == b"answer\n", "prints of user code stay off stdout"
    text = received.decode()
    assert text.index("\x1b[?25l") < text.index("\x1b[?25h")
    assert "auditing" in text
    assert "user code prints" in text
    assert text.rstrip().endswith("\x1b[2K") or "\x1b[2K" in text.split("\x1b[?25h")[-1]


def test_the_event_stream_is_one_json_object_a_line_and_ends_with_the_run() -> None:
    stream = io.StringIO()
    tell = event_stream(stream)
    for event in STORY:
        tell(event)
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events[:3]] == ["planned", "run_started", "step_phase"]
    assert events[2] == {"event": "step_phase", "run": "01jd3k", "asset": "bronze.flights", "phase": "writing"}
    assert events[6]["step"]["state"] == "held"
    assert events[-1]["event"] == "run_ended"
    assert events[-1]["run"]["id"] == "01jd3k"


def test_the_event_stream_of_nothing_to_do_ends_with_an_empty_run() -> None:
    stream = io.StringIO()
    nothing_to_do(stream)
    assert json.loads(stream.getvalue()) == {"event": "run_ended", "run": {"id": None, "state": None, "steps": []}}
