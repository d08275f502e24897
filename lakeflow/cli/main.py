"""The console script `lakeflow`. Help must answer within 0.3 s, so until a command is known only click is imported."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "init": ("care:init", "Make a new project with a small sample in it, ready to materialize."),
    "check": ("project:check", "Load all files, look up what their SQL names, and report the faults; touches no data."),
    "test": ("project:test", "Run the examples of assets: their code on given rows; touches no lake."),
    "list": ("project:list_assets", "List the assets."),
    "plan": ("project:plan", "Say what would run, and why; touches nothing."),
    "preview": ("look:preview", "Compute an asset and show its first rows; writes nothing."),
    "materialize": ("runs:materialize", "Write, audit and publish what is not fresh."),
    "serve": ("serve:serve", "Keep the lake as declared until told to end: run what is due, go on with what broke."),
    "ui": ("ui:ui", "Show the lake in a browser: health, held runs, lineage, rows."),
    "backfill": ("backfill:backfill", "Build the partitions of a span of time, oldest first."),
    "status": ("look:status", "Say how the assets stand, what needs a decision first."),
    "audit": ("audits:audit", "Run today's checks on what stands already; writes and records nothing."),
    "suggest": ("audits:suggest", "Suggest checks for an asset from its own past, as the text of a check file."),
    "mutate": ("audits:mutate", "Corrupt copies of an asset, one fault each, and say what its checks let through."),
    "publish": ("runs:publish", "Audit the held snapshots of a run again and publish what passes."),
    "discard": ("runs:discard", "Drop what runs wrote and did not publish."),
    "retry": ("runs:retry", "Go on with runs that were not published, over their unpublished steps."),
    "rollback": ("runs:rollback", "Take a published run back, or some of its tables."),
    "unland": ("runs:unland", "Take landed files out again, with all that was made from them."),
    "tag": ("tags:tag", "Name what readers see of all tables, for as long as somebody wants it."),
    "adopt": ("tables:adopt", "Audit an Iceberg table that exists and make it the asset's, as it stands."),
    "drop": ("tables:drop", "Take a table that no asset defines any more out of the catalog."),
    "compact": ("tables:compact", "Move the rows of small files into fewer ones, and merge manifests."),
    "gc": ("tables:gc", "Say which files nothing needs any more, or remove them."),
    "env": (
        "environments.env:env",
        "Say which environments there are and what was built in them; promote, refresh or remove one.",
    ),
    "runs": ("look:runs", "List the runs, newest first, or show one."),
    "log": ("past.log:log", "Show what readers came to see, newest first: versions, what changed, and why."),
    "impact": ("past.impact:impact", "Show what came of a snapshot: all that read it, and what readers see of that."),
    "snapshots": ("look:snapshots", "Show the snapshots of an asset, newest first."),
    "show": ("look:show", "Show the first rows of an asset, or (--failing) those that fail its checks."),
    "replay": ("explain.replay:replay", "Run the recorded code of a snapshot on its recorded inputs."),
    "diff": ("explain.diff:diff", "Compare two states of an asset: its columns, its rows, and what changed in them."),
    "parity": (
        "explain.parity:parity",
        "Run the SELECT of an asset on DuckDB and on Spark, and say where they differ.",
    ),
    "query": ("ask.query:query", "Answer one SELECT over the assets."),
    "export": ("ask.export:export", "Copy tables of one moment to Parquet files or one DuckDB file."),
    "quarantine": ("quarantine:quarantine", "Show the rows that checks refuse, or write back those that pass now."),
    "alerts": ("alerts:alerts", "Say what was told to whom and what waits; test the addresses; send what waits."),
    "verify": ("verify:verify", "Say whether each snapshot on main is proven, each file there, each record true."),
    "lineage": ("explain.lineage:lineage", "Show what was made from what: assets, snapshots, columns."),
    "backup": ("care:backup", "Copy the lake, as it is at one moment, to a folder that is new or empty."),
    "migrate": ("care:migrate", "Move an embedded lake to PostgreSQL, all of it or nothing."),
    "doctor": ("care:doctor", "Say what is wrong with this machine or this lake, and what to type."),
    "config": ("project:config", "Show every setting, and where it came from."),
}
"""Command → where it is defined, and its line in the help, which must be known without importing the command."""


class LazyGroup(click.Group):
    """Imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"lakeflow.cli.commands.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell asks for it

        named = [(name, summary) for name, (_, summary) in COMMANDS.items() if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)  # the group's own would import every command
        return [*(CompletionItem(name, help=summary) for name, summary in named), *options]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(name, COMMANDS, n=1)
            ctx.fail(f"no command {name!r}" + (f"; did you mean `lakeflow {near[0]}`?" if near else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lakeflow-wap", prog_name="lakeflow")
@click.option("-C", "--project", default=".", metavar="DIR", help="Any directory of the project.  [default: .]")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting; may be repeated.")
@click.option("--no-color", is_flag=True, help="No colour at all, as NO_COLOR=1.")
@click.pass_context
def cli(context: click.Context, project: str, settings: tuple[str, ...], no_color: bool) -> None:
    """Audited lakehouse assets on Apache Iceberg: no bad row ever reaches a reader."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        return
    from lakeflow.cli.session import Session  # noqa: PLC0415 - help must not pay for it

    context.obj = Session(project, _pairs(settings), color=not no_color, debug=_debug())


def main() -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(100_000)  # what imports create stays: searching it for garbage takes a tenth of a short command
    code = run(sys.argv[1:])
    gc.freeze()  # and searching it when the process ends would take another 0.1 s
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; the exit code is a contract (0, 1, 2, 3, 4, 130)."""
    try:
        code = cli.main(list(arguments), prog_name="lakeflow", standalone_mode=False)
    except BaseException as error:  # noqa: BLE001 - the outermost boundary: whatever it is becomes an exit code
        return _fail(error, arguments)
    return code if isinstance(code, int) else 0


def _fail(error: BaseException, arguments: Sequence[str]) -> int:
    if isinstance(error, SystemExit):
        raise error
    from lakeflow.cli.failure import report  # noqa: PLC0415 - an answer that went well needs none of it

    if _debug() and not isinstance(error, (KeyboardInterrupt, click.ClickException, click.Abort)):
        sys.excepthook(type(error), error, error.__traceback__)
    return report(error, arguments, COMMANDS)


def _pairs(settings: Sequence[str]) -> dict[str, str]:
    for setting in settings:
        if "=" not in setting:
            raise click.BadParameter(f"{setting!r} is not KEY=VALUE", param_hint="--set")
    return {key.strip(): value for key, _, value in (setting.partition("=") for setting in settings)}


def _debug() -> bool:
    return os.environ.get("LAKEFLOW_DEBUG", "") not in {"", "0"}
