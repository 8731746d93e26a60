"""A predictor image of the owner's own: a model of a few numbers, trained by the owner's code, answering over V2."""

import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from cluster import images
from cluster.pack import layer
from cluster.scenarios.ring.install import ROOT
from cluster.site import Site

SERVER = ROOT / "tests" / "fakes" / "predictor.py"
NAME = "docker.io/library/own-predictor"
START = '''"""Serve the numbers that lie beside the model, on all addresses."""

import json
from pathlib import Path

from predictor import Predictor

server = Predictor(8000, "0.0.0.0")
*server.weights, server.bias = json.loads(Path("/mnt/models/weights.json").read_text())
server.serve_forever()
'''
FIT = '''"""Fits a logistic sum, and loads it into the predictor that runs beside training."""

import json
import os
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
from sklearn.linear_model import LogisticRegression


def fit(train, tune, params, seed):
    """Return the description of the predictor that now answers for what was learned."""
    found = LogisticRegression(max_iter=1000).fit(np.nan_to_num(train.x), train.y)
    numbers = json.dumps([*map(float, found.coef_[0]), float(found.intercept_[0])])
    urlopen(Request(os.environ["HEADGATE_PREDICTOR"], numbers.encode(), method="PUT"), timeout=10).close()
    Path("weights.json").write_text(numbers)
    own = {
        "image": "IMAGE",
        "model": "own",
        "version": "3",
        "inputs": [{"name": "x"}],
        "output": {"name": "y", "datatype": "FP64"},
        "files": ["weights.json"],
    }
    Path("predictor.json").write_text(json.dumps(own))
    return Path("predictor.json")
'''


def brought(site: Site) -> str:
    """Bring the image to the node, and return it by its digest, as predictor.json must name it."""
    key = hashlib.sha256(SERVER.read_bytes() + START.encode()).hexdigest()

    def fill(work: Path) -> None:
        (work / "own").mkdir()
        shutil.copyfile(SERVER, work / "own" / "predictor.py")
        (work / "own" / "start.py").write_text(START)

    base = images.headgate()
    start = ["python3", "/own/start.py"]
    made = replace(base, name=f"{NAME}:dev", layers=[*base.layers, layer("predictor", key, fill)], entrypoint=start)
    images.load(site, made)
    pinned = f"{NAME}@sha256:{hashlib.sha256(made.manifest()).hexdigest()}"
    subprocess.run([*images.ctr(site), "images", "tag", "--force", made.name, pinned], check=True, capture_output=True)
    return pinned


def taught(folder: Path, image: str) -> None:
    """Let a service's next model be the owner's own."""
    (folder / "pumps" / "own.py").write_text(FIT.replace("IMAGE", image))
    spec = folder / "service.yaml"
    spec.write_text(spec.read_text().replace("entrypoint: logistic", 'entrypoint: "pumps.own:fit"'))
