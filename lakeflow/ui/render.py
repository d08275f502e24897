"""Pages as HTML. Every text is escaped by the engine itself, and what does not show is spelled out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from lakeflow.core.displayed import printable
from lakeflow.core.glance.chart import polyline
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import age, counted
from lakeflow.core.words import count, in_rows, percent, readers_see, scope_said, seconds
from lakeflow.ui.page import typed

_MARKS: Final = {"ok": "✓", "bad": "✗", "warn": "!", "none": "–"}
_LOOKS: Final = {
    **dict.fromkeys(("published", "passed", "audited", "unchanged", "healthy", "fresh", "forced"), "ok"),
    **dict.fromkeys(("held", "failed", "errored", "conflict", "degraded", "broken", "late"), "bad"),
    **dict.fromkeys(("abandoned", "warning", "stale", "unruled", "written", "unaudited"), "warn"),
}
_LONGEST: Final = 1_000
"""So many characters of a cell are shown. The twin of the page has all."""


def text(value: object) -> object:
    """What stands in the page for a value: its text in one line."""
    return value if isinstance(value, Markup) else printable(str(value))


def lines(value: str) -> str:
    """A text of several lines, each with what does not show spelled out."""
    return Markup("\n").join(printable(line) for line in value.expandtabs(4).splitlines())


def look(state: object) -> str:
    return _LOOKS.get(str(state), "none")


def mark(kind: str) -> Markup:
    """The sign of a look, with its colour: never the colour alone."""
    return Markup('<span class="{}" aria-hidden="true">{}</span>').format(kind, _MARKS[kind])


def cell(value: object) -> object:
    if value is None:
        return Markup('<span class="null">NULL</span>')
    whole = str(value)
    if len(whole) <= _LONGEST:
        return text(value)
    cut = Markup('{} <span class="null">… of {} characters</span>')
    return cut.format(text(whole[:_LONGEST]), count(len(whole)))


@pass_context
def _typed(context: Context, words: tuple[str, ...]) -> str:
    """As somebody types it to be where the page looks."""
    return typed(words, context["environment"])


@lru_cache(1)
def environment() -> Environment:
    folder = files("lakeflow.ui").joinpath("templates")
    texts = {each.name: each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.endswith(".html")}
    made = Environment(
        loader=DictLoader(texts),
        autoescape=True,
        finalize=text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "counted": counted,
        "count": count,
        "in_rows": in_rows,
        "short": short_id,
        "duration": seconds,
        "scope": lambda check: "; ".join(scope_said(check)),
        "lines": lines,
        "look": look,
        "mark": mark,
        "cell": cell,
        "typed": _typed,
        "capitalize_first": lambda said: said[:1].upper() + said[1:],
        "words": lambda state: str(state).replace("_", " "),
        "json_text": json.dumps,
        "utc": lambda at: f"{at:%Y-%m-%d %H:%M:%S} UTC",
    }
    made.globals |= {"polyline": polyline, "percent": percent}
    return made


def render(template: str, values: dict[str, Any]) -> str:
    """The page as it stands now: ages are counted from this moment."""
    now = datetime.now(UTC)

    def since(at: datetime | None) -> str:
        return "" if at is None else age(at, now)

    def still_see(status: Any) -> str:
        return readers_see(status, now)

    return environment().get_template(template).render(now=now, since=since, still_see=still_see, **values)
