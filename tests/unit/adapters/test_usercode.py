"""The service owner's own code: loading and digests."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headgate.adapters.usercode import code_digest, installed, load, lock_digest
from headgate.errors import PermanentError, TransientError


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(root: Path, **files: str) -> Path:
    """Write `own__train=…` as own/train.py."""
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def refused(entry: str, folder: Path) -> str:
    with pytest.raises(PermanentError) as caught:
        load(entry, folder)
    return "\n".join(caught.value.lines())


@pytest.mark.parametrize("entry", ["", "own", "own.train", "own:", ":fit", "own train:fit", "../own:fit", "own:fit()"])
def test_what_is_not_module_and_function_is_refused(tmp_path: Path, entry: str) -> None:
    """Nothing is imported for it."""
    assert "is not `module:function`" in refused(entry, tmp_path)


def test_a_missing_module_is_named_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    """And with those there are."""
    said = refused("own.trian:fit", write(tmp_path, own__train="fit = print", own__features=""))

    assert "no module 'own.trian' for 'own.trian:fit'. Did you mean 'own.train'?" in said
    assert "own.features, own.train" in said


def test_a_missing_module_in_an_empty_folder_says_so(tmp_path: Path) -> None:
    """The likeliest cause is the wrong folder."""
    assert f"{tmp_path}: no Python files" in refused("own:fit", tmp_path)


def test_a_missing_function_is_named_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    """And the file it was looked for in."""
    said = refused("own:fitt", write(tmp_path, own="def fit(): ...\ndef _hidden(): ..."))

    assert "module 'own' has no function 'fitt'. Did you mean 'fit'?" in said
    assert "_hidden" not in said


def test_what_is_not_callable_is_refused(tmp_path: Path) -> None:
    """A constant of that name is no function."""
    assert "'own:fit' is a int, expected a function" in refused("own:fit", write(tmp_path, own="fit = 3"))


def test_an_import_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """It is their import that fails, not ours: the line is theirs."""
    said = refused("own:fit", write(tmp_path, own="import os\nimport nowhere_to_be_found\n"))

    assert "install 'nowhere_to_be_found'" in said
    assert "own.py:2" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n1 / 0", "importing 'own' raised ZeroDivisionError"),
        ("def fit(:", "importing 'own' raised SyntaxError"),
        ("import sys\nsys.exit(3)", "importing 'own' raised SystemExit: 3"),
    ],
)
def test_an_error_while_importing_is_theirs(tmp_path: Path, text: str, expected: str) -> None:
    """Whatever their module does, the command ends with a message and the file."""
    said = refused("own:fit", write(tmp_path, own=text))

    assert expected in said
    assert "own.py" in said


def test_an_error_of_headgates_own_kind_passes_unchanged(tmp_path: Path) -> None:
    """A reader may say that retrying helps."""
    text = "from headgate.errors import TransientError\nraise TransientError('source is away')"

    with pytest.raises(TransientError, match="source is away"):
        load("own:fit", write(tmp_path, own=text))


def test_a_function_and_its_siblings_are_loaded(tmp_path: Path) -> None:
    """Packages, plain modules and imports between them work as in any project."""
    folder = write(
        tmp_path,
        own____init__="",
        own__a="from own.b import two\ndef fit(): return two()",
        own__b="def two(): return 2",
    )

    assert load("own.a:fit", folder)() == 2


def test_a_function_may_import_its_sibling_when_it_is_called(tmp_path: Path) -> None:
    """The folder stays importable, behind everything installed."""
    folder = write(tmp_path, own="def fit():\n    import sibling\n    return sibling.N", sibling="N = 4")

    function = load("own:fit", folder)

    assert function() == 4
    assert sys.path[-1] == str(folder)
    assert sys.path.count(str(folder)) == 1


def test_two_services_may_use_the_same_module_names(tmp_path: Path) -> None:
    """Each gets its own, and functions loaded before keep theirs."""
    one = write(tmp_path / "one", train="import rest\ndef fit(): return 1, rest.N", rest="N = 1")
    two = write(tmp_path / "two", train="import rest\ndef fit(): return 2, rest.N", rest="N = 2")

    functions = [load("train:fit", one), load("train:fit", two)]

    assert [function() for function in functions] == [(1, 1), (2, 2)]


def test_a_module_with_the_name_of_an_imported_package_is_refused(tmp_path: Path) -> None:
    """Getting the package in its place would be a riddle."""
    said = refused("polars:fit", write(tmp_path, polars="def fit(): ..."))

    assert "module 'polars' of" in said
    assert "rename it" in said


def test_installed_code_can_be_named_too(tmp_path: Path) -> None:
    """A service's code may come as a wheel."""
    assert load("json:loads", tmp_path) is json.loads


def contents(folder: Path, **extra: Any) -> Path:
    write(folder, own__train="fit = 1")
    (folder / "service.yaml").write_text("service: own\n")
    (folder / "rows.sql").write_text("select 1\n")
    return folder


@pytest.mark.parametrize("name", ["own/train.py", "service.yaml", "rows.sql", "own/new.py", "deep/er/x.yml"])
def test_any_change_of_code_changes_its_digest(tmp_path: Path, name: str) -> None:
    """A run is skipped only when nothing that decides it has changed."""
    before = code_digest(contents(tmp_path))
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("changed\n")

    assert code_digest(tmp_path) != before


@pytest.mark.parametrize(
    "name",
    [
        "rows.csv",
        "notes.md",
        ".headgate/runs/1/service.yaml",
        "own/__pycache__/train.py",
        ".venv/lib/x.py",
        "env/lib/x.py",
        "other/sub/x.py",
        "bare.git/x.yaml",
        "mlruns/0/meta.yaml",
    ],
)
def test_data_caches_and_other_projects_are_not_code(tmp_path: Path, name: str) -> None:
    """What a run itself writes must not make the next one differ."""
    before = code_digest(contents(tmp_path))
    for mark in ("env/pyvenv.cfg", "other/.git/config", "bare.git/HEAD", name):
        (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / mark).write_text("x\n")

    assert code_digest(tmp_path) == before


def test_a_digest_is_the_same_wherever_the_folder_is(tmp_path: Path) -> None:
    """Two clones are the same code."""
    assert code_digest(contents(tmp_path / "a")) == code_digest(contents(tmp_path / "b"))


def test_moving_text_between_files_changes_the_digest(tmp_path: Path) -> None:
    """Names count, not only contents."""
    before = code_digest(contents(tmp_path))
    (tmp_path / "own" / "train.py").rename(tmp_path / "own" / "fit.py")

    assert code_digest(tmp_path) != before


def test_the_lock_names_what_is_installed_and_is_quick() -> None:
    """Every step asks for it; reading each package's metadata would cost more than the step."""
    started = time.perf_counter()
    one, other = lock_digest(), lock_digest()

    assert one == other
    assert time.perf_counter() - started < 0.5
    assert any(name.startswith("polars-") for name in installed())


def test_another_package_is_another_lock(tmp_path: Path) -> None:
    """The same code with another library is another run."""
    before = lock_digest()
    (tmp_path / "new_package-1.0.dist-info").mkdir()
    sys.path.append(str(tmp_path))

    assert lock_digest() != before
