"""A forge beside a test: what `gh` and GitLab's API answer; and the scripts of workflows as a runner executes them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from ruamel.yaml import YAML

GITHUB, GITLAB = ".github/workflows/lake.yml", ".gitlab-ci.yml"
BOT: Final = "github-actions[bot]"
TOKEN: Final = "a-token-of-the-project"
MARK: Final = "<!-- lakeflow -->"

_GH = """#!{python}
import json, os, re, sys
place, said = os.environ["FORGE"], sys.argv[1:]
state = json.load(open(place))
if said[:2] == ["pr", "view"]:
    if said[2] not in state["requests"]:
        sys.exit("no such pull request")
    print(*state["requests"][said[2]])
elif "--jq" in said:
    number = re.fullmatch(r"repos/o/r/issues/(\\d+)/comments", said[2])[1]
    who, begin = re.search(r'login == "(.*?)".*startswith\\("(.*?)"\\)', said[-1]).groups()
    mine = (each for each in state["comments"] if each["on"] == number and each["by"] == who)
    print(*(each["id"] for each in mine if each["body"].startswith(begin)), sep="\\n")
else:
    body = open(said[-1].removeprefix("body=@")).read()
    *_, method, path, _flag, _file = said
    if method == "POST":
        number = re.fullmatch(r"repos/o/r/issues/(\\d+)/comments", path)[1]
        state["comments"].append(dict(id=len(state["comments"]) + 1, by="{bot}", on=number, body=body))
    else:
        number = int(re.fullmatch(r"repos/o/r/issues/comments/(\\d+)", path)[1])
        state["comments"][number - 1]["body"] = body
    json.dump(state, open(place, "w"))
"""


class Forge:
    """Its state is a file. `requests` are pull requests by number: how each stands, and the commit of its merge."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self.place = folder / "forge.json"
        self.place.write_text(json.dumps({"requests": {}, "comments": []}))
        self.command("gh", _GH.format(python=sys.executable, bot=BOT))

    def command(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.place.read_text())
        return found

    def set(self, number: int, state: str, commit: str = "") -> None:
        now = self.state
        now["requests"][str(number)] = [state, commit]
        self.place.write_text(json.dumps(now))

    def say(self, number: int, by: str, body: str) -> None:
        now = self.state
        now["comments"].append({"id": len(now["comments"]) + 1, "by": by, "on": str(number), "body": body})
        self.place.write_text(json.dumps(now))

    def comments(self, number: int, by: str = BOT) -> list[str]:
        return [each["body"] for each in self.state["comments"] if (each["on"], each["by"]) == (str(number), by)]


def steps_of(root: Path, job: str, values: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
    """The scripts of a job of GitHub's workflow with their variables; what installs is left out."""
    steps = _read(root / GITHUB)["jobs"][job]["steps"]
    return [
        (step["run"], {name: _value(text, values) for name, text in step.get("env", {}).items()})
        for step in steps
        if "run" in step and "pip install" not in step["run"]
    ]


def script_of(root: Path, job: str) -> str:
    """The script of a job of GitLab's."""
    (script,) = _read(root / GITLAB)[job]["script"]
    return str(script)


def _read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def _value(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: values.get(found[1], ""), text)


def bash(script: str, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """As both runners do: a command that fails ends the script."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=cwd, env=env, text=True, capture_output=True, check=False, timeout=300)


def environment(forge: Forge, **more: str) -> dict[str, str]:
    """That of a runner: nothing of this process but where commands are."""
    path = os.pathsep.join([str(forge.bin), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {"PATH": path, "HOME": str(forge.bin.parent), "FORGE": str(forge.place), **more}


@contextmanager
def gitlab(forge: Forge) -> Iterator[str]:
    """GitLab's API over HTTP, as far as the workflow asks it; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

        def do_GET(self) -> None:
            answer = self._found()
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def do_POST(self) -> None:
            body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["body"][0]
            _, _, _, number, *_, last = self.path.strip("/").split("/")
            state = forge.state
            if self.command == "POST":
                forge.say(int(number), BOT, body)
            else:
                state["comments"][int(last) - 1]["body"] = body
                forge.place.write_text(json.dumps(state))
            self.send_response(200)
            self.end_headers()

        do_PUT = do_POST  # noqa: N815 - the server's own name

        def _found(self) -> Any:
            if self.headers["PRIVATE-TOKEN"] != TOKEN:
                return None
            if self.path == "/user":
                return {"id": 1}
            _, _, _, number, *notes = self.path.partition("?")[0].strip("/").split("/")
            if notes:
                said = [each for each in forge.state["comments"] if each["on"] == number]
                ids = {BOT: 1}
                return [{"id": one["id"], "author": {"id": ids.get(one["by"], 2)}, "body": one["body"]} for one in said]
            state, commit = forge.state["requests"].get(number, (None, None))
            if state is None:
                return None
            return {"state": state.lower(), "merge_commit_sha": None, "squash_commit_sha": commit or None, "sha": "0"}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
