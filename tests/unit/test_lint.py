"""What keeps an edit of the env repo from being merged."""

import pytest
from msgspec.structs import replace

from headgate.desired import parse, settings_digest
from headgate.lint import Problem, added, lint
from headgate.names import Digest
from headgate.specs.environment import Ban, Serving
from headgate.specs.writing import render_bans, render_version
from unit.envrepo import AT, COMMIT, MODEL, OTHER, VERSION, texts

BAN = Ban(model=MODEL, settings=settings_digest(Serving()), commit=COMMIT, reason="slow", at=AT)
P = "env/prod/flights/"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (f"{P}serving.yaml", "replica: 1", "Did you mean 'replicas'?"),
        (f"{P}serving.yaml", "replicas: 0", "expected `int` >= 1"),
        (f"{P}serving.yaml", "a: [", "is not YAML"),
        (f"{P}app.yaml", "chart: 1", "expected `str`"),
        (f"{P}version.yaml", "", "missing required field `storageUri`"),
        (f"{P}version.yaml", render_version(replace(VERSION, storage_uri="models/x")), "does not contain the model's"),
        (f"{P}version.yaml", render_version(VERSION).replace("name: flights", "name: rides"), "a model of 'rides'"),
        (f"{P}bans.yaml", "bans: [{model: x}]", "expected `str` matching"),
        (f"{P}notes.txt", "x", "not a file Headgate knows"),
        ("env/prod/readme.md", "x", "not a file Headgate knows"),
        ("env/prod/environment.yaml", "where: x", "unknown key"),
        ("env/Prod/environment.yaml", "", "'Prod' is not a name"),
        ("env/prod/Flights/app.yaml", "", "'Flights' is not a name"),
        ("promotion.yaml", "environments: x", "expected `array`"),
        ("promotion.yaml", None, "is missing"),
        (f"{P}serving.yaml", "# \udcff", "is not YAML: unacceptable character"),
        (f"{P}serving.yaml", "replicas: 2013-99-99", "is not YAML: month must be in 1..12"),
        (f"{P}serving.yaml", "replicas: " + "1" * 5000, "is not YAML: Exceeds the limit"),
        (f"{P}serving.yaml", "[" * 3000, "nested too deeply"),
        (f"{P}serving.yaml", "&a [*a]", "contains itself"),
    ],
)  # fmt: skip
def test_each_problem_is_found_in_its_file(path: str, text: str | None, expected: str) -> None:
    """And nothing else is said of the others."""
    problems = [
        problem
        for problem in lint(parse(texts(**{path: text})))
        if problem.path != "promotion.yaml" or path == problem.path
    ]

    assert [problem.path for problem in problems] == [path]
    assert expected in problems[0].message


def test_a_banned_pair_cannot_be_what_main_names() -> None:
    """The same model with other settings can."""
    banned = {f"{P}bans.yaml": render_bans([BAN])}

    assert [problem.path for problem in lint(parse(texts(**banned)))] == [f"{P}version.yaml"]
    assert lint(parse(texts(**banned, **{f"{P}serving.yaml": "replicas: 2"}))) == []


SHADOW = f"shadow: {{storageUri: models/flights/{OTHER}, sha256: {OTHER}}}"
TREATED = (
    f"experiment: {{name: colours, key: customer, storageUri: models/flights/{OTHER}, sha256: {OTHER}, "
    f"code: {'c' * 64}, verdict: {'e' * 64}, replaces: {MODEL}}}"
)
CODED = {f"{P}version.yaml": render_version(replace(VERSION, code="c" * 64))}


def test_a_second_model_is_looked_at_beside_the_champion() -> None:
    """A shadow may be any model but the champion itself."""
    itself = SHADOW.replace(OTHER, MODEL)

    assert [] == lint(parse(texts(**{f"{P}serving.yaml": SHADOW})))
    assert [] == lint(parse(texts(**CODED, **{f"{P}serving.yaml": TREATED})))
    (problem,) = lint(parse(texts(**{f"{P}serving.yaml": itself})))
    assert (f"{P}serving.yaml", True) == (problem.path, "is the champion" in problem.message)


def test_no_promotion_is_merged_under_a_running_experiment() -> None:
    """Its arms would be other models in the middle; both in one pull request are well."""
    before = texts(**CODED, **{f"{P}serving.yaml": TREATED})
    third = "7" * 64
    pin = replace(VERSION.model, sha256=Digest(third))
    version = render_version(replace(VERSION, code="c" * 64, storage_uri=f"models/flights/{third}", model=pin))
    promoted = before | {f"{P}version.yaml": version}

    (problem,) = added(before, promoted)

    assert f"{P}serving.yaml" == problem.path
    assert "version.yaml names 777777777777" in problem.message
    assert "take `experiment` out" in problem.next_step
    assert [] == added(before, promoted | {f"{P}serving.yaml": ""})


def test_a_banned_model_answers_nobody_in_an_experiment_either() -> None:
    """It failed its canary here, with whatever settings; as a shadow it may still be watched."""
    banned = {f"{P}bans.yaml": render_bans([replace(BAN, model=OTHER)])}

    (problem,) = lint(parse(texts(**CODED, **banned, **{f"{P}serving.yaml": TREATED})))

    assert (f"{P}serving.yaml", True) == (problem.path, "which is banned: slow" in problem.message)
    assert [] == lint(parse(texts(**banned, **{f"{P}serving.yaml": SHADOW})))


def test_a_broken_neighbour_is_said_once() -> None:
    """Of itself, not of the settings beside it."""
    (problem,) = lint(parse(texts(**{f"{P}serving.yaml": TREATED, f"{P}version.yaml": "a: ["})))

    assert f"{P}version.yaml" == problem.path


def test_files_of_others_are_left_alone() -> None:
    """Charts, CI and README are not Headgate's to judge."""
    others = {"README.md": "x", "charts/headgate-service/0.1.0/Chart.yaml": "a: [", ".github/workflows/ci.yaml": "x: y"}

    assert lint(parse(texts(**others))) == []


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("environments: [{name: dev}, {name: prod, after: stage}]", "comes after 'stage'"),
        ("environments: [{name: prod, after: dev}, {name: dev}]", "comes after 'dev', which is not above it"),
        ("environments: [{name: dev}, {name: dev}, {name: prod}]", "names environment 'dev' twice"),
        ("environments: [{name: dev}]", "does not name env/prod/"),
    ],
)
def test_a_wrong_order_of_environments_is_found(order: str, expected: str) -> None:
    """A model would wait for ever, or skip a place."""
    (problem,) = lint(parse(texts(**{"promotion.yaml": order})))

    assert "promotion.yaml" == problem.path
    assert expected in problem.message


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("is missing", "env/a.yaml: is missing; next: mend it"),
        ("env/a.yaml: replicas: too many", "env/a.yaml: replicas: too many; next: mend it"),
        ("env/a.yaml:3 has unknown key", "env/a.yaml:3 has unknown key; next: mend it"),
    ],
)
def test_a_problem_is_a_line_that_names_its_file_once(message: str, expected: str) -> None:
    """Editors and CI find the place; the end says what to do."""
    assert expected == Problem("env/a.yaml", message, "mend it").line()


def test_only_the_problems_that_a_change_brings_bar_it() -> None:
    """A service whose file was broken before keeps nobody else from merging a revert."""
    broken = texts(**{"env/prod/rides/serving.yaml": "replicas: 0"})

    assert [] == added(broken, broken | {f"{P}serving.yaml": "replicas: 2"})
    assert [f"{P}serving.yaml"] == [problem.path for problem in added(broken, broken | {f"{P}serving.yaml": "x: 1"})]
    assert [] == added(broken, texts())
