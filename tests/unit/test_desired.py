"""The env repo as typed values, its lint, and the files it begins with."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.desired import (
    Desired,
    Problem,
    champion,
    failed_in,
    history,
    initial,
    lint,
    live_tags,
    parse,
    settings_digest,
    state_of,
)
from headgate.errors import PermanentError
from headgate.names import Commit, Digest, Name
from headgate.records import codec
from headgate.records.live import Analysis, LiveTag, Revision
from headgate.specs.canary import Canary
from headgate.specs.environment import Ban, CauseNote, DataPin, Faults, ModelPin, Serving, Version
from headgate.specs.reading import parse as parse_spec
from headgate.specs.writing import VERSION_HEADER, render_bans, render_version

MODEL, OTHER, COMMIT = Digest("a" * 64), Digest("b" * 64), Commit("c" * 40)
AT = datetime(2013, 9, 1, 6, tzinfo=UTC)
VERSION = Version(
    storage_uri=f"models/flights/{MODEL}",
    model=ModelPin(name=Name("flights"), version="2013-07-30-aaaaaaaaaaaa", sha256=MODEL),
    dataset=DataPin(sha256=Digest("d" * 64), start=AT - timedelta(days=90), end=AT),
    code="code",
    lock="lock",
    seed=7,
    verdict=Digest("e" * 64),
    evidence=Digest("f" * 64),
    summary="PASS: AUC +.010 [.002, .018]",
    cause=CauseNote(cause="performance", detail="AUC low: 3 of 4"),
)


def texts(**changes: str | None) -> dict[str, str]:
    """Return a whole env repo; a change is by path, with None for no file."""
    first = {edit.path: edit.text or "" for edit in initial(["dev", "prod"], "flights")}
    first |= {f"env/{name}/flights/version.yaml": render_version(VERSION) for name in ("dev", "prod")}
    return {path: text for path, text in (first | changes).items() if text is not None}


def tag(outcome: str = "live", seq: int = 1, model: Digest = MODEL, days: int = 0, **changes: object) -> LiveTag:
    made = LiveTag(
        outcome="live" if outcome == "live" else "aborted",
        service=Name("flights"),
        environment=Name("prod"),
        seq=seq,
        commit=COMMIT,
        revision=Revision(model=model, settings=Digest("5" * 64), chart="0.1.0/0.1.0"),
        at=AT + timedelta(days=days),
    )
    return replace(made, **changes)


def analysis(outcome: str) -> Analysis:
    return Analysis(
        service=Name("flights"),
        environment=Name("prod"),
        commit=COMMIT,
        revision=tag().revision,
        weight=10,
        outcome=outcome,  # type: ignore[arg-type]
        answers=(),
        started_at=AT,
        ended_at=AT,
        canary_requests=1,
        stable_requests=1,
    )


def test_the_first_files_have_no_problems_and_no_version() -> None:
    """`headgate init` writes an env repo that its own CI accepts."""
    first = texts(**{f"env/{name}/flights/version.yaml": None for name in ("dev", "prod")})

    desired = parse(first, COMMIT)

    assert lint(desired) == []
    assert [order.name for order in desired.order()] == ["dev", "prod"]
    assert [order.after for order in desired.order()] == [None, "dev"]
    assert desired.services("prod") == ["flights"]
    assert (desired.version("prod", "flights"), desired.bans("prod", "flights")) == (None, ())
    assert desired.serving("prod", "flights") == Serving()
    assert desired.revision("prod", "flights") is None


@pytest.mark.parametrize("name", ["../x", "Prod", "a;b", "x" * 41, "", "a\nb"])
def test_a_hostile_name_makes_no_first_files(name: str) -> None:
    """Neither as an environment nor as a service."""
    with pytest.raises(PermanentError, match="not a name"):
        initial([name], "flights")
    with pytest.raises(PermanentError, match="not a name"):
        initial(["prod"], name)


def test_a_version_is_read_back_as_it_was_written() -> None:
    """And the same value gives the same text."""
    text = render_version(VERSION)

    assert parse_spec(text, Version, "version.yaml") == VERSION
    assert text == render_version(replace(VERSION))
    assert text.startswith(VERSION_HEADER)
    assert text.index("storageUri:") < text.index("model:") < text.index("cause:")


@given(st.text(max_size=200))
def test_any_words_survive_version_yaml(words: str) -> None:
    """A cause's detail may hold colons, quotes, newlines, anything that is Unicode."""
    version = replace(VERSION, summary=words, cause=replace(VERSION.cause, detail=words))

    assert parse_spec(render_version(version), Version, "version.yaml") == version


@given(st.text(max_size=100))
def test_any_reason_survives_bans_yaml(words: str) -> None:
    """A ban's reason comes from an analysis."""
    ban = Ban(model=MODEL, settings=OTHER, commit=COMMIT, reason=words, at=AT)

    desired = Desired({"env/prod/flights/bans.yaml": render_bans([ban])})

    assert desired.bans("prod", "flights") == (ban,)
    assert desired.ban("prod", "flights", MODEL, OTHER) == ban
    assert desired.ban("prod", "flights", MODEL, MODEL) is None


def test_the_canary_plan_takes_no_part_in_the_settings() -> None:
    """Pod settings do: a ban is about what ran."""
    plain = settings_digest(Serving())

    assert settings_digest(Serving(canary=Canary(steps=(50,)))) == plain
    assert settings_digest(Serving(replicas=2)) != plain
    assert settings_digest(Serving(faults=Faults(delay_ms=400.0))) != plain


def test_comments_and_spelled_out_defaults_are_the_same_settings() -> None:
    """The digest is of values, not of text."""
    spelled = Desired({"env/prod/flights/serving.yaml": "# x\nreplicas: 1\nfaults: {delay_ms: 0}\n"})

    assert spelled.settings("prod", "flights") == settings_digest(Serving())


def test_one_broken_file_harms_one_service() -> None:
    """The others are still read."""
    desired = parse(texts(**{"env/prod/rides/version.yaml": ": ["}))

    assert desired.version("prod", "flights") == VERSION
    with pytest.raises(PermanentError, match=r"env/prod/rides/version\.yaml"):
        desired.version("prod", "rides")


def test_an_unknown_environment_is_named_with_the_known() -> None:
    """The error shows what there is."""
    with pytest.raises(PermanentError, match="'live'") as caught:
        parse(texts()).environment_order("live")

    assert caught.value.found == "dev, prod"


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
    ],
)  # fmt: skip
def test_each_problem_is_found_in_its_file(path: str, text: str, expected: str) -> None:
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

    assert problem == Problem("promotion.yaml", problem.message)
    assert expected in problem.message


def test_the_champion_is_the_last_that_reached_healthy() -> None:
    """An aborted one does not count, nor another environment's."""
    tags = [tag(seq=2, model=OTHER, days=3), tag(seq=1), tag("aborted", seq=3, days=9)]
    tags.append(tag(seq=9, environment=Name("dev")))

    found = champion(tags, "prod", "flights")

    assert (found.seq, found.revision.model) == (2, OTHER) if found else False
    assert champion([tag("aborted")], "prod", "flights") is None
    assert [one.seq for one in history(tags, "prod", "flights")] == [1, 2, 3]


def test_tags_are_read_from_their_messages() -> None:
    """A tag that is no record is an error with its reason."""
    assert live_tags([codec.encode(tag()).decode()]) == [tag()]
    with pytest.raises(PermanentError, match="not a record"):
        live_tags(["hello"])


@pytest.mark.parametrize(
    ("named", "tags", "expected"),
    [
        (None, [], "nothing yet"),
        (MODEL, [], "on its way"),
        (MODEL, [tag()], "live"),
        (OTHER, [tag()], "on its way"),
        (OTHER, [tag(), tag("aborted", 2, OTHER, 1, analyses=(analysis("fail"),))], "canary failed"),
        (OTHER, [tag(), tag("aborted", 2, OTHER, 1, analyses=(analysis("error"),))], "canary ended"),
        # an abort from before the champion is about an earlier attempt
        (OTHER, [tag("aborted", 1, OTHER, -1, analyses=(analysis("fail"),)), tag(seq=2)], "on its way"),
    ],
)
def test_the_state_of_what_main_names(named: Digest | None, tags: list[LiveTag], expected: str) -> None:
    """Git alone tells it."""
    assert state_of(named, tags) == expected


def test_an_error_is_not_a_failure() -> None:
    """A canary that ended at its deadline blames nobody."""
    assert not failed_in(tag("aborted", analyses=(analysis("error"), analysis("inconclusive"))))
    assert failed_in(tag("aborted", analyses=(analysis("pass"), analysis("fail"))))
