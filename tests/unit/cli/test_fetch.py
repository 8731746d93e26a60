"""`headgate fetch` brings what a pod serves: the model by its digest, the code by its own, and nothing else."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from msgspec.structs import replace

from headgate.adapters.files import FileStore
from headgate.adapters.usercode import code_digest, gather
from headgate.cli.fetch import fetch, fetch_model
from headgate.errors import PermanentError, TransientError, UsageError
from headgate.models import package
from headgate.models.packed import Packed
from headgate.models.signature import Feature, Signature
from headgate.names import Digest, Name, Uri
from headgate.records.codec import decode, digest, digest_of, encode
from headgate.records.judgement import Verdict, VerdictOutcome
from headgate.records.model import ServiceCode, code_uri

SIGNATURE = Signature(
    service=Name("flights"), task="binary", classes=(), features=(Feature(name="hour", kind="number"),)
)


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A service's own folder."""
    folder = tmp_path / "own"
    (folder / "flights").mkdir(parents=True)
    (folder / "service.yaml").write_text("service: flights\n")
    (folder / "contract.yaml").write_text("columns: {}\n")
    (folder / "flights" / "features.py").write_text("def features(rows, as_of):\n    return rows\n")
    return folder / "service.yaml"


@pytest.fixture
def kept(tmp_path: Path, service: Path) -> str:
    """A store with a model and the code that trained it; the URI that a chart would write."""
    store = FileStore(tmp_path / "store")
    sha256 = package.write(tmp_path / "made", b"onnx", SIGNATURE, {})
    code = code_digest(service.parent)
    store.put_folder(Uri(f"models/flights/{sha256}"), tmp_path / "made")
    store.put(code_uri("flights", code), encode(gather(service)))
    return f"file://{tmp_path}/store/models/flights/{sha256}?code={code}"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_digest_of_gathered_code_is_the_one_that_models_bear(service: Path) -> None:
    """Git names it as `code`, so the two ways to it may never part."""
    gathered = gather(service)

    assert gathered.digest == code_digest(service.parent)


def test_a_model_and_its_code_come_into_the_folder(tmp_path: Path, kept: str, service: Path) -> None:
    """The package's files as they are, the service's files below service/."""
    fetch(kept, tmp_path / "pod")

    found = files(tmp_path / "pod")
    assert {name: found[name] for name in files(tmp_path / "made")} == files(tmp_path / "made")
    own = {f"service/{name}": content for name, content in files(service.parent).items()}
    assert {name: found[name] for name in own} == own
    assert set(found) == {*files(tmp_path / "made"), *own}


def test_fetched_twice_is_fetched_once(tmp_path: Path, kept: str) -> None:
    """A pod's init container may run again."""
    fetch(kept, tmp_path / "pod")
    first = files(tmp_path / "pod")

    fetch(kept, tmp_path / "pod")

    assert files(tmp_path / "pod") == first


def test_a_model_may_be_larger_than_the_memory_of_who_brings_it(tmp_path: Path) -> None:
    """Copied and verified block by block: a model of its own image has gigabytes, the container half of one."""
    store = FileStore(tmp_path / "store")
    sha256 = package.write(tmp_path / "made", bytes(24 << 20), SIGNATURE, {})
    uri = Uri(f"models/flights/{sha256}")
    store.put_folder(uri, tmp_path / "made")
    (tmp_path / "mnt").mkdir()
    tracemalloc.start()

    fetch_model(store, uri, sha256, tmp_path / "mnt")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert files(tmp_path / "made") == files(tmp_path / "mnt")
    assert peak < 8 << 20


def test_what_a_killed_fetch_left_is_mended(tmp_path: Path, kept: str) -> None:
    """Half a model is not served."""
    fetch(kept, tmp_path / "pod")
    first = files(tmp_path / "pod")
    (tmp_path / "pod" / "model.onnx").write_bytes(b"on")
    (tmp_path / "pod" / "manifest.json").unlink()

    fetch(kept, tmp_path / "pod")

    assert files(tmp_path / "pod") == first


def test_without_code_only_the_model_comes(tmp_path: Path, kept: str) -> None:
    """An image may bring the code."""
    fetch(kept.partition("?")[0], tmp_path / "pod")

    assert files(tmp_path / "pod") == files(tmp_path / "made")


IMAGE = f"registry.example/own@sha256:{'a' * 64}"


def image_kept(folder: Path) -> str:
    """Return the place of a model that an image answers for."""
    told = {"image": IMAGE, "model": "own", "inputs": [{"name": "x"}], "output": {"name": "y"}}
    made = Packed("v2", {"predictor.json": json.dumps(told).encode()})
    sha256 = package.write(folder / "own", made, SIGNATURE, {})
    FileStore(folder / "store").put_folder(Uri(f"models/flights/{sha256}"), folder / "own")
    return f"file://{folder}/store/models/flights/{sha256}"


def test_the_image_that_git_names_is_the_package_s_or_the_pod_does_not_start(tmp_path: Path, kept: str) -> None:
    """It would run before anybody asked it for its golden rows."""
    own = image_kept(tmp_path)
    other = IMAGE.replace("a" * 64, "b" * 64)

    fetch(own, tmp_path / "pod", predictor=IMAGE)
    with pytest.raises(PermanentError, match=f"Git names predictor '{other}', and the package '{IMAGE}'"):
        fetch(own, tmp_path / "second", predictor=other)
    with pytest.raises(PermanentError, match="no image answers for the model"):
        fetch(kept, tmp_path / "third", predictor=IMAGE)


def test_a_swapped_file_is_refused(tmp_path: Path, kept: str) -> None:
    """The store is not trusted: Git says the digest."""
    sha256 = kept.partition("?")[0].rpartition("/")[2]
    (tmp_path / "store" / "models" / "flights" / sha256 / "model.onnx").write_bytes(b"other")

    with pytest.raises(PermanentError, match=r"model\.onnx has another sha256"):
        fetch(kept, tmp_path / "pod")

    assert not (tmp_path / "pod" / "model.onnx").exists()


def test_swapped_code_is_refused(tmp_path: Path, kept: str) -> None:
    """It would run in the pod."""
    code = kept.rpartition("=")[2]
    path = tmp_path / "store" / code_uri("flights", code)
    document = json.loads(path.read_bytes())
    document["files"]["flights/features.py"] = "cHJpbnQoKQ=="
    path.write_text(json.dumps(document))

    with pytest.raises(PermanentError, match="is corrupt: its files have sha256"):
        fetch(kept, tmp_path / "pod")

    assert not (tmp_path / "pod" / "service").exists()


@pytest.mark.parametrize("name", ["../outside.py", "/etc/outside.py", "flights/../../outside.py"])
def test_code_cannot_lead_out_of_its_folder(tmp_path: Path, name: str) -> None:
    """Even where the digest is right: a digest says who wrote it, not what."""
    code = ServiceCode(headgate="1", spec="service.yaml", files={name: b"", "service.yaml": b""})
    FileStore(tmp_path / "store").put(code_uri("flights", code.digest), encode(code))
    sha256 = package.write(tmp_path / "made", b"onnx", SIGNATURE, {})
    FileStore(tmp_path / "store").put_folder(Uri(f"models/flights/{sha256}"), tmp_path / "made")

    with pytest.raises(PermanentError, match="leads out of its folder"):
        fetch(f"file://{tmp_path}/store/models/flights/{sha256}?code={code.digest}", tmp_path / "pod")

    assert not list(tmp_path.rglob("outside.py"))


def test_a_model_that_is_not_there_yet_may_be_asked_for_again(tmp_path: Path) -> None:
    """Exit 75: the pod starts the container again."""
    with pytest.raises(TransientError, match="is not in store"):
        fetch(f"file://{tmp_path}/store/models/flights/{digest_of(b'no')}", tmp_path / "pod")


VERDICT = decode((Path(__file__).parents[2] / "golden/records/verdict-1.json").read_bytes(), Verdict)


@pytest.mark.parametrize("outcome", ["pass", "fail"])
def test_what_answers_people_comes_only_with_the_verdict_that_let_it(
    tmp_path: Path, kept: str, outcome: VerdictOutcome
) -> None:
    """Nothing of it is there otherwise."""
    sha256, code = Digest(kept.partition("?")[0][-64:]), kept[-64:]
    made = replace(VERDICT, outcome=outcome, model=replace(VERDICT.model, sha256=sha256, code=code))
    FileStore(tmp_path / "store").put(Uri(f"evidence/{digest(made)}.json"), encode(made))

    if outcome == "pass":
        fetch(kept, tmp_path / "pod", verdict=digest(made), champion=VERDICT.champion)
    else:
        with pytest.raises(PermanentError, match="is fail, and it would answer people"):
            fetch(kept, tmp_path / "pod", verdict=digest(made), champion=VERDICT.champion)

    assert (tmp_path / "pod" / "manifest.json").exists() is (outcome == "pass")


def test_a_verdict_that_the_store_does_not_have_is_none(tmp_path: Path, kept: str) -> None:
    """It may have been judged elsewhere."""
    with pytest.raises(PermanentError, match="no document 'evidence/aaaa"):
        fetch(kept, tmp_path / "pod", verdict="a" * 64, champion="b" * 64)


@pytest.mark.parametrize("broken", ["absent", "swapped", "no place", "no store"])
def test_a_pod_starts_without_an_optional_model(
    tmp_path: Path, kept: str, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shadow: the reason is said, and the container ends well."""
    place = kept.partition("?")[0]
    if broken == "swapped":
        (Path(place.removeprefix("file://")) / "model.onnx").write_bytes(b"other")
    uris = {
        "absent": f"{place[:-64]}{'a' * 64}",
        "no place": "latest",
        "no store": f"s3:///models/flights/{place[-64:]}",
    }

    fetch(uris.get(broken, place), tmp_path / "pod", optional=True)

    assert "the server starts without it" in capsys.readouterr().err
    assert not (tmp_path / "pod" / "manifest.json").exists()


@pytest.mark.parametrize(
    "uri",
    [
        "models/flights/latest",
        "s3://bucket/models/flights/latest",
        "s3://bucket/models/flights/" + "a" * 63,
        "s3://bucket/models/../" + "a" * 64,
        "https://host/models/flights/" + "a" * 64,
        "s3://bucket/models/flights/" + "a" * 64 + "?code=1",
    ],
)
def test_a_place_that_could_change_is_refused(tmp_path: Path, uri: str) -> None:
    """Only an immutable place is fetched from."""
    with pytest.raises(UsageError, match="is no place of a model"):
        fetch(uri, tmp_path / "pod")


def test_it_waits_for_no_library_that_computes() -> None:
    """A canary's first request waits for it: what only trains or serves is not imported."""
    asked = "import sys, headgate.cli.fetch; print({'numpy', 'polars', 'onnxruntime', 'sklearn'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)

    assert "set()" == done.stdout.strip()
