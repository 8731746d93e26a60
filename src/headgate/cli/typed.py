"""The command line as typer reads it: all commands by name, their help, and what is wrong with a line."""

import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from headgate.cli import COMMANDS
from headgate.errors import UsageError
from headgate.names import did_you_mean

MISUSE: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a wrong command line; it has no public name."""


class LazyGroup(TyperGroup):
    """Lists commands from COMMANDS and imports a module when its command is run."""

    def list_commands(self, _context: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: Any, name: str) -> Any:
        return TyperCommand(name, help=COMMANDS[name], short_help=COMMANDS[name]) if name in COMMANDS else None

    def resolve_command(self, context: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS:
            raise UsageError(
                f"there is no command {args[0][:60]!r}.{did_you_mean(args[0], COMMANDS)}", next_step="headgate --help"
            )
        name, command, rest = super().resolve_command(context, args)
        if command is not None and name is not None:
            module = importlib.import_module(f"headgate.cli.{name}")
            command = plain(typer.main.get_command(module.app))
            command.name = name
        return name, command, rest


def plain(command: Any) -> Any:
    """Return a command whose help is plain text: rich alone takes longer to load than all of it."""
    command.rich_markup_mode = None
    for one in getattr(command, "commands", {}).values():
        plain(one)
    return command


app = typer.Typer(
    cls=LazyGroup,
    help="Models reach production only through gates, and only through Git.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def tell_version(wanted: bool) -> None:
    """Print which Headgate this is, and nothing else."""
    if wanted:
        from importlib.metadata import version

        print(f"headgate {version('headgate')}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Models reach production only through gates, and only through Git."""


def run() -> int | None:
    """Run the command that was typed and return its exit code; UsageError for a line that is none."""
    try:
        code = app(standalone_mode=False)
    except MISUSE as err:
        if type(err).__name__ == "NoArgsIsHelpError":
            err.show()  # type: ignore[attr-defined]
            raise SystemExit(UsageError.exit_code) from None
        raise misused(err) from err
    return code if isinstance(code, int) else None


def misused(err: Exception) -> UsageError:
    """Return the command line's own complaint in the style of every other error."""
    message = str(getattr(err, "format_message", lambda: err)()).rstrip(".")
    context = getattr(err, "ctx", None)
    command = context.command_path if context else "headgate"
    return UsageError(f"{message[:1].lower()}{message[1:]}", next_step=f"{command} --help")
