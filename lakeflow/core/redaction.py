"""Hides secrets in a text before a screen, a log or a message shows it.

A setting is whatever its author typed: a URL, a URL with a password that itself holds `@` or `/`, a libpq string. What
cannot be told from a secret is hidden, so a strange spelling shows too little rather than too much.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "•••"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?<![\w:/])//")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'`<>]+")
_CONTAINER: Final = re.compile(r"(?:abfs|wasb)s?://[a-z0-9-]{3,63}")
"""What stands before the `@` of a location in Azure is no login."""
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_]\w*)(:-[^}]*)?\}")
_PAIR: Final = re.compile(r"([^&;=]*)(=?)([^&;]*)([&;]?)")
_LOGIN: Final = re.compile(r"^.*:.*(?=@)", re.DOTALL)
"""The part before the `@` of a URL that lacks its `//`."""
_NAMED: Final = re.compile(
    r"(?P<name>\b[\w.-]*(?:pass|pwd|secret|token|credential|signature|api[_-]?key|access[_-]?key|auth)[\w.-]*)"
    r"(?P<between>\s*[=:]\s*)(?P<value>\"[^\"]*\"|'[^']*'|[^\s,;&]+)",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The setting for a screen: the login, every value of the query and every fragment are hidden.

    Variables stay as they are written; the default of a variable (`${PASSWORD:-hunter2}`) counts as a value. The path
    is shown. Everything before the last `@` counts as the login, since a password may hold any character.
    """
    scheme = _SCHEME.search(text)
    if scheme is None:
        text = _LOGIN.sub(lambda found: _login(found[0]), text)
        return _NAMED.sub(lambda found: found["name"] + found["between"] + secret(found["value"]), text)
    before, rest = text[: scheme.end()], text[scheme.end() :]
    # `sqlite:////data/a@b.db` names no server, so nobody logs in.
    login, at, place = ("", "", rest) if rest.startswith("/") else rest.rpartition("@")
    if _cut(login)[1]:  # the `@` may belong to a password with `?`, or to a value of the query: nobody can tell
        return before + HIDDEN
    path, mark, query = _cut(place)
    shown = login if _CONTAINER.fullmatch(before + login) else _login(login)
    return before + shown + at + _default_hidden(_place(path)) + mark + _query(mark, query)


def redacted_message(text: str) -> str:
    """A sentence with every URL in it redacted. All other text stays as it was written."""
    return _URL.sub(lambda found: _redacted_url(found[0]), text)


def secret(text: str) -> str:
    """A text that is a secret as a whole: only the names of its variables are shown."""
    if _VARIABLE.sub("", text):
        return HIDDEN
    return _default_hidden(text)


def _redacted_url(text: str) -> str:
    """The URL without its secrets. In `https://host/a?b=c).` the closing marks belong to the sentence."""
    url = text.rstrip(").,;:!]}…") if "${" not in text else text
    return redacted(url) + text[len(url) :]


def _covered(text: str) -> str:
    """The text with letters in place of variables, whose defaults may hold any mark."""
    return _VARIABLE.sub(lambda found: "v" * len(found[0]), text)


def _cut(place: str) -> tuple[str, str, str]:
    """Cut the text at its query, its fragment or JDBC's `;name=value`: what stands before, the mark, and the rest.
    `${A:-b?c}` has no such part.
    """
    covered = _covered(place)
    at = next((index for index, letter in enumerate(covered) if letter in "?#;"), None)
    return (place, "", "") if at is None else (place[:at], place[at], place[at + 1 :])


def _place(path: str) -> str:
    """The hosts, ports and path of a URL."""
    end = f"{_covered(path)}/".index("/")
    return ",".join(map(_host, path[:end].split(","))) + path[end:]


def _host(text: str) -> str:
    """A host and port. `me:password/name` in their place shows nothing: a port is a number or a variable."""
    covered = _covered(text)
    colon = covered.find(":", covered.find("]") + 1)
    if colon < 0 or re.fullmatch(r"\d*", covered[colon + 1 :]):
        return text
    return text[: colon + 1] + secret(text[colon + 1 :])


def _login(text: str) -> str:
    """A login with user and password hidden; parts that consist of variables are shown."""
    return (
        ":".join(secret(part) if part else "" for part in text.split(":")) if _is_plain(text) else HIDDEN * bool(text)
    )


def _is_plain(text: str) -> bool:
    """May the text be split at its colon? A colon inside a variable's default does not count."""
    return ":" not in _VARIABLE.sub("", text).replace(":", "", 1) and not re.search(r":-", text)


def _query(mark: str, text: str) -> str:
    if mark == "#":
        return HIDDEN * bool(text)
    return _PAIR.sub(lambda found: _pair(*found.groups()), text)


def _pair(name: str, equals: str, value: str, end: str) -> str:
    if not equals:  # `?token` may be the token itself
        return (secret(name) if name else "") + end
    return f"{name}={secret(value) if value else ''}{end}"


def _default_hidden(text: str) -> str:
    return _VARIABLE.sub(lambda found: f"${{{found[1]}:-{HIDDEN}}}" if found[2] else found[0], text)
