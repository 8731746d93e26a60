"""What can a person type? `headgate <verb>`; each command's module is loaded only when it is the one."""

import importlib
import os
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from headgate.errors import HeadgateError, UsageError

COMMANDS = {
    "init": "Write service.yaml and contract.yaml, inferred from data or for the example, and a workspace.",
    "check": "Try spec, contract, features, training and conversion on 100 rows before any long run.",
    "run": "Run the pipeline: collect, validate, train, evaluate, gate, propose.",
    "collect": "Read a window of the source into an immutable dataset.",
    "validate": "Check a dataset against the contract.",
    "train": "Fit and package a model.",
    "evaluate": "Measure candidate, champion and anchor on the same gate rows.",
    "gate": "Judge an evaluation by policy.",
    "propose": "Open the pull request that asks for a promotion, or a revert.",
    "track": "Show a run and its model in MLflow.",
    "drift": "Compare a window of served rows with the champion's training rows.",
    "trigger": "Decide from signals whether to retrain.",
    "serve": "Serve one model over the Open Inference Protocol.",
    "up": "Run the ring on this machine: servers, router, canaries, from the env repo.",
    "demo": "Show the whole ring in about a minute.",
    "pr": "List, show, merge and close pull requests of the local forge.",
    "unban": "Lift the ban of a model with its serving settings.",
    "status": "What is live, what is open, what hangs.",
    "why": "Why the live model is live, from Git alone.",
    "render": "Write every generated file of this repository.",
}


PURGE = "dirty_decay_ms:0,muzzy_decay_ms:0"
"""Memory that polars frees goes back at once, here and in what we start: a train step of 230,000 rows, -48 MB."""


class LazyGroup(TyperGroup):
    """Lists commands from COMMANDS and imports a module when its command is run."""

    def list_commands(self, _context: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: Any, name: str) -> Any:
        return TyperCommand(name, help=COMMANDS[name]) if name in COMMANDS else None

    def resolve_command(self, context: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(context, args)
        if command is not None and name is not None:
            module = importlib.import_module(f"headgate.cli.{name}")
            command = typer.main.get_command(module.app)
            command.name = name
        return name, command, rest


app = typer.Typer(
    cls=LazyGroup,
    help="Models reach production only through gates, and only through Git.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Models reach production only through gates, and only through Git."""


def main() -> None:
    """Run the command line; the exit code says what kind of end it was (docs/errors.md)."""
    os.environ.setdefault("_RJEM_MALLOC_CONF", PURGE)
    try:
        app()
    except HeadgateError as err:
        first, *rest = err.lines()
        print(f"error: {first}", *(f"  {line}" for line in rest), sep="\n", file=sys.stderr)
        raise SystemExit(err.exit_code) from None
    except KeyboardInterrupt:
        print("stopped; the same command goes on where this one ended", file=sys.stderr)
        raise SystemExit(130) from None
    except Exception:  # noqa: BLE001 - the last line of defence: exit code 3 is "a bug", with its traceback
        import traceback

        traceback.print_exc()
        print("error: this is a bug in headgate; please report the lines above", file=sys.stderr)
        raise SystemExit(3) from None


__all__ = ["COMMANDS", "UsageError", "app", "main"]
