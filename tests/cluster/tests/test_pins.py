"""What is built is what the pins say, and nothing is built twice."""

import re
from pathlib import Path

import pytest

from cluster import build, pins

EXACT = re.compile(r"v\d+\.\d+\.\d+")


@pytest.mark.parametrize("name", [name for name in pins.programs() if name != "pause"])
def test_each_program_is_pinned_to_one_exact_version(name: str) -> None:
    """A range or a branch would build something else tomorrow."""
    program = pins.programs()[name]

    assert EXACT.fullmatch(program.version), program.version
    assert all(package.startswith(program.module) for package in program.main.values())


def test_another_version_or_flag_is_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What shapes a binary is in the name of its folder, so that a stale one is never taken."""
    monkeypatch.setattr(pins, "PROGRAMS", tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "go.mod").write_text("module one\n\nrequire example.test/one v1.0.0\n")
    program = pins.Program(name="one", main={"one": "example.test/one"})
    first = program.digest

    (tmp_path / "one" / "go.mod").write_text("module one\n\nrequire example.test/one v1.0.1\n")

    assert program.digest != first
    assert pins.Program(name="one", main={"one": "example.test/one"}, tags=["x"]).digest != program.digest


def test_what_is_built_is_only_linked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A warm start starts no compiler: here there is none on the PATH."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    helm = pins.programs()["helm"]
    (helm.folder / "bin").mkdir(parents=True)
    (helm.folder / "bin" / "helm").write_text("built")

    build.build(["helm"])

    assert (pins.cache() / "bin" / "helm").read_text() == "built"
