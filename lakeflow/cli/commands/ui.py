"""The command `ui`: the lake in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from lakeflow.cli.commands.options import env_option
from lakeflow.cli.output import Answer, OutputFormat
from lakeflow.cli.session import Session, answers
from lakeflow.cli.text import line
from lakeflow.core.errors import ConfigError
from lakeflow.core.wording import counted

PORT: Final = 9318


@click.command(
    epilog="Example: `lakeflow ui --open`. It changes nothing without --actions. Another address than this machine's "
    "own needs a token in LAKEFLOW_UI_TOKEN, and TLS."
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to answer.")
@click.option(
    "--port",
    default=PORT,
    show_default=True,
    type=click.IntRange(0, 65_535),
    metavar="N",
    help="On which port; 0 is any that is free.",
)
@click.option("--open", "opens", is_flag=True, help="Open it in a browser.")
@click.option("--actions", is_flag=True, help="Let runs be tried again, published, discarded and taken back there.")
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="How long rows, comparisons and queries may take.",
)
@click.option("--tls-cert", metavar="FILE", help="A certificate, as PEM.")
@click.option("--tls-key", metavar="FILE", help="Its key, as PEM.")
@click.option("--insecure", is_flag=True, help="Answer others without TLS: a proxy that has it stands before.")
@click.option("--build", "directory", metavar="DIR", help="Write the pages without rows as files, and end.")
@env_option
@answers(OutputFormat.TABLE, OutputFormat.JSON)
def ui(session: Session, **asked: Any) -> Answer:
    """Show the lake in a browser: health, held runs, lineage, rows."""
    if (asked["tls_cert"] is None) != (asked["tls_key"] is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    try:
        from lakeflow.ui import server  # noqa: PLC0415 - help must not pay for it
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    tls = server.Certificate(asked["tls_cert"], asked["tls_key"]) if asked["tls_cert"] else None
    options = server.UiOptions(
        session.project,
        session.placed,
        asked["host"],
        asked["port"],
        tls,
        insecure=asked["insecure"],
        opens=asked["opens"],
        acts=asked["actions"],
        seconds=asked["timeout"],
    )
    session.hush()
    if asked["directory"] is not None:
        return _built(server.build(options, Path(asked["directory"])), Path(asked["directory"]))
    address = server.show(options, _say)
    return Answer({"ui": {"address": address, "built": None}}, line(f"{address} is shown no more"))


def _built(written: Sequence[Path], directory: Path) -> Answer:
    pages = sum(path.suffix == ".html" for path in written)
    told = {"directory": str(directory), "files": len(written)}
    return Answer({"ui": {"address": None, "built": told}}, line(f"{counted(pages, 'page')} in {directory}"))


def _missing(error: ModuleNotFoundError) -> ConfigError:
    return ConfigError(
        f"`lakeflow ui` needs {error.name}, which is not installed", hint='`pip install "lakeflow-wap[ui]"` installs it'
    )


def _say(text: str) -> None:
    click.echo(text, err=True)
