"""Finds the root and the settings that apply there: flag, then `LAKEFLOW_*`, then file, then default."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.machine import machine
from lakeflow.adapters.machine.moved import moved_settings
from lakeflow.core.errors import ConfigError, UsageError
from lakeflow.core.settings.settings import ENVIRONMENT, EXPECTED, Settings, make_settings
from lakeflow.core.version.salt import VARIABLE
from lakeflow.core.wording import nearest
from lakeflow.project.kept import KEPT

_ALERTS: Final = re.compile(r"^\s*\[\[\s*tool\s*\.\s*lakeflow\s*\.\s*\"?alerts\"?\s*\]\]", re.MULTILINE)
_TABLE: Final = re.compile(r"^\s*\[\s*tool\s*\.\s*lakeflow\s*\]", re.MULTILINE)
SAFE: Final = "LAKEFLOW_SAFE_DIRECTORY"
"""Roots of other owners that are accepted nevertheless, separated by `:`; `*` means all of them."""
_NOT_SETTINGS: Final = frozenset({VARIABLE, SAFE})


def find_root(start: Path) -> Path:
    """The nearest folder upwards whose `pyproject.toml` has `[tool.lakeflow]`, otherwise the nearest with `layers/`."""
    start = start.resolve()
    if not start.exists():
        raise UsageError(f"{start} does not exist", hint="name a folder of your project")
    folders = [folder for folder in (start, *start.parents) if folder.is_dir()]
    for folder in folders:
        if _declares(folder / "pyproject.toml"):
            return folder
    for folder in folders:
        if (folder / "layers").is_dir():
            return folder
    raise UsageError(
        f"no lake at {start} or above: no pyproject.toml with [tool.lakeflow], and no folder layers/",
        hint="go to your project, or begin one with `lakeflow init my-lake`",
    )


def _declares(pyproject: Path) -> bool:
    """Does the file name the table? Even a broken file marks the root then; reading its settings says what is wrong."""
    return pyproject.is_file() and bool(_TABLE.search(pyproject.read_text("utf-8", errors="replace")))


def load_settings(
    root: Path, environ: Mapping[str, str], overrides: Mapping[str, str]
) -> tuple[Settings, Mapping[str, str]]:
    """The settings of the lake at `root`, and where each key comes from.

    A source is `flag`, the name of a variable, `pyproject.toml:line`, or `default`. ConfigError names key, place and
    what is expected.
    """
    _refuse_other_owner(root, environ)
    values: dict[str, Any] = {}
    sources = dict.fromkeys(EXPECTED, "default")
    for key, value, source in (*_file(root), *_environment(environ), *_flags(overrides)):
        values[key], sources[key] = value, source
    for key, value, source in moved_settings(root, values):
        values[key], sources[key] = value, source
    if isinstance(values.get("alerts"), list):
        sources |= _alert_lines(root)
    settings = make_settings(values, sources, environ)
    return settings, sources


def _refuse_other_owner(root: Path, environ: Mapping[str, str]) -> None:
    """UsageError for a project of another owner: its files decide what runs here, and where it writes.

    As in git (https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory), a user who became root
    by sudo may also use their own earlier projects.
    """
    safe = environ.get(SAFE, "").split(os.pathsep)
    if "*" in safe or str(root) in {str(Path(place).resolve()) for place in safe if place}:
        return
    ours = {os.geteuid()}
    if os.geteuid() == 0 and environ.get("SUDO_UID", "").isdigit():
        ours.add(int(environ["SUDO_UID"]))
    for place in (root, root / "pyproject.toml"):
        if place.exists() and place.stat().st_uid not in ours:
            raise UsageError(
                f"{place} belongs to another user, whose files would run as you",
                hint=f"if you trust them: export {SAFE}={root}",
            )


def cache_folder(root: Path, settings: Settings, environ: Mapping[str, str]) -> Path | None:
    """The folder of the cache; None where neither a setting nor the user's home tells one."""
    if settings.cache_dir:
        return root / settings.cache_dir
    folder = machine.cache_folder(environ)
    return Path(folder) if folder else None


def kept_file(root: Path, settings: Settings) -> Path:
    """The file that keeps the project as it was loaded last."""
    return root / settings.state_dir / KEPT


def _flags(overrides: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    yield from ((key, value, "flag") for key, value in overrides.items())


def _environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    known = {ENVIRONMENT + key.upper(): key for key in EXPECTED}
    for name, value in environ.items():
        if name in known and value:
            yield known[name], value, name
        elif not name.startswith(ENVIRONMENT) or name in _NOT_SETTINGS | set(known):
            continue
        # A variable that is nearly a setting's would be silently without effect; others are somebody else's.
        elif meant := nearest(name, frozenset(known), cutoff=0.9):
            raise ConfigError(f"{name}: there is no such setting (environment)", hint=f"did you mean {meant!r}?")


def _file(root: Path) -> Iterator[tuple[str, Any, str]]:
    pyproject = root / "pyproject.toml"
    if not pyproject.is_file():
        return
    try:
        text = pyproject.read_text("utf-8")
        table = tomllib.loads(text).get("tool", {}).get("lakeflow", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise ConfigError(f"{pyproject} is not TOML: {error}", hint="mend the file") from error
    if not isinstance(table, dict):
        raise ConfigError(f"{pyproject}: tool.lakeflow is not a table", hint="write [tool.lakeflow] on its own line")
    for key, value in table.items():
        yield key, value, f"pyproject.toml:{_line(text, key)}"


def _alert_lines(root: Path) -> dict[str, str]:
    """Where each `[[tool.lakeflow.alerts]]` stands, by `alerts.1`, `alerts.2` and so on."""
    text = (root / "pyproject.toml").read_text("utf-8")
    lines = (text.count("\n", 0, found.end()) + 1 for found in _ALERTS.finditer(text))
    return {f"alerts.{number}": f"pyproject.toml:{line}" for number, line in enumerate(lines, start=1)}


def _line(text: str, key: str) -> int:
    """The line of a key below `[tool.lakeflow]`; where the table is written in another form, the line of the table."""
    table = _TABLE.search(text)
    start = table.end() if table else 0
    name = rf"\"?{re.escape(key)}\"?"
    spelled = rf"^\s*(?:{name}\s*[.=]|\[{{1,2}}\s*tool\s*\.\s*lakeflow\s*\.\s*{name}\s*[.\]])"
    found = re.compile(spelled, re.MULTILINE).search(text, start)
    return text.count("\n", 0, found.end() if found else start) + 1
