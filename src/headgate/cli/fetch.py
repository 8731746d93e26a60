"""headgate fetch."""

import re
import sys
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from headgate.adapters.durable import remove, replace_by_copy, replace_file
from headgate.adapters.files import FileStore
from headgate.cli.exchange import say
from headgate.drift.place import BESIDE
from headgate.drift.place import uri as reference_uri
from headgate.errors import HeadgateError, PermanentError, UsageError, speaking
from headgate.models import package
from headgate.names import Digest, Uri, digest, short
from headgate.ports import Store
from headgate.records.codec import decode
from headgate.records.judgement import evidence_uri
from headgate.records.model import ServiceCode, code_uri
from headgate.second_model import proven
from headgate.specs.predictor import FILE, described
from headgate.specs.reading import read
from headgate.specs.service import Service

app = typer.Typer(add_completion=False)

PLACE = re.compile(
    r"(?P<store>(s3|file)://.+)/(?P<model>models/(?P<service>[a-z][-a-z0-9]{0,39})/(?P<sha256>[0-9a-f]{64}))"
    r"(\?code=(?P<code>[0-9a-f]{64}))?"
)
SERVICE = "service"
"""The folder beside the model's files that the code is brought to."""
SPEC = "service.yaml"
MEND = "let `headgate propose` write version.yaml"


@app.command()
def fetch(
    uri: Annotated[
        str,
        typer.Argument(
            help="`<store>/models/<service>/<sha256>[?code=<sha256>]`; the store is `s3://…` or `file:///…`."
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="Where the model goes; the code goes to `service/` in it.")],
    verdict: Annotated[
        str | None, typer.Option("--verdict", help="Bring it only with this verdict, a passed one.", metavar="SHA256")
    ] = None,
    champion: Annotated[
        str | None, typer.Option("--champion", help="With which that verdict compared it.", metavar="SHA256")
    ] = None,
    predictor: Annotated[
        str | None, typer.Option("--predictor", help="Bring it only if its package names this image.", metavar="IMAGE")
    ] = None,
    optional: Annotated[
        bool,
        typer.Option("--optional", help="End well without the model too, whatever is wrong: a shadow is not needed."),
    ] = False,
) -> None:
    """Bring a model from a store into a folder, verified; what is there already is left as it is."""
    try:
        bring(uri, folder, verdict, champion)
        if predictor:
            refuse_other_image(folder, predictor)
    except Exception as err:
        if not optional:
            raise
        said = err.lines() if isinstance(err, HeadgateError) else [repr(err)]
        sys.stderr.write("\n".join(["the server starts without it", *said]) + "\n")


def bring(uri: str, folder: Path, verdict: str | None, champion: str | None) -> None:
    """Fetch a model, and its code and drift reference where the URI names it; first its verdict, where asked for."""
    found = PLACE.fullmatch(uri)
    if found is None:
        raise UsageError(
            f"{uri[:200]!r} is no place of a model",
            found="expected s3://<bucket>/models/<service>/<sha256>?code=<sha256>",
            next_step="headgate fetch --help",
        )
    sha256, code = Digest(found["sha256"]), found["code"]
    with speaking(f"write to {str(folder)!r}"):
        folder.mkdir(parents=True, exist_ok=True)
        cache = folder / ".store"
        try:
            store = open_store(found["store"], cache)
            if verdict:
                proof = store.get(evidence_uri(digest(verdict)))
                proven(proof, digest(verdict), sha256, Digest(code or ""), digest(champion or ""))
            fetch_model(store, Uri(found["model"]), sha256, folder)
            if code:
                fetch_code(store, found["service"], Digest(code), folder / SERVICE)
                fetch_reference(store, sha256, folder)
        finally:
            remove(cache)
    say(f"model {short(sha256)}" + (f" with code {short(code)}" if code else "") + f" in {folder}")


def refuse_other_image(folder: Path, named: str) -> None:
    """Refuse a model whose package names another image than Git does, before either runs."""
    if not (folder / FILE).is_file():
        raise PermanentError(f"Git names predictor {named!r}, and no image answers for the model", next_step=MEND)
    found = described(package.read(folder, FILE).decode()).image
    if found != named:
        raise PermanentError(f"Git names predictor {named!r}, and the package {found!r}", next_step=MEND)


def open_store(url: str, cache: Path) -> Store:
    if url.startswith("file://"):
        return FileStore(Path(url.removeprefix("file://")))
    from headgate.adapters.s3 import open_store as open_bucket

    return open_bucket(url, cache)


def fetch_model(store: Store, uri: Uri, sha256: Digest, folder: Path) -> None:
    """Copy a package, its manifest last, and verify the copy."""
    if holds(folder, sha256):
        return
    kept = store.folder(uri)
    names = sorted(package.verify(kept, sha256).files)
    for name in (*names, package.MANIFEST):
        replace_by_copy(folder / name, kept / name)
    package.verify(folder, sha256)


def fetch_reference(store: Store, sha256: Digest, folder: Path) -> None:
    """Bring the model's drift reference, in whose bins the server counts: without it the server counts in others."""
    if (folder / BESIDE).exists():
        return
    try:
        content = store.get(reference_uri(read(folder / SERVICE / SPEC, Service), sha256))
    except HeadgateError as err:
        sys.stderr.write("\n".join(["no drift reference comes along", *err.lines()]) + "\n")
    else:
        replace_file(folder / BESIDE, content)


def holds(folder: Path, sha256: Digest) -> bool:
    try:
        package.verify(folder, sha256)
    except PermanentError:
        return False
    return True


def fetch_code(store: Store, service: str, digest: Digest, folder: Path) -> None:
    """Write the service's own files once their digest is the one that Git names."""
    uri = code_uri(service, digest)
    code = decode(store.get(uri), ServiceCode, uri)
    if code.digest != digest or code.spec not in code.files:
        raise PermanentError(
            f"{uri!r} is corrupt: its files have sha256 {short(code.digest)}…",
            found=f"expected {short(digest)}…",
            next_step="train the model again; if that does not help, somebody changed the store",
        )
    for name, content in {**code.files, SPEC: code.files[code.spec]}.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise PermanentError(f"{uri!r} has a file {name[:80]!r}, which leads out of its folder")
        target = folder.joinpath(*path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, content)
