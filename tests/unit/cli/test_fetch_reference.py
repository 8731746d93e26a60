"""`headgate fetch` brings the model's drift reference where the store has it; where not, a pod starts as it did."""

from pathlib import Path

import pytest

from headgate.adapters.files import FileStore
from headgate.adapters.usercode import code_digest, gather
from headgate.cli.fetch import fetch
from headgate.drift.kept import Reference
from headgate.drift.place import BESIDE, uri
from headgate.drift.sketch import Sketch
from headgate.names import Digest, Name, Uri
from headgate.records.codec import decode, digest_of, encode
from headgate.records.model import code_uri
from headgate.serve.setup.preparing import prepare
from headgate.specs.reading import read
from headgate.specs.service import Service
from unit.serve.running import World, world


@pytest.fixture
def made(tmp_path: Path) -> World:
    """A model of rides and its service, both in a store, and a drift reference that is not there yet."""
    (tmp_path / "own").mkdir()
    made = world(tmp_path / "own")
    store = FileStore(tmp_path / "store")
    store.put_folder(Uri(f"models/rides/{made.sha256}"), made.model)
    own = gather(made.folder / "service.yaml")
    store.put(code_uri("rides", code_digest(made.folder)), encode(own))
    return made


def fetched(made: World) -> Path:
    """Fetch as a pod does; return the pod's folder."""
    store, pod = made.folder.parent / "store", made.folder.parent / "pod"
    fetch(f"file://{store}/models/rides/{made.sha256}?code={code_digest(made.folder)}", pod)
    return pod


def keep(made: World, content: bytes) -> None:
    spec = read(made.folder / "service.yaml", Service)
    FileStore(made.folder.parent / "store").put(uri(spec, made.sha256), content)


def reference(model: Digest) -> bytes:
    return encode(Reference(service=Name("rides"), model=model, block="P7D", rows=0, columns=()))


def test_a_model_without_one_comes_all_the_same(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Trained before there were any, or a store that keeps none: the reason is said."""
    pod = fetched(made)

    assert not (pod / BESIDE).exists()
    assert "no drift reference comes along" in capsys.readouterr().err


def counted_in(made: World, pod: Path) -> Digest | None:
    """Start what a pod does; return in whose bins it counts."""
    served = prepare(made.options(model=pod, service_file=pod / "service" / "service.yaml"), made.sha256)
    served.background.stop()
    return decode(served.documents["/sketch"](), Sketch).reference


@pytest.mark.parametrize("content", [b"", b"{}", reference(Digest("a" * 64))], ids=["empty", "no record", "another's"])
def test_one_that_is_none_of_the_model_stops_no_server(
    made: World, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody asked for it: it is said, and rows are counted in the contract's bins."""
    keep(made, content)

    found = counted_in(made, fetched(made))

    assert found is None
    assert "/sketch counts in bins of the contract" in capsys.readouterr().err


def test_a_pod_counts_in_the_bins_that_drift_compares_with(made: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an option and without an edit of serving.yaml; a container that runs again leaves it as it is."""
    keep(made, reference(made.sha256))
    pod = fetched(made)
    (made.folder.parent / "store" / "drift-references").rename(made.folder.parent / "gone")
    fetched(made)

    found = counted_in(made, pod)

    assert found == digest_of(reference(made.sha256))
    assert "drift reference" not in capsys.readouterr().err
