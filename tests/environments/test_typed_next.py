"""What is said to be typed next in an environment is typed in it."""

from __future__ import annotations

import click
import pytest

from lakeflow.cli.main import cli
from lakeflow.cli.output import Answer
from lakeflow.cli.placed import placed, placed_hint
from lakeflow.cli.text import Text, line


@pytest.mark.parametrize(
    ("hint", "placed_so"),
    [
        ("mend it, then `lakeflow retry 6g`", "mend it, then `lakeflow retry --env pr_1 6g`"),
        ("`lakeflow status` or `lakeflow runs`", "`lakeflow status --env pr_1` or `lakeflow runs --env pr_1`"),
        ("`lakeflow gc --delete` frees it", "`lakeflow gc --delete` frees it"),
        ("`lakeflow env drop pr_1`", "`lakeflow env drop pr_1`"),
        ("`lakeflow status --env main`", "`lakeflow status --env main`"),
        ("`lakeflow nothing` and retry", "`lakeflow nothing` and retry"),
    ],
)
def test_a_command_that_looks_in_environments_carries_the_name(hint: str, placed_so: str) -> None:
    assert placed_hint(hint, "pr_1", click.Context(cli)) == placed_so


def test_only_the_lines_that_say_what_to_type_are_changed_and_keep_their_style() -> None:
    rows = line(("Next", "bold"), "      `lakeflow retry 6g`, or `lakeflow discard 6g`")
    shown = Text("\n").join([Text("value  `lakeflow retry 6g`"), rows])
    answer = Answer({}, shown, errors=({"hint": "`lakeflow retry 6g`"}, {"hint": None}))
    found = placed(answer, "pr_1", click.Context(cli))
    assert found.screen.plain == (
        "value  `lakeflow retry 6g`\nNext      `lakeflow retry --env pr_1 6g`, or `lakeflow discard --env pr_1 6g`"
    )
    assert [text for text, style in found.screen.pieces if style == "bold"] == ["Next"]
    assert [each["hint"] for each in found.errors] == ["`lakeflow retry --env pr_1 6g`", None]
