"""What came of examples: a screen, JSON and records, and an exit code."""

from __future__ import annotations

from collections.abc import Sequence

from lakeflow.as_json.examples import example_json
from lakeflow.cli.output import Answer, Records
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.expected.outcome import ExampleResult
from lakeflow.core.keys import AssetKey
from lakeflow.core.wording import counted

_NONE = "no asset of these has an example; docs/testing.md says how one is written"


def examples_answer(results: Sequence[ExampleResult], keys: Sequence[AssetKey]) -> Answer:
    """What came of the examples of these assets. It ends with 1 when one of them came otherwise."""
    tried = {one.asset for one in results}
    untried = [key for key in keys if key not in tried]
    data = {"examples": [example_json(one) for one in results], "without": [str(key) for key in untried]}
    code = int(any(not one.ok for one in results))
    return Answer(data, _screen(results, untried), _records(results), exit_code=code)


def _screen(results: Sequence[ExampleResult], untried: Sequence[AssetKey]) -> Text:
    """A line for each example, then how each of those differs that did not come as expected."""
    if not results:
        return line(_NONE)
    heads = align([_cells(one) for one in results])
    return screen(heads, *map(_block, (one for one in results if not one.ok)), [line(_sum(results, untried))])


def _records(results: Sequence[ExampleResult]) -> Records:
    header = ("asset", "example", "ok", "file", "line", "message")
    return header, [
        (str(one.asset), one.name, str(one.ok).lower(), one.path, str(one.line), one.message) for one in results
    ]


def _cells(one: ExampleResult) -> tuple[Text, ...]:
    return line(Mark.OK if one.ok else Mark.BAD, "  ", str(one.asset)), line(one.name)


def _block(one: ExampleResult) -> list[Text]:
    head = line((f"{one.asset}: {one.name}", "bold"), (f"  {one.path}:{one.line}", "dim"))
    rows = [line("  ", each) for each in one.difference.lines()] if one.difference else []
    hint = [line("  ", one.hint)] if one.hint else []
    return [head, line("  ", one.message), *rows, *hint]


def _sum(results: Sequence[ExampleResult], untried: Sequence[AssetKey]) -> str:
    good = sum(one.ok for one in results)
    without = f" · {counted(len(untried), 'asset')} without an example" if untried else ""
    return f"{good} of {counted(len(results), 'example')} as expected{without}"
