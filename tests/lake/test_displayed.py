"""What a notebook and a prompt show of a lake and of what it answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakeflow
import lakeflow.lake.assembly  # so that audits of SQL alone need no process (tests/auditing.py)
from lakeflow.as_html.values import OpenLake, html
from lakeflow.core.compare.columns import SchemaChange, TypedColumn
from lakeflow.core.compare.comparison import ColumnChange, Comparison, RowCounts, Samples, Side
from lakeflow.core.displayed import Displayed, display_as, printable
from lakeflow.core.drawing.names import readable
from lakeflow.core.keys import AssetKey
from lakeflow.core.listings import Comparisons, Lineage, Runs, Snapshots, Statuses
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import Action, CheckResult, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.model.table import Rows
from lakeflow.core.plan.planning import Held, Plan, Step
from lakeflow.core.plan.reasons import Cause, Reason
from lakeflow.core.view.rows import AssetState, AssetStatus, LineageNode, SnapshotRow, SnapshotState
from lakeflow.lake.lake import Lake

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY, UP = AssetKey.parse("gold.shops"), AssetKey.parse("silver.sales")
ALLOWED = {
    "div",
    "style",
    "p",
    "b",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "svg",
    "g",
    "text",
    "path",
    "rect",
    "circle",
    "title",
}
HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=y>\x1b[31m\u202e"


class _Page(HTMLParser):
    """The tags, the attributes and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.texts = set[str](), set[str](), list[str]()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _values(text: str) -> Iterator[object]:
    """Every kind of answer, with that text wherever an answer has one that is not ours."""
    status = AssetStatus(KEY, AssetState.STALE, (text,), 44, 3, NOW)
    check = CheckResult(text, Outcome.FAILED, detail=text, path=text)
    step = StepRecord(KEY, state=StepState.HELD, reason=text, snapshot_id=44, rows=3, checks=(check,))
    run = RunRecord(text, RunState.HELD, NOW, steps=(step,), actor=text, reason=text)
    yield Plan(
        (Step(KEY, Action.WRITE, (Reason(Cause.WAITS, after=text),)),),
        (UP,),
        warnings=(text,),
        held=(Held(UP, text, NOW, text),),
    )
    yield run
    yield Runs((run,))
    yield Snapshots((SnapshotRow(44, text, SnapshotState.HELD, NOW, text, 3, 1, text, passed=1, checks=2),))
    below = LineageNode(replace(status, asset=UP), sources=(text,))
    yield Lineage((LineageNode(status, (below,)),))
    yield Statuses((status,))
    rows = Rows((text, "b"), ((text, None),))
    change = SchemaChange(added=(TypedColumn(text, text),), removed=(TypedColumn(text, text),))
    found = Comparison(
        KEY,
        Side(text, 1),
        Side(text, 2),
        change,
        RowCounts(1, 2, 1),
        (ColumnChange(text, 1, 2),),
        (),
        Samples(rows, rows, rows, rows),
    )
    yield found
    yield Comparisons((found, found))
    yield OpenLake(text, text, Statuses((status,)), text)


@given(st.text(min_size=1, max_size=12) | st.just(HOSTILE))
def test_every_text_is_shown_as_text_and_as_nothing_else(text: str) -> None:
    """No tag, no attribute and no address comes from a value, and no page has a script or asks for anything."""
    for value in _values(text):
        page = html(value)
        assert page is not None
        read = _Page(page)
        assert read.tags <= ALLOWED
        assert not {name for name in read.attributes if name.startswith("on") or name in {"src", "href", "style"}}
        shown = readable(text) if isinstance(value, Lineage) else printable(text)
        assert any(shown in each for each in read.texts), type(value)
        asked = page.replace("http://www.w3.org/2000/svg", "").replace(_escaped(text), "")
        assert not re.search(r"https?:|url\(|@import|javascript:", asked)


def _escaped(text: str) -> str:
    from html import escape

    return escape(printable(text))


@given(st.text(max_size=12) | st.just(HOSTILE))
def test_a_prompt_shows_lines_that_act_on_no_terminal(text: str) -> None:
    for value in _values(text):
        if not isinstance(value, OpenLake):
            assert all(line.isprintable() for line in repr(value).split("\n")), type(value)


def test_a_prompt_shows_an_answer_as_one_reads_it() -> None:
    plan, run, _, snapshots, lineage, *_ = _values("why")
    assert repr(plan).splitlines() == [
        "1 to run, 1 held already, 1 unchanged",
        "gold.shops    write  will be held: why",
        "silver.sales  held   why",
        "silver.sales  fresh",
    ]
    assert repr(run).splitlines() == ["Run why held, 1 step", "gold.shops  held  3 rows  why"]
    assert repr(snapshots) == "s44  why  held  2026-03-01 12:00:00  why  3 rows  (+1)  1/2 checks  run why"
    assert repr(lineage).splitlines() == ["gold.shops  stale", "  silver.sales  stale  ← why"]


def test_an_answer_of_many_values_is_a_tuple() -> None:
    row = SnapshotRow(44, None, SnapshotState.PUBLISHED, NOW, "append", 3)
    assert Snapshots((row,)) == (row,)
    assert (Snapshots(), repr(Snapshots()), repr(Runs()), repr(Lineage())) == (
        (),
        "no snapshots",
        "no runs",
        "no lineage",
    )
    assert html(Lineage()) is None


def test_a_thousand_assets_are_drawn_each_once() -> None:
    status = AssetStatus(KEY, AssetState.FRESH)
    ups = tuple(LineageNode(replace(status, asset=AssetKey.parse(f"silver.s{n}"))) for n in range(1_000))
    page = html(Lineage((LineageNode(status, ups), LineageNode(replace(status, asset=UP), ups[:1]))))
    assert page is not None
    assert page.count('<g class="box') == 1_002
    assert page.count('<path class="edge"') == 1_001


FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/people.sql": (
        "select i as id, 'canary' || i || '@x.example' as email, '<b>' || i as \"<i>name</i>\" from range(3) t(i)\n"
    ),
    "layers/silver/ids.sql": "/*\nkey = ['id']\n*/\nselect id from bronze.people\n",
}


PERSONAL = "/*\n[columns.email]\npii = true\n*/\n"


def _project(root: Path, header: str = "") -> Path:
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(header + text if name.startswith("layers/bronze") else text, "utf-8")
    return root


def _shown(value: object) -> str:
    page = value._repr_html_() if isinstance(value, Displayed | Lake) else None
    assert page is not None
    assert page.startswith('<div class="lakeflow-shown"><style>')
    return page


def _pages(lake: Lake) -> list[str]:
    lake.materialize()
    run = lake.runs()[0]
    shown = [lake, lake.plan(), run, lake.runs(), lake.snapshots("bronze.people"), lake.lineage(), lake.status()]
    return [_shown(value) for value in (*shown, lake.diff("bronze.people"), lake.diff_run(run.id))]


@pytest.mark.long
def test_a_lake_and_its_answers_show_themselves_to_a_notebook(tmp_path: Path) -> None:
    """No tag comes from a name or a cell."""
    with lakeflow.open(_project(tmp_path)) as lake:
        pages = _pages(lake)
        assert repr(lake) == f"Lake({lake.project.root!r}, 2 assets)"
    assert not [page for page in pages if "<i>" in page or "<b>0" in page]
    assert "canary1@x.example" in pages[-2]
    assert "&lt;i&gt;name&lt;/i&gt;" in pages[-2]
    assert "<svg" in pages[5]
    assert "bronze.people" in pages[0]


@pytest.mark.long
def test_personal_values_stay_out_of_a_notebook(tmp_path: Path) -> None:
    with lakeflow.open(_project(tmp_path, PERSONAL)) as lake:
        assert not [page for page in _pages(lake) if "canary" in page]


def test_a_lake_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """A cell of a notebook ends with a page, not with a trace."""
    (_project(tmp_path) / ".lakeflow").mkdir()
    (tmp_path / ".lakeflow/catalog.db").write_text("no database")
    with lakeflow.open(tmp_path) as opened:
        assert "the lake cannot be read" in _shown(opened)


def test_without_an_open_lake_a_value_is_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Displayed, "as_html", staticmethod(lambda _: None))
    assert Plan(())._repr_html_() is None
    display_as(html)
    assert Plan(())._repr_html_() is not None
