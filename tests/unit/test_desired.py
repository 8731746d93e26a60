"""The env repo as typed values, and the files it begins with."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.desired import (
    Desired,
    champion,
    failed_in,
    history,
    initial,
    live_tags,
    parse,
    settings_digest,
    state_of,
)
from headgate.errors import PermanentError
from headgate.lint import lint
from headgate.names import Digest, Name
from headgate.records import codec
from headgate.records.live import Analysis, LiveTag, Revision
from headgate.specs.canary import Canary
from headgate.specs.environment import Ban, Faults, Serving, Version
from headgate.specs.reading import parse as parse_spec
from headgate.specs.writing import VERSION_HEADER, render_bans, render_version
from unit.envrepo import AT, COMMIT, MODEL, OTHER, VERSION, texts


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
