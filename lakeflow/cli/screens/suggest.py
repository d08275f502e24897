"""Suggested checks as JSON and records, and what is said beside the file that they would stand in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lakeflow.as_json.values import id_text, iso
from lakeflow.cli.output import Records
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.suggest.proposal import Proposal
from lakeflow.core.suggest.suggestion import Suggestion
from lakeflow.core.suggest.text import code
from lakeflow.core.wording import counted

_HEADER = ("check", "topic", "columns", "severity", "close", "evidence", "code")


def suggested_json(found: Suggestion, *, written: bool) -> dict[str, Any]:
    return {
        "asset": str(found.asset),
        "path": found.path,
        "history": [
            {"snapshot_id": id_text(each.snapshot_id), "committed_at": iso(each.committed_at), "rows": each.rows}
            for each in found.history
        ],
        "proposals": [_json(each) for each in found.proposals],
        "dropped": [{"name": name, "reason": reason} for name, reason in found.dropped],
        "text": found.text,
        "refusal": found.refusal,
        "written": written,
    }


def suggested_records(found: Suggestion) -> Records:
    rows: list[tuple[str, ...]] = [
        (
            each.name,
            str(each.topic),
            " ".join(each.columns),
            str(each.severity),
            str(each.close).lower(),
            each.evidence,
            _code(each),
        )
        for each in found.proposals
    ]
    return _HEADER, rows


def written_screen(found: Suggestion) -> Text:
    if not found.proposals:
        return screen([line(Mark.SAME, f" {found.path} stays as it is: there is nothing to suggest")])
    lines = align([(line("  ", each.name), line((each.evidence, "dim"))) for each in found.proposals])
    return screen([line(Mark.OK, f" wrote {counted(len(found.proposals), 'check')} to {found.path}"), *lines])


def notes(found: Suggestion) -> Iterator[str]:
    """What a person should know beside the text: on stderr, so that the file can be redirected."""
    tried = counted(len(found.history), "snapshot")
    yield f"{counted(len(found.proposals), 'check')} for {found.path}; each holds on the last {tried}"
    close = [each.name for each in found.proposals if each.close]
    if close:
        yield f"close to failing: {', '.join(close)}"
    if found.refusal:
        yield f"{found.refusal}: put these lines into it"


def _json(each: Proposal) -> dict[str, Any]:
    return {
        "name": each.name,
        "topic": str(each.topic),
        "columns": list(each.columns),
        "severity": str(each.severity),
        "evidence": each.evidence,
        "close": each.close,
        "code": _code(each),
    }


def _code(each: Proposal) -> str:
    return code(each).strip().removesuffix(",")
