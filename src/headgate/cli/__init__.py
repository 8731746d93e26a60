"""What can a person type? `headgate <verb>`; each command's module is loaded only when it is the one."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from headgate.errors import NO_ROOM, HeadgateError, PermanentError, disk_full

STOPPED = 130
"""A shell's code for a command that Ctrl-C ended."""

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
    "join": "Join a window of logged answers to the labels that were known when it closed.",
    "drift": "Compare a window of served rows with the champion's training rows.",
    "trigger": "Decide from signals whether to retrain.",
    "fetch": "Bring a model and the code that serves it from a store into a folder, verified.",
    "serve": "Serve one model over the Open Inference Protocol.",
    "score": "Score a Parquet file with the server's checks, features and numbers.",
    "partition": "Divide an input among processes that score it.",
    "gather": "Make the scored shares of an input one file.",
    "stream": "Answer each message of a Kafka topic, at least once, as the server would.",
    "shadow": "Compare a model that answers nobody with the one that does, in pairs.",
    "experiment": "Say which of two models that share the requests is better, at every look.",
    "ship": "Send what a server logs to the store or a topic, beside it in its pod.",
    "receive": "Receive alerts, pushes and notifications in a cluster, and watch Rollouts.",
    "up": "Run the ring on this machine: servers, router, canaries, from the env repo.",
    "demo": "Show the whole ring on a year of real flights, in a minute or two.",
    "pr": "List, show, merge and close pull requests of the env repo.",
    "env": "Begin an env repo for a cluster, and check it as its CI does before a merge.",
    "unban": "Lift the ban of a model with its serving settings.",
    "retire": "Ask that a service serve no more in an environment.",
    "status": "What is live, what is open, what hangs.",
    "why": "Why the live model is live, from Git alone.",
    "render": "Write every generated file of this repository.",
}


PURGE = "dirty_decay_ms:0,muzzy_decay_ms:0"
"""Memory that polars frees goes back at once, here and in what we start: a train step of 230,000 rows, -48 MB."""

EXTRAS = {
    "aiokafka": "kafka",
    "boto3": "s3",
    "botocore": "s3",
    "cryptography": "forge",
    "httpx": "forge",
    "google": "grpc",
    "grpc": "grpc",
    "lightgbm": "lightgbm",
    "opentelemetry": "otel",
    "skops": "skops",
    "xgboost": "xgboost",
}
"""Package → the extra that brings it; every other comes with `local`."""


def main() -> None:
    """Run the command line; the exit code says what kind of end it was (docs/errors.md)."""
    os.environ.setdefault("_RJEM_MALLOC_CONF", PURGE)
    try:
        code = perform(sys.argv[1:])
    except HeadgateError as err:
        refuse(err)
    except KeyboardInterrupt:
        code = STOPPED
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - so that the interpreter can flush it
        raise SystemExit(1) from None
    except OSError as err:
        if err.errno not in NO_ROOM:
            report_bug()
        refuse(disk_full("write", str(err.strerror)))
    except Exception as err:  # noqa: BLE001 - the last line of defence: exit code 3 is "a bug", with its traceback
        refuse_missing(err)
        report_bug()
    if code == STOPPED:
        print("stopped; the same command goes on where this one ended", file=sys.stderr)
    raise SystemExit(code if isinstance(code, int) else 0)


def perform(words: list[str]) -> int | None:
    """Do what was typed; return an exit code where a command has one."""
    if words[:1] == ["serve"]:
        from headgate.cli import serving

        if plain := serving.plain(words[1:]):
            serving.serve(plain)
            return None
    from headgate.cli import typed

    return typed.run()


def refuse(err: HeadgateError) -> NoReturn:
    first, *rest = err.lines()
    print(f"error: {first}", *(f"  {line}" for line in rest), sep="\n", file=sys.stderr)
    raise SystemExit(err.exit_code) from None


def refuse_missing(err: Exception) -> None:
    """Refuse a package that an extra would have brought; any other error is left to the caller."""
    if isinstance(err, ModuleNotFoundError) and not (err.name or "headgate").startswith("headgate"):
        package = (err.name or "").partition(".")[0]
        step = f"pip install 'headgate[{EXTRAS.get(package, 'local')}]'"
        refuse(PermanentError(f"this needs package {package!r}", next_step=step))


def report_bug() -> NoReturn:
    import traceback

    traceback.print_exc()
    print("error: this is a bug in headgate; please report the lines above", file=sys.stderr)
    raise SystemExit(3) from None
