"""A forge in a folder, and a person's clone of it."""

from pathlib import Path

import pytest

from headgate.adapters.forges.gitdir import GitDir
from unit.forges.repository import FIRST, git


@pytest.fixture
def forge(tmp_path: Path) -> GitDir:
    return GitDir.create(tmp_path / "env.git", FIRST)


@pytest.fixture
def checkout(forge: GitDir, tmp_path: Path) -> Path:
    """Return a person's clone, made when it is asked for."""
    git(tmp_path, "clone", "-q", str(forge.path), "mine")
    return tmp_path / "mine"
