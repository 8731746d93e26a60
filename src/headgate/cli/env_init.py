"""headgate env init: an env repo's first files, into a folder or straight into a hosted repository."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, get_args

import typer

from headgate.cli.exchange import say, write
from headgate.errors import PermanentError, UsageError
from headgate.names import Name, name
from headgate.ports import Forge
from headgate.records.change import Edit
from headgate.scaffold.charts import vendored
from headgate.scaffold.first import known, whole
from headgate.scaffold.repository import Dialect

DEFAULT = ("dev", "staging", "prod")
Where = Annotated[
    str,
    typer.Argument(help="A folder, or a forge's empty repository: gitea+https://host/owner/name.", metavar="DIR|URL"),
]
Vendor = Annotated[Dialect | None, typer.Option("--forge", help="Whose CI and owners are written.")]
Url = Annotated[str | None, typer.Option("--url", help="What Argo CD clones: https://host/owner/name.git.")]
Environments = Annotated[
    str | None,
    typer.Option("--environments", help="In order of promotion. Default: promotion.yaml's; dev,staging,prod."),
]
NewService = Annotated[str | None, typer.Option("--service", help="Also write this service's folders.", metavar="NAME")]
Image = Annotated[str, typer.Option("--image", help="What its CI runs in: Headgate's image, better by digest.")]
Cluster = Annotated[str, typer.Option("--cluster", help="The cluster's name in Argo CD.", metavar="NAME")]
StoreUrl = Annotated[str | None, typer.Option("--store", help="s3://bucket, where models are kept.", metavar="URL")]
Domain = Annotated[
    str | None, typer.Option("--domain", help="Services are <service>.<environment>.DOMAIN.", metavar="DOMAIN")
]


def init(
    where: Where,
    forge: Vendor = None,
    url: Url = None,
    environments: Environments = None,
    service: NewService = None,
    image: Image = "headgate:0.1.0",
    cluster: Cluster = "in-cluster",
    store: StoreUrl = None,
    domain: Domain = None,
) -> None:
    """Write what an env repo for a cluster lacks: files, folders, CI, Argo CD objects, the charts; keep the rest."""
    own = name(service, "service") if service else None
    if "://" in where:
        files, keep, clone = hosted(where)
        forge = forge or vendor(where)
    else:
        files, keep, clone = local(Path(where))
    if url is None and clone is None:
        raise UsageError("a folder does not say what Argo CD clones", next_step="--url https://host/owner/name.git")
    order = [name(one, "environment") for one in environments.split(",")] if environments else known(files) or names()
    edits = whole(
        files,
        order,
        (forge or "github",),
        url or str(clone),
        image,
        service=own,
        cluster=cluster,
        store=store,
        domain=domain,
    )
    write_missing([*edits, *vendored()], files, keep)
    say("next: fill in env/*/environment.yaml, platform/*/values.yaml and CODEOWNERS, and protect main; then")
    say("      kubectl apply --server-side -f platform/<cluster>/application.yaml -f appsets/")


def names() -> list[Name]:
    return [name(one, "environment") for one in DEFAULT]


def vendor(where: str) -> Dialect:
    word = where.partition("+")[0]
    return next((one for one in get_args(Dialect) if one == word), "github")


def write_missing(edits: Iterable[Edit], files: Mapping[str, str], keep: Callable[[Sequence[Edit]], None]) -> None:
    """Write what is not there; name what is, and whether it says what it would say if it were new."""
    wanted = list(edits)
    fresh = [edit for edit in wanted if edit.path not in files]
    keep(fresh)
    for folder, count in counted(fresh).items():
        say(f"written  {folder}" + (f" ({count} files)" if count > 1 else ""))
    for edit in wanted:
        if edit.path in files and files[edit.path] != edit.text:
            say(f"kept     {edit.path}, which says something else than a new one would")
    same = sum(edit.path in files and files[edit.path] == edit.text for edit in wanted)
    if same:
        say(f"kept     {same} files as they are")


def counted(edits: Sequence[Edit]) -> dict[str, int]:
    """Return what is said of new files: each by its path, a chart by its folder."""
    found: dict[str, int] = {}
    for edit in edits:
        parts = edit.path.split("/")
        shown = "/".join(parts[:3]) + "/" if parts[0] == "charts" else edit.path
        found[shown] = found.get(shown, 0) + 1
    return found


def local(folder: Path) -> tuple[dict[str, str], Callable[[Sequence[Edit]], None], str | None]:
    """Return a folder's files, and how others are written there."""
    if folder.is_file():
        raise UsageError(f"{str(folder)!r} is a file", next_step="name a folder")
    found = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }

    def keep(edits: Sequence[Edit]) -> None:
        for edit in edits:
            place = folder / edit.path
            place.parent.mkdir(parents=True, exist_ok=True)
            write(place, (edit.text or "").encode())

    return found, keep, None


def hosted(address: str) -> tuple[dict[str, str], Callable[[Sequence[Edit]], None], str | None]:
    """Return a hosted repository's files, how others are committed to its main, and what clones it."""
    from headgate.adapters.forges.address import dialect_of, open_forge
    from headgate.cli.wiring import AUTHOR

    token = os.environ.get("HEADGATE_FORGE_TOKEN_FILE")
    mirrors = Path(os.environ.get("HEADGATE_WORKSPACE", ".headgate")) / "cache" / "forges"
    forge: Forge = open_forge(
        address, Path(token) if token else None, mirrors, app=os.environ.get("HEADGATE_FORGE_APP"), author=AUTHOR
    )
    head = forge.head()
    found = {path: forge.read(path, head) or "" for path in forge.paths("", head)} if head else {}

    def keep(edits: Sequence[Edit]) -> None:
        if not edits:
            return
        try:
            forge.commit(edits, "Begin the env repo", head)
        except PermanentError as err:
            raise PermanentError(
                f"main of {address} takes no push: {err.message}",
                next_step="headgate env init DIR --url …, then a pull request of your own",
            ) from err

    return found, keep, dialect_of(address).git
