"""A run while it goes on: what its page shows, sent again whenever that has changed, until the run has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from starlette.responses import PlainTextResponse, Response, StreamingResponse

EVERY: Final = 1.0
"""Seconds between two looks."""
_MOST: Final = 16
"""So many browsers may follow at the same time."""
Look = Callable[[], Awaitable[tuple[str, bool]]]
"""The page's changing part as it is now, and whether it may still change."""


class FollowedRuns:
    """Who follows runs."""

    def __init__(self, every: float = EVERY, most: int = _MOST) -> None:
        self._every, self._most = every, most
        self._followers = 0

    def answer(self, look: Look) -> Response:
        if self._followers >= self._most:
            return PlainTextResponse("as many as may follow runs do\n", 503)
        return StreamingResponse(self._events(look), media_type="text/event-stream")

    async def _events(self, look: Look) -> AsyncIterator[str]:
        self._followers += 1
        try:
            before = ""
            while True:
                now, goes_on = await look()
                if now != before:
                    yield event("progress", now)
                    before = now
                if not goes_on:
                    yield event("ended", "")
                    return
                await asyncio.sleep(self._every)
        finally:
            self._followers -= 1


def event(name: str, text: str) -> str:
    """One message as the standard on server-sent events writes it: each line of the text behind `data:`."""
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
