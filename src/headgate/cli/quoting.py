"""What do the pages of the docs quote? Exit codes, and a demo in its own words; each between two marks of the page."""

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console

from headgate import errors
from headgate.cli.exchange import write
from headgate.errors import HeadgateError, PermanentError
from headgate.records.codec import decode
from headgate.records.story import Story

BLOCK = re.compile(r"(?P<mark><!-- rendered: (?P<name>\S+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
DEMO = Path("docs") / "demo"
PAGE_WIDTH = 118
OTHER_CODES = {
    0: ("-", "A record was written, whatever it says: a failing gate is an answer, not an error."),
    3: ("-", "A bug in Headgate, with its traceback."),
    130: ("-", "Stopped by Ctrl-C; the same command goes on where this one ended."),
}


def pages(root: Path) -> dict[str, str]:
    """Return every page that quotes, with each of its blocks written anew."""
    blocks = dict(quotations(root))
    found: dict[str, str] = {}
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if BLOCK.search(text):
            found[path.relative_to(root).as_posix()] = filled(text, blocks, path.name)
    return found


def filled(text: str, blocks: dict[str, str], page: str = "page") -> str:
    r"""Return a page with each `<!-- rendered: name -->` block written anew.

    >>> print(filled("<!-- rendered: sum -->\nold\n<!-- end -->", {"sum": "new\n"}))
    <!-- rendered: sum -->
    new
    <!-- end -->
    """

    def block(found: re.Match[str]) -> str:
        if found["name"] not in blocks:
            raise PermanentError(
                f"{page} quotes {found['name']!r}, which nobody writes", found=", ".join(sorted(blocks))
            )
        return f"{found['mark']}{blocks[found['name']].rstrip()}\n{found['end']}"

    return BLOCK.sub(block, text)


def quotations(root: Path) -> Iterator[tuple[str, str]]:
    """Yield every block a page may ask for."""
    yield "exit-codes", exit_codes()
    for path in sorted((root / DEMO).glob("*.txt")):
        yield f"demo/{path.stem}", f"```text\n{path.read_text(encoding='utf-8').rstrip()}\n```"


def exit_codes() -> str:
    """Return a table of every exit code, with the error behind it."""
    codes = dict(OTHER_CODES)
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, HeadgateError) and kind is not HeadgateError:
            codes.setdefault(kind.exit_code, (f"`{kind.__name__}`", (kind.__doc__ or "").partition("\n")[0]))
    rows = (f"| {code} | {codes[code][0]} | {codes[code][1]} |" for code in sorted(codes))
    return "\n".join(["| code | error | what it means |", "|---|---|---|", *rows])


def keep(demo: Path, root: Path) -> list[str]:
    """Keep in docs/demo what a demo said: the last bodies it opened, how it ended, why its model is live."""
    story = decode(demo.read_bytes(), Story, str(demo))
    workspace = str(Path(story.env_repo).parent)
    for name, text in said(story, root).items():
        path = root / DEMO / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, f"{text.replace(workspace, '.headgate/demo').rstrip()}\n".encode())
    return [f"{DEMO / name}" for name in said(story, root)]


def said(story: Story, root: Path) -> dict[str, str]:
    """Return what is quoted of a demo, by file name."""
    from headgate.cli.why import history
    from headgate.cli.wiring import open_project
    from headgate.show import ending, why

    project = open_project(root / "examples" / story.service / "service.yaml", Path(story.env_repo).parent)
    page = StringIO()
    ending.show(story, Console(file=page, width=PAGE_WIDTH, color_system=None))
    promoted = max(note.pull_request for note in story.promotions)
    reverts = [number for number, body in story.bodies.items() if ": REVERT to " in body.partition("\n")[0]]
    return {
        "promotion.md": story.bodies[str(promoted)],
        "revert.md": story.bodies[max(reverts, key=int)],
        "ending.txt": "\n".join(line.rstrip() for line in page.getvalue().strip("\n").splitlines()),
        "why.txt": why.text(history(project, project.live(story.environment))),
    }
