"""Markdown as a page shows it, read by a parser that is not ours: tables as rows of texts, and the HTML around."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

from markdown_it import MarkdownIt

_PARSER: Final = MarkdownIt("commonmark", {"html": True, "linkify": True}).enable(["table", "linkify", "strikethrough"])
OURS: Final = re.compile(
    r"</?(?:table|thead|tbody|tr|th|td|code|em|p|h3|h4|ul|li|details|summary)(?: style=\"text-align:right\")?>|<!-- -->"
)
"""All HTML that a comment may have."""


def html(text: str) -> str:
    return str(_PARSER.render(text))


def strange(text: str) -> list[str]:
    """Every tag of the page that no comment of ours has."""
    return re.findall(r"<[^>]*>", OURS.sub("", html(text)))


def rows(text: str) -> list[list[str]]:
    """The cells of all rows of all tables."""
    found = re.findall(r"<tr>(.*?)</tr>", html(text), re.DOTALL)
    return [[shown(each) for each in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in found]


def shown(part: str) -> str:
    """What a reader sees of a piece of HTML."""
    return unescape(re.sub(r"<[^>]*>", "", part)).replace("\xa0", " ")


def nodes(text: str) -> list[str]:
    """The text nodes of the page, in which GitHub and GitLab look for mentions, references and links."""
    return [unescape(each) for each in re.split(r"<[^>]*>", html(text))]
