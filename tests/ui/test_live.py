"""A run that is followed in the browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from lakeflow.ui.live import FollowedRuns, event


def told(live: FollowedRuns, seen: list[tuple[str, bool]]) -> str:
    """All that a browser is sent while a page changes so."""
    left = iter(seen)

    async def look() -> tuple[str, bool]:
        return next(left)

    async def all_of_it() -> str:
        answer = live.answer(look)
        assert isinstance(answer, StreamingResponse)
        return "".join([str(part) async for part in answer.body_iterator])

    return asyncio.run(all_of_it())


def test_what_has_changed_is_sent_and_the_end_ends_it() -> None:
    said = told(FollowedRuns(every=0), [("writes", True), ("writes", True), ("audits\nit", True), ("published", False)])
    assert said == (
        "event: progress\ndata: writes\n\n"
        "event: progress\ndata: audits\ndata: it\n\n"
        "event: progress\ndata: published\n\n"
        "event: ended\ndata: \n\n"
    )


def test_no_text_of_a_page_begins_another_event() -> None:
    assert event("progress", "a\r\nevent: ended\rdata: x\u2028") == (
        "event: progress\ndata: a\ndata: event: ended\ndata: data: x\n\n"
    )


def test_no_more_than_so_many_follow_at_once_and_who_leaves_makes_room() -> None:
    live = FollowedRuns(every=0, most=1)

    async def look() -> tuple[str, bool]:
        assert live.answer(look).status_code == 503
        return "", False

    async def follow() -> None:
        answer = live.answer(look)
        assert isinstance(answer, StreamingResponse)
        assert [part async for part in answer.body_iterator]

    asyncio.run(follow())
    asyncio.run(follow())


def test_a_run_that_has_ended_is_told_at_once(pages: TestClient, held: tuple[Path, str]) -> None:
    said = pages.get(f"/runs/{held[1]}/events")
    assert said.headers["content-type"].startswith("text/event-stream")
    assert "What failed in" in said.text
    assert said.text.endswith("event: ended\ndata: \n\n")
    assert pages.get("/runs/zzz/events").status_code == 404
