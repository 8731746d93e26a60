"""`headgate drift --sketch`: servers' sketches, added up, in place of the log."""

import json
from pathlib import Path

import msgspec
import pytest

from headgate.cli import references
from headgate.cli.wiring import open_project
from headgate.drift.place import uri
from headgate.drift.sketch import Sketch
from headgate.models.loading import load
from headgate.records.codec import decode, encode
from headgate.records.live import DriftReport
from headgate.serve.protocols.v2 import decode as decode_request
from headgate.serve.setup.options import ServeOptions
from headgate.serve.setup.preparing import prepare
from unit.cli.terminal import Terminal, orders

LATER = ("--as-of", "2100-01-01")


@pytest.fixture
def sketch(live: Terminal) -> Path:
    """What /sketch of a server of the live model says after 300 orders whose weight moved."""
    spec = live.folder / "service.yaml"
    spec.write_text(spec.read_text() + "\ndrift: {window: P7D, min_rows: 50}\n")
    project = open_project(spec, None)
    champion = project.live(None).champion
    assert champion is not None
    model = project.store.folder(champion.uri)
    reference = live.folder / "reference.json"
    references.kept(project, champion, load(model, champion.sha256))
    reference.write_bytes(project.store.get(uri(project.spec, champion.sha256)))
    options = ServeOptions(model=model, sha256=champion.sha256, service_file=spec, reference=reference)
    served = prepare(options, champion.sha256)
    frame = orders(300, seed=9).with_columns(weight=orders(300, seed=9)["weight"] + 4)
    inputs = [
        {"name": name, "shape": [300], "datatype": datatype, "data": frame[name].to_list()}
        for name, datatype in served.door.datatypes.items()
    ]
    rows = served.door.admit(decode_request(json.dumps({"inputs": inputs}).encode()))
    for observer in served.background.observers:
        observer.offer(rows, served.predictor.answer(rows))
    served.background.stop()
    file = live.folder / "sketch.json"
    file.write_bytes(served.documents["/sketch"]())
    return file


def test_a_sketch_that_is_none_says_where_there_is_one(live: Terminal) -> None:
    """And a file of another kind is named."""
    absent = live("drift", "--sketch", live.folder / "none.json")
    other = live("drift", "--sketch", live.folder / "service.yaml")

    assert (1, 1) == (absent.code, other.code)
    assert "curl -s http://SERVER/sketch" in absent.err
    assert "is not a record" in other.err


def test_a_window_that_is_not_over_is_not_judged(live: Terminal, sketch: Path) -> None:
    """Half of it is another question."""
    said = live("drift", "--sketch", sketch, "--as-of", "2001-01-01")

    assert 1 == said.code
    assert "hold no rows of a window of 7 days that is over" in said.err


def test_a_sketch_of_another_model_is_refused(live: Terminal, sketch: Path) -> None:
    """A canary's, for instance."""
    other = msgspec.structs.replace(decode(sketch.read_bytes(), Sketch), model="a" * 64)
    sketch.write_bytes(encode(other))

    said = live("drift", "--sketch", sketch, *LATER)

    assert 1 == said.code
    assert "the sketches are of model aaaaaaaaaaaa" in said.err


def test_two_servers_sketches_say_what_drifted(live: Terminal, sketch: Path) -> None:
    """Twice the rows, the same column; the record is a drift report like any other."""
    one = live("drift", "--sketch", sketch, *LATER, "--output", "json")
    two = live("drift", "--sketch", sketch, "--sketch", sketch, *LATER, "--output", "json")
    text = live("drift", "--sketch", sketch, *LATER)

    assert (0, 0, 0) == (one.code, two.code, text.code), one.err + two.err + text.err
    single, double = (msgspec.json.decode(said.out, type=DriftReport) for said in (one, two))
    assert (300, 600) == (single.rows, double.rows)
    assert "drifted" == single.outcome == double.outcome
    assert "DRIFTED, 300 rows served" in text.out
    assert "drifted    weight" in text.out
