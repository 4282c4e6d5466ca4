"""The command's frame: options that all verbs share, exit codes, and no traceback for a user's mistake."""

from __future__ import annotations

import json
import signal
import sys
from importlib import import_module
from pathlib import Path

import click

from octavo import __version__
from octavo.cli import streams
from octavo.errors import OctavoError, Problems, UsageError, disk_error, each_of, nearest

VERBS = {
    "build": "Bring the paper, the deck and their figures up to date.",
    "status": "Say what is stale and why, before anything runs.",
    "serve": "Show the paper in the browser while you write it.",
    "why": "Tell the whole story of a result: of what it was made, when, where.",
    "debug": "Open a point in JupyterLab, with its parameters set.",
    "check": "Compare with the accepted results, and check the bibliography.",
    "accept": "Take over changed values, tables and figures, with a reason.",
    "clean": "Remove what was built.",
    "store": "Verify the store of results, tidy it, say what takes room.",
    "stop": "End the process that kernels are forked from.",
}
ENDING = ("SIGTERM", "SIGHUP")  # end a command as Ctrl-C does


class Stopped(KeyboardInterrupt):
    """A signal ends the command, as Ctrl-C would."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Named(click.Group):
    """Commands of which the nearest is offered for a name that is none of theirs."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            hint = nearest(args[0], known).replace("did", "Did", 1) or f"The verbs: {', '.join(known)}."
            of = "" if ctx.parent is None else f" of `{ctx.command_path}`"
            raise click.UsageError(f"There is no verb '{args[0]}'{of}. {hint}", ctx)
        return super().resolve_command(ctx, args)


class Verbs(Named):
    """The verbs, each imported only when it is called: `octavo --help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = getattr(import_module(f"octavo.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.option(
    "-C",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="Work on the project in FOLDER.",
)
@click.version_option(__version__, prog_name="octavo")
@click.pass_context
def octavo(ctx: click.Context, folder: Path) -> None:
    """Fold one source tree into the paper and the deck.

    \b
    Begin with:   octavo build      execute the notebooks, write paper and deck to build/
    Then:         octavo status     what would run again, and why
                  octavo check      does it still give the accepted results?

    \b
    Exit codes: 0 it is so · 1 a check found something · 2 wrong command line or
    pyproject.toml · 3 a build step failed · 4 a check could not look · 130 Ctrl-C
    """
    ctx.obj = folder.resolve()


def main() -> None:
    """Run the command."""
    streams.prepare()
    _hear_signals()
    try:
        code = octavo.main(prog_name="octavo", standalone_mode=False)  # of click's Exit, which it does not raise here
        _last_words()
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        _tell_json(UsageError(error.format_message()))
        error.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort) as end:
        _last_words()
        print("\nStopped. What was finished is kept; run the same command to go on.", file=sys.stderr)
        cause = end.__cause__ if isinstance(end, click.Abort) else end  # click has caught it
        sys.exit(128 + (cause.number if isinstance(cause, Stopped) else signal.SIGINT))
    except OctavoError as error:
        _last_words()
        _tell_json(error)
        print(words(error), file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        fault = disk_error(error)
        _tell_json(fault)
        print(words(fault), file=sys.stderr)
        sys.exit(fault.exit_code)


def _tell_json(error: OctavoError) -> None:
    """Print what ended a command as JSON, where JSON was asked for."""
    if "--json" in sys.argv:
        print(json.dumps({"errors": errors_json(error)}, indent=1, ensure_ascii=False))


def _hear_signals() -> None:
    """Have the signals that end a command raise, so that it takes its workers with it and shows the cursor again."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _ending():
        if signal.getsignal(number) == signal.SIG_DFL:  # under nohup it is ignored
            signal.signal(number, _stop)


def _ending() -> list[signal.Signals]:
    return [getattr(signal, name) for name in ENDING if hasattr(signal, name)]


def _stop(number: int, frame: object) -> None:
    raise Stopped(number)


def _last_words() -> None:
    """Hear no such signal any more: what is left is to say how it ended, and Python's own end, which it would cut."""
    for number in (signal.SIGINT, *_ending()):
        signal.signal(number, signal.SIG_IGN)


def words(error: OctavoError) -> str:
    """Return an error as it is printed: each fault apart, with a mark in front."""
    return "\n".join(f"error: {problem}" for problem in each_of(error))


def errors_json(error: OctavoError) -> list[dict[str, str]]:
    """Return an error for ``--json``: what, where and hint of each fault."""
    if isinstance(error, Problems):
        return [told for problem in error.problems for told in errors_json(problem)]
    return [{"what": error.what, "where": error.where, "hint": error.hint}]
