"""The code blocks of a Markdown page, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_CAPTION = re.compile(r"\*\*`(?P<path>[^`]+)`\*\*[^\n]*\n$")
_IDS = re.compile(r"(?:(?<=Run )|(?<=audit_)|(?<=run ))[0-9a-z]{10}\b|\bs\d{6}\b")
_CHANCE = (
    (r"\b[0-9a-z]{10}\b(?=[`\s,\".:]|$)", "RUN"),
    (r"audit_[0-9a-z]{10}", "audit_RUN"),
    (r"\bs\d{6}\b", "SNAPSHOT"),
    (r"\b\d{15,19}\b", "SNAPSHOT"),
    (r"\b[0-9a-f]{64}\b", "VERSION"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
    (r"\b[0-9a-f]{6} → [0-9a-f]{6}\b", "VERSION → VERSION"),
    (r"code [0-9a-f]{6}\b", "code VERSION"),
    (r'"seconds": [\d.]+', '"seconds": TIME'),
    (r"it took [\d.]+ s on \d+ cores?, [\d.]+ s of processor time: [\d.]+ core-seconds idle, [\d.]+%", "it took TIME"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+(\+00:00|Z)", "TIME"),
    (r"\bkept until \d{4}-\d\d-\d\d\b", "kept until DATE"),
    (r"\b(since|at) (\d{4}-\d\d-\d\d )?\d\d:\d\d\b", r"\1 TIME"),
    (r"\b\d+(\.\d+)?( ?(ms|s|min|h|d))\b( (old|ago))?", "TIME"),
    (r"\bsince (\d{4}-\d\d-\d\d )?\d\d:\d\d\b", "since TIME"),
    (r"[ \t]+", " "),
    (r"SNAPSHOT TIME(?= \w)", "SNAPSHOT"),  # a step that took no time to speak of says none
)


@dataclass(frozen=True)
class Block:
    """`path` is the file that the caption above the block names; empty where there is none."""

    language: str
    text: str
    path: str = ""


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        caption = _CAPTION.search(text[: fence.start()])
        found.append(Block(fence["language"], fence["text"], caption["path"] if caption else ""))
    return found


def commands_of(console: str) -> list[tuple[str, str]]:
    """`$ command` lines of a console block, each with the output printed below it."""
    parts = re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def ids_of(screen: str) -> list[str]:
    """The ids of runs and snapshots on a screen, in order."""
    return _IDS.findall(screen)


def without_chance(screen: str) -> str:
    """A screen without what differs from run to run: ids, durations, ages, and the padding that follows from them."""
    for pattern, word in _CHANCE:
        screen = re.sub(pattern, word, screen)
    return "\n".join(line.rstrip() for line in screen.strip().splitlines())
