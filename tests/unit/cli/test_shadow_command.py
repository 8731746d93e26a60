"""`headgate shadow`: from a server with two models to the paired report, with and without labels."""

import json
from pathlib import Path

import msgspec
import pytest

from headgate.cli.wiring import open_project
from headgate.desired import file_path
from headgate.models import package
from headgate.records.change import Edit
from headgate.records.codec import digest_of
from headgate.records.comparison import ShadowReport
from headgate.serve.observers.background import Pause
from headgate.serve.protocols.v2 import decode
from headgate.serve.setup.observers import ShadowOptions, shadow_of
from headgate.serve.setup.options import ServeOptions
from headgate.serve.setup.preparing import prepare
from unit.cli.terminal import Terminal, orders


def pairs_of(live: Terminal, rows: int = 200) -> Path:
    """Let the live model answer orders, with its own copy under another name as the shadow."""
    project = open_project(live.folder / "service.yaml", None)
    champion = project.live(None).champion
    assert champion is not None
    model = project.store.folder(champion.uri)
    signature = package.read_signature(model)
    shadow = live.folder / "shadow"
    documents = {"note.txt": "the same network, another package"}
    sha256 = package.write(shadow, (model / "model.onnx").read_bytes(), signature, documents)
    served = prepare(
        ServeOptions(model=model, sha256=champion.sha256, service_file=project.service_file), champion.sha256
    )
    second = ShadowOptions(model=shadow, sha256=sha256, share=1.0, log=live.folder / "pairs")
    mirrored = shadow_of(served.predictor, second)
    assert mirrored is not None
    frame = orders()[:rows].select(*served.door.types)
    inputs = [
        {
            "name": name,
            "shape": [rows],
            "datatype": datatype,
            "data": [value if isinstance(value, int | float | None) else str(value) for value in frame[name]],
        }
        for name, datatype in served.door.datatypes.items()
    ]
    admitted = served.door.admit(decode(json.dumps({"inputs": inputs}).encode()))
    mirrored.offer(admitted, served.predictor.answer(admitted))
    mirrored.fold(Pause())
    served.background.stop()
    return live.folder / "pairs"


def test_no_pairs_are_no_report(live: Terminal) -> None:
    """And it says how to get some."""
    said = live("shadow", live.folder)

    assert 1 == said.code
    assert "serve with --shadow-model and --shadow-log" in said.err


def test_pairs_of_the_shadow_that_git_names_are_found(live: Terminal) -> None:
    """Where the ring's servers keep them; without a shadow in serving.yaml it is said that a folder must be named."""
    pairs = pairs_of(live)
    project = open_project(live.folder / "service.yaml", None)
    standing, service = project.live(None), project.spec.service
    version = standing.desired.version(standing.environment, service)
    assert version is not None
    unnamed = live("shadow")
    other = package.read(live.folder / "shadow", package.MANIFEST)
    sha256 = digest_of(other)
    text = f"shadow: {{storageUri: models/{service}/{sha256}, sha256: '{sha256}'}}\n"
    edit = Edit(path=file_path(standing.environment, service, "serving.yaml"), text=text)
    project.forge.commit([edit], "A shadow\n", project.forge.head())  # type: ignore[attr-defined]  # a person's push
    kept = project.predictions(standing.environment) / "pairs" / f"{version.model.sha256[:12]}-{sha256[:12]}"
    kept.parent.mkdir(parents=True)
    pairs.rename(kept)

    said = live("shadow", "--environment", standing.environment)

    assert (1, True) == (unnamed.code, "names no shadow of a champion" in unnamed.err)
    assert (0, True) == (said.code, "200 rows" in said.out), said.err


def test_pairs_of_another_service_are_refused(live: Terminal) -> None:
    """Its ids would join to nothing."""
    folder = pairs_of(live)
    [file] = folder.glob("*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"service":"orders"', b'"service":"trips"', 1))

    said = live("shadow", folder)

    assert 1 == said.code
    assert "are of service 'trips', and service.yaml describes 'orders'" in said.err


@pytest.mark.parametrize("labelled", [False, True])
def test_a_model_beside_itself_differs_in_nothing(live: Terminal, labelled: bool) -> None:
    """Difference zero, no decision changed; with labels the metrics of both, the same."""
    folder = pairs_of(live)

    said = live("shadow", folder, "--output", "json", *(["--labelled", "--as-of", "2100-01-01"] if labelled else []))

    assert 0 == said.code, said.err
    found = msgspec.json.decode(said.out, type=ShadowReport)
    assert (0.0, 0.0, 0.0) == (found.differences[0].value, found.differences[0].low, found.differences[0].high)
    assert found.changed is not None
    assert 0.0 == found.changed.value
    assert all(side.champion == side.shadow for side in found.metrics)
    assert (200 if labelled else 0) == found.labelled
    assert labelled == bool(found.metrics)


def test_a_person_reads_what_changed(live: Terminal) -> None:
    """Rows, differences, decisions, and what the intervals mean."""
    said = live("shadow", pairs_of(live))

    assert "200 rows" in said.out
    assert "changed 0.0% [0.0%, 0.0%]" in said.out
    assert "at this one look" in said.out
