"""Who may name what: each library has its place, and verbs know no clock, no chance, no machine."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "headgate"

EVERYWHERE = ("",)
BELONGS = {
    "msgspec": EVERYWHERE,
    "numpy": EVERYWHERE,
    "polars": EVERYWHERE,
    "aiohttp": ("local/",),
    "aiokafka": ("adapters/kafka/",),
    "boto3": ("adapters/bucket.py",),
    "botocore": ("adapters/bucket.py",),
    "cryptography": ("adapters/forges/tokens.py",),
    "google": ("cli/describing.py", "serve/grpc/", "train/packing.py"),
    "grpc": ("serve/grpc/",),
    "grpc_tools": ("cli/describing.py",),
    "hera": ("graph/engines/argo/",),
    "httpx": ("adapters/forges/rest.py",),
    "kfp": ("graph/engines/kfp.py",),
    "fastapi": ("receive/", "cli/receive.py"),
    "kserve": ("serve/kserve.py",),
    "kubernetes": ("adapters/kubernetes.py",),
    "mlflow": ("adapters/trackers/mlflow.py",),
    "lightgbm": ("models/lightgbm.py",),
    "multidict": ("local/",),
    "onnx": ("train/", "models/"),
    "onnxruntime": ("models/",),
    "opentelemetry": ("serve/telemetry/traces.py",),
    "optuna": ("train/",),
    "prometheus_client": (
        "receive/",
        "serve/door/violations.py",
        "serve/experiment/divided.py",
        "serve/shadow/mirroring.py",
        "serve/telemetry/",
        "stream/",
    ),
    "psutil": ("cli/", "local/"),
    "pygit2": ("adapters/forges/",),
    "rich": ("cli/", "show/"),
    "scipy": ("stats/", "drift/performance.py"),  # performance asks for one quantile of the t distribution
    "skl2onnx": ("train/",),
    "sklearn": ("train/",),
    "skops": ("models/skops.py",),
    "starlette": ("serve/http/",),
    "threadpoolctl": ("train/",),
    "typer": ("cli/",),
    "urllib3": ("adapters/kubernetes.py",),
    "uvicorn": ("cli/receive.py", "serve/http/connection.py", "serve/process.py"),
    "yaml": ("specs/", "contract/infer.py", "cli/env_rendered.py", "models/mlflow.py"),
    "xgboost": ("models/xgboost.py", "train/native.py"),
    "yarl": ("local/",),
}
"""Third party → the files that may import it; a library that is not here may be imported by none."""

NEVER_IN_STATISTICS = {"polars", "yaml"}

VERBS = (
    *("canary.py", "collect.py", "drift/", "evaluate/", "gate/", "join.py"),
    *("propose/", "stats/", "train/", "trigger.py", "validate.py", "why.py"),
)
PACKAGED = {"gate/packs.py read_text"}
"""Policy packs are part of the package: reading one is like importing it."""
IMPURE_NAMES = {
    "datetime.now",
    "datetime.today",
    "datetime.utcnow",
    "date.today",
    "os.environ",
    "os.getenv",
    "pl.read_csv",
    "pl.read_parquet",
    "pl.scan_parquet",
    "open",
    "input",
    "print",
}
SEEDED = {"Generator", "PCG64", "SeedSequence", "default_rng"}
"""What of numpy.random a verb may name: generators that were given a seed."""


def test_each_library_is_imported_only_where_it_belongs() -> None:
    """A new library, or an old one in a new place, has to be entered here first."""
    expected: list[str] = []

    actual = [
        f"{relative(path)} imports {library}"
        for path in modules("")
        for library in libraries(path)
        if not relative(path).startswith(BELONGS.get(library, ("nowhere",)))
    ]

    assert expected == actual


def test_the_table_names_no_library_that_nobody_imports() -> None:
    """A permission that is not used is taken back."""
    imported = {library for path in modules("") for library in libraries(path)}

    unused = BELONGS.keys() - imported

    assert unused == set()


def test_statistics_stand_on_numbers_alone() -> None:
    """`stats` takes arrays: frames and files are somebody else's."""
    named = {library for path in modules("stats/") for library in libraries(path)}

    assert named & NEVER_IN_STATISTICS == set()


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_names_no_clock_no_chance_and_no_file(verb: str) -> None:
    """What a verb must know of the world is handed to it; modules it may not import are import-linter's."""
    paths = list(modules(verb))

    found = [
        f"{relative(path)}:{line} {name}"
        for path in paths
        for name, line in impurities(path)
        if f"{relative(path)} {name}" not in PACKAGED
    ]

    assert paths
    assert found == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("datetime.now(UTC)", "datetime.now"),
        ("dt.datetime.now()", "datetime.now"),
        ("os.environ['HOME']", "os.environ"),
        ("np.random.random(3)", "np.random.random"),
        ("numpy.random.seed(1)", "np.random.seed"),
        ("np.random.default_rng()", "np.random.default_rng()"),
        ("open('rows.csv')", "open"),
        ("path.read_text()", "read_text"),
    ],
)
def test_an_impure_line_is_found(line: str, name: str) -> None:
    """The search above finds what it looks for."""
    assert [name] == [found for found, _ in impure(ast.parse(line))]


def test_a_seeded_generator_is_no_impurity() -> None:
    """Chance that was handed in as a seed is a value."""
    assert list(impure(ast.parse("np.random.default_rng(seed)"))) == []


def modules(within: str) -> Iterator[Path]:
    place = PACKAGE / within
    yield from [place] if place.is_file() else sorted(place.rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def libraries(path: Path) -> Iterator[str]:
    """Yield the third parties a module imports, wherever in it the import stands."""
    yield from (top for top in imports(path) if top != "headgate" and top not in sys.stdlib_module_names)


def imports(path: Path) -> Iterator[str]:
    """Yield the top-level packages a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def impurities(path: Path) -> Iterator[tuple[str, int]]:
    return impure(ast.parse(path.read_text()))


def impure(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_NAMES:
            yield node.func.id, node.lineno
        if isinstance(node, ast.Call) and ast.unparse(node).endswith("random.default_rng()"):
            yield "np.random.default_rng()", node.lineno
        if isinstance(node, ast.Attribute):
            whole = ast.unparse(node.value)
            owner = whole.rpartition(".")[2]
            if whole in {"np.random", "numpy.random"} and node.attr not in SEEDED:
                yield f"np.random.{node.attr}", node.lineno
            elif f"{owner}.{node.attr}" in IMPURE_NAMES:
                yield f"{owner}.{node.attr}", node.lineno
            elif node.attr in {"read_text", "read_bytes", "write_text", "write_bytes"}:
                yield node.attr, node.lineno
