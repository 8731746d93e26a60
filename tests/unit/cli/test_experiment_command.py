"""`headgate experiment`: from a prediction log of two arms to the verdict a person reads."""

import json
from pathlib import Path

import msgspec
import pytest

from headgate.cli.wiring import open_project
from headgate.models import package
from headgate.records.comparison import ExperimentReport
from headgate.serve.experiment.divided import ExperimentOptions
from headgate.serve.protocols.v2 import decode
from headgate.serve.setup.options import ServeOptions
from headgate.serve.setup.preparing import prepare
from unit.cli.terminal import Terminal, orders


@pytest.fixture
def divided(live: Terminal) -> tuple[Terminal, Path]:
    """The live model and its own copy have answered 400 orders, divided by weight."""
    project = open_project(live.folder / "service.yaml", None)
    champion = project.live(None).champion
    assert champion is not None
    model = project.store.folder(champion.uri)
    documents = {"note.txt": "the same network, another package"}
    content, signature = (model / "model.onnx").read_bytes(), package.read_signature(model)
    sha256 = package.write(live.folder / "second", content, signature, documents)
    options = ServeOptions(
        model=model,
        sha256=champion.sha256,
        service_file=project.service_file,
        log_dir=live.folder / "log",
        flush_seconds=0,
        experiment=ExperimentOptions(name="copies", model=live.folder / "second", sha256=sha256, key="weight"),
    )
    served = prepare(options, champion.sha256)
    frame = orders()[:400].select(*served.door.types)
    inputs = [
        {"name": name, "shape": [400], "datatype": datatype, "data": frame[name].to_list()}
        for name, datatype in served.door.datatypes.items()
    ]
    rows = served.door.admit(decode(json.dumps({"inputs": inputs}).encode()))
    assert served.recorder is not None
    served.recorder.record(rows, served.predictor.answer(rows).tolist())
    served.background.stop()
    return live, live.folder / "log"


def test_an_experiment_that_nobody_ran_says_how_to_run_one(live: Terminal) -> None:
    """Also where there is no log at all."""
    said = live("experiment", "colours")

    assert 1 == said.code
    assert "serve with --experiment and --log-dir" in said.err


def test_a_name_that_is_nearly_right_is_asked_back(divided: tuple[Terminal, Path]) -> None:
    """Of those in the log."""
    terminal, log = divided

    said = terminal("experiment", "copis", "--log-dir", log)

    assert 1 == said.code
    assert "Did you mean 'copies'?" in said.err


def test_a_model_against_its_copy_is_undecided(divided: tuple[Terminal, Path]) -> None:
    """On every labelled row, with both arms' sizes and chances."""
    terminal, log = divided

    said = terminal("experiment", "copies", "--log-dir", log, "--as-of", "2100-01-01", "--output", "json")

    assert 0 == said.code, said.err
    found = msgspec.json.decode(said.out, type=ExperimentReport)
    assert "undecided" == found.outcome
    assert 400 == sum(arm.labelled for arm in found.arms)
    assert [0.5, 0.5] == [arm.propensity for arm in found.arms]


def test_before_labels_have_matured_nothing_is_judged(divided: tuple[Terminal, Path]) -> None:
    """The early ones alone would be another question."""
    terminal, log = divided

    said = terminal("experiment", "copies", "--log-dir", log, "--as-of", "2001-01-01")

    assert 0 == said.code, said.err
    assert said.out.startswith("copies: INSUFFICIENT DATA, 0 labelled keys in an arm, 25 needed")
    assert "over all looks together" in said.out


def test_half_an_experiment_is_a_misuse(terminal: Terminal) -> None:
    """A name without a model would silently divide nothing."""
    said = terminal(
        *("serve", "--model", ".", "--sha256", "a" * 64, "--service-file", "service.yaml", "--experiment", "copies")
    )

    assert 2 == said.code
    assert "need each other" in said.err


def test_an_experiment_of_a_share_is_a_misuse(terminal: Terminal) -> None:
    """Its report counts keys: some rows that are not logged look like arms that chance did not make."""
    said = terminal(
        *("serve", "--model", ".", "--sha256", "a" * 64, "--service-file", "service.yaml", "--log-share", "0.5"),
        *("--experiment", "copies", "--experiment-model", "."),
    )

    assert 2 == said.code
    assert "goes without --log-share" in said.err
