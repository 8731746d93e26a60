"""headgate render."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli import installing, quoting
from headgate.cli.charting import chart, goldens
from headgate.cli.describing import descriptor
from headgate.cli.exchange import say, write
from headgate.cli.installing import platform
from headgate.errors import PermanentError

app = typer.Typer(add_completion=False)
MARK = "pyproject.toml"
OWNED = ("env", "pipelines", "components", "monitoring/dashboards")


@app.command()
def render(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a file is not fresh.")] = False,
    demo: Annotated[
        Path | None, typer.Option("--demo", help="Quote this demo in the docs.", metavar="demo.json")
    ] = None,
    root: Annotated[Path, typer.Option("--root", help="The repository.", metavar="DIR")] = Path(),
) -> None:
    """Write every generated file of this repository, or check that all are fresh."""
    if not (root / MARK).is_file():
        raise PermanentError(
            f"{str(root.resolve())!r} is not Headgate's repository: it has no {MARK}", next_step="give --root DIR"
        )
    if demo is not None:
        quoting.keep(demo, root)
    made = texts(root)
    stale = [path for path, text in made.items() if read(root / path) != text]
    foreign = [path for path in owned(root) if path not in made]
    if check and (stale or foreign):
        raise PermanentError(
            f"{len([*stale, *foreign])} of {len(made)} generated files are not fresh",
            found=", ".join([*stale, *foreign]),
            next_step="make render",
        )
    for path in stale:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        write(root / path, made[path].encode())
        say(f"written  {path}")
    for path in foreign:
        (root / path).unlink()
        say(f"removed  {path}")
    say(f"{len(made)} generated files are fresh")


def read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def texts(root: Path) -> dict[str, str]:
    """Return every generated file: path → text."""
    made = {path: make() for path, make in FILES.items()}
    pipelines, shown = graphs(), dashboards()
    installed = platform(root, pipelines, shown)
    made |= chart() | goldens(root) | installed | installing.goldens(root, installed)
    return made | pipelines | shown | sample() | descriptor(root) | quoting.pages(root)


def owned(root: Path) -> list[str]:
    """Return the files of folders in which code writes all of them."""
    found = (path for folder in OWNED for path in (root / folder).rglob("*") if path.is_file())
    return sorted(path.relative_to(root).as_posix() for path in found)


def dashboards() -> dict[str, str]:
    """Return monitoring/dashboards/: Grafana's dashboards."""
    from headgate.show.dashboards import DASHBOARDS
    from headgate.show.panels import files

    return files(DASHBOARDS)


def sample() -> dict[str, str]:
    """Return env/: an env repo as `headgate env init` begins it, with every forge's CI and without the chart's copy."""
    from headgate.names import name
    from headgate.scaffold.first import whole
    from headgate.scaffold.repository import CI

    order = [name(one, "environment") for one in ("dev", "staging", "prod")]
    clone = "https://git.example.com/ml/env.git"
    own = name("flights", "service")
    edits = whole(
        {}, order, tuple(CI), clone, "headgate:0.1.0", service=own, store="s3://models", domain="ml.example.com"
    )
    made = {f"env/{edit.path}": edit.text or "" for edit in edits}
    return made | {"env/README.md": f"{made['env/README.md']}\n{SAMPLE}"}


SAMPLE = """\
---
This one is a sample, rendered by `make render`. `headgate env init` also copies Headgate's own
`charts/headgate-service/` to `charts/headgate-service/<version>/`, which is left out here.
"""


def graphs() -> dict[str, str]:
    """Return pipelines/ and components/: the graphs for engines other than this machine."""
    from headgate.graph.rendering import texts as rendered

    return rendered()


def questions() -> str:
    from headgate.canary import render_questions

    return render_questions()


def commands() -> str:
    """Return docs/commands.md: every command with its arguments and options."""
    from headgate.cli import COMMANDS

    return "\n".join([GENERATED, "# Commands", "", *(line for name in COMMANDS for line in told(name, COMMANDS[name]))])


def told(name: str, help_text: str) -> Iterator[str]:
    command = typer.main.get_command(import_module(f"headgate.cli.{name}").app)
    parts = getattr(command, "commands", None) or {"": command}
    yield from (f"## `headgate {name}`", "", help_text, "")
    for part, one in parts.items():
        if part:
            yield from (f"### `headgate {name} {part}`", "", (one.help or "").partition("\n")[0], "")
        yield from ("| option | what | default |", "|---|---|---|")
        yield from (row(option) for option in one.params if option.name != "help")
        yield ""


def row(option: object) -> str:
    """Return an option's line of a table."""
    flags = getattr(option, "opts", [])
    metavar = getattr(option, "metavar", None)
    named = " ".join(
        [f"`{', '.join(flags)}`" if str(flags[0]).startswith("-") else "", f"`{metavar}`" if metavar else ""]
    )
    default = getattr(option, "default", None)
    shown = "" if default is None or default is False or callable(default) else f"`{default}`"
    required = "required" if getattr(option, "required", False) else shown
    return f"| {named.strip()} | {getattr(option, 'help', '') or ''} | {required} |"


def policies() -> str:
    """Return docs/policies.md: the packs as they are, each number with its reason."""
    from headgate.gate import packs

    lines = [GENERATED, "# Policies", "", POLICIES, ""]
    for name in packs.names():
        text = (packs.FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
        lines += [f"## {name}", "", "```yaml", text.rstrip(), "```", ""]
    return "\n".join(lines)


def settings() -> str:
    """Return docs/settings.md: every setting with what it is and its default."""
    from headgate.cli import listing

    return f"{GENERATED}\n{listing.settings()}"


GENERATED = "<!-- Rendered by `make render`; change its source instead. -->"
POLICIES = """\
A policy is the list of rules a candidate is judged by. `gate.policy` of service.yaml names one; a rule in `gate.rules`
takes the place of the policy's rule of the same kind and metric."""
FILES: dict[str, Callable[[], str]] = {
    "docs/commands.md": commands,
    "docs/policies.md": policies,
    "docs/settings.md": settings,
    "serving/questions.yaml": questions,
}
