"""A terminal to type into: the command line in this process, its exit code and what it said."""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from headgate import cli

VERBS = ("collect", "validate", "train", "evaluate", "gate", "propose")


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


class Terminal:
    """A folder and a prompt."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.capsys = capsys
        monkeypatch.chdir(folder)
        monkeypatch.setenv("HEADGATE_TRACKER", "files")

    def __call__(self, *words: object) -> Said:
        """Type `headgate words…`."""
        self.capsys.readouterr()
        self.monkeypatch.setattr(sys, "argv", ["headgate", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self.capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    def pipeline(self) -> Said:
        """Type the verbs of the pipeline one after the other; return how the last one ended."""
        for verb in VERBS:
            said = self(verb)
            assert said.code == 0, f"{verb}: {said.err}"
        return said


def orders(rows: int = 900, seed: int = 1) -> pl.DataFrame:
    """Return rows whose label `late` two numbers and a word tell, with noise."""
    draw = np.random.default_rng(seed)
    weight, distance = draw.normal(size=rows), draw.normal(size=rows)
    carrier = draw.choice(["air", "rail", "road"], rows)
    late = 2 * weight - distance + (carrier == "road") + draw.normal(size=rows) > 0
    return pl.DataFrame({"weight": weight, "distance": distance, "carrier": carrier, "late": late.astype(int)})
