"""What the chart asks of a canary: the ring's own judgement, as Argo Rollouts carries it out."""

import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate import canary
from headgate.canary import QUESTIONS, Sample
from headgate.ports import Count
from headgate.receive.verdicts import BAD, REQUESTS, STABLE, STABLE_REQUESTS
from headgate.specs.canary import Canary
from headgate.specs.environment import Serving
from headgate.specs.reading import read
from headgate.stats.sequential import log_evidence
from unit.chart.rendering import NAMES, PROFILES, objects, one

pytestmark = pytest.mark.timeout(900)  # the first test may have to build Helm

BOTH = [(name, part) for name in NAMES for part in ("watch", "step")]


def plan_of(profile: str) -> Canary:
    return read(PROFILES / profile / "serving.yaml", Serving).canary or Canary()


def template(profile: str, part: str) -> dict[str, Any]:
    found: dict[str, Any] = one(objects(profile), "AnalysisTemplate", f"flights-{part}")["spec"]
    return found


def metrics(profile: str, part: str) -> dict[str, dict[str, Any]]:
    return {metric["name"]: metric for metric in template(profile, part)["metrics"]}


def query(metric: dict[str, Any]) -> str:
    text: str = metric["provider"]["prometheus"]["query"]
    return text


@pytest.mark.parametrize(("profile", "part"), BOTH)
def test_the_plan_s_questions_decide_and_their_counts_stand_beside(profile: str, part: str) -> None:
    """The receiver reads the counts by name; in a dry run they take no part in the outcome."""
    questions = plan_of(profile).questions
    found = metrics(profile, part)
    (dry,) = template(profile, part)["dryRun"]

    beside = {question + suffix for question in questions for suffix in (BAD, REQUESTS, STABLE)} | {STABLE_REQUESTS}
    assert set(found) == {*questions, *beside}
    assert {name for name in found if re.search(dry["metricName"], name)} == beside


@pytest.mark.parametrize(("profile", "part"), BOTH)
def test_no_data_is_neither_success_nor_guilt(profile: str, part: str) -> None:
    """Each condition first asks whether there is an answer; none makes neither true, which is inconclusive."""
    for name in plan_of(profile).questions:
        metric = metrics(profile, part)[name]

        assert metric["successCondition"] == "len(result) > 0 && result[0] == -1"
        assert metric["failureCondition"] == "len(result) > 0 && result[0] == 1"
        assert metric["failureLimit"] == 0


@pytest.mark.parametrize(("profile", "part"), BOTH)
def test_a_canary_may_wait_until_its_deadline(profile: str, part: str) -> None:
    """Neither doubts nor an unreachable Prometheus end it before; at the deadline the receiver does, without guilt."""
    deadline = plan_of(profile).deadline.total_seconds()
    for metric in metrics(profile, part).values():
        every = int(metric["interval"].removesuffix("s"))

        assert metric["consecutiveErrorLimit"] >= 1000
        assert metric["consecutiveErrorLimit"] * 10 >= deadline  # after an error Rollouts asks again in 10 s
        assert metric["inconclusiveLimit"] * every >= deadline


@pytest.mark.parametrize("profile", NAMES)
def test_a_step_s_analysis_is_valid_and_ends(profile: str) -> None:
    """Rollouts aborts at once a canary whose template is not: endless, or with fewer looks than doubts allowed."""
    for metric in metrics(profile, "step").values():
        assert metric["count"] >= metric["inconclusiveLimit"]
        assert metric["count"] >= metric.get("failureLimit", 0) + metric["consecutiveSuccessLimit"]
        assert metric["consecutiveSuccessLimit"] == 1


@pytest.mark.parametrize("profile", NAMES)
def test_the_watch_never_ends_by_itself(profile: str) -> None:
    """It goes on beside all steps."""
    assert all("count" not in metric for metric in metrics(profile, "watch").values())


@pytest.mark.parametrize(("profile", "part"), BOTH)
def test_only_this_service_s_pods_of_one_hash_are_counted(profile: str, part: str) -> None:
    """The same model in another namespace has the same hash; the canary is asked about, and stable for comparison."""
    namespace = one(objects(profile), "Rollout")  # the release's namespace is nowhere else in the manifests
    assert "namespace" not in namespace["metadata"]
    for name, metric in metrics(profile, part).items():
        selectors = re.findall(r"\{([a-z_]+=.*?)\}(?!\})", query(metric).replace("{{", "<").replace("}}", ">"))
        hashes = (
            {"<args.hash>"} if not name.endswith(("-stable", "stable-requests")) else {"<args.stable>", "<args.hash>"}
        )

        assert selectors
        for selector in selectors:
            assert 'service="flights"' in selector
            assert f'namespace="{"models-prod" if profile == "fastapi-traefik" else "models"}"' in selector
            assert re.search(r'rollouts_pod_template_hash="(.*?)"', selector)[1] in hashes  # type: ignore[index]


SUM = re.compile(r"sum\(headgate_\w+\{.*?\}\)")


def judged(text: str, bad: int, requests: int) -> float:
    """Work a question's PromQL out by hand, for a canary with these counts."""

    def number(found: re.Match[str]) -> str:
        if "_bucket" in found[0]:
            return str(requests - bad)
        return str(bad if 'code=~"5.."' in found[0] else requests)

    python = SUM.sub(number, text.replace("{{args.hash}}", "h"))
    python = re.sub(r"\((\d+) or 0 \* \d+\)", r"\1", python)
    return float(eval(python.replace(" bool ", " ").replace("^", "**"), {"ln": math.log, "vector": float}))


@settings(max_examples=60)
@given(
    profile=st.sampled_from(NAMES),
    requests=st.integers(1, 4000),
    share=st.floats(0, 0.2),
    place=st.integers(0, 1),
)
def test_the_chart_judges_as_the_ring_does(profile: str, requests: int, share: float, place: int) -> None:
    """The same counts have the same answer on a laptop and in a cluster."""
    plan = plan_of(profile)
    name = plan.questions[min(place, len(plan.questions) - 1)]
    bad, limit = int(requests * share), QUESTIONS[name].limit(plan.limits)
    near = abs(float(log_evidence(bad, requests, limit)) - math.log(1 / canary.level(plan))) < 0.01

    value = judged(query(metrics(profile, "watch")[name]), bad, requests)
    outcome = canary.answer(QUESTIONS[name], Sample(canary=Count(requests, bad)), plan).outcome

    assert near or {1: "fail", -1: "pass", 0: "inconclusive"}[value] == outcome


@pytest.mark.parametrize("profile", NAMES)
def test_watch_and_step_ask_the_same(profile: str) -> None:
    """What ends a canary and what lets it on is one judgement."""
    for name in plan_of(profile).questions:
        assert query(metrics(profile, "watch")[name]) == query(metrics(profile, "step")[name])


@pytest.mark.parametrize("profile", NAMES)
def test_a_step_s_counts_are_given_twice_once_there_are_enough(profile: str) -> None:
    """An analysis ends when all its metrics do: two values are what a count waits for, and it never fails."""
    plan = plan_of(profile)
    for name, metric in metrics(profile, "step").items():
        if name in plan.questions:
            continue
        counted = query(metrics(profile, "watch")[name])

        assert query(metric).startswith(f"{counted} or label_replace({counted} and on() (sum(")
        assert query(metric).endswith(f'>= {plan.min_requests}), "enough", "yes", "", "")')
        assert (metric["successCondition"], metric["failureCondition"]) == ("len(result) > 1", "false")


@pytest.mark.parametrize("profile", NAMES)
def test_stable_has_an_answer_even_without_requests(profile: str) -> None:
    """A step must not wait for a comparison that nobody judges by."""
    for name, metric in metrics(profile, "watch").items():
        if name.endswith(STABLE):
            assert query(metric).endswith(" or vector(NaN))")
        if name == STABLE_REQUESTS:
            assert query(metric).endswith(" or vector(0))")


@pytest.mark.parametrize("profile", NAMES)
def test_what_judges_is_there_before_what_is_judged(profile: str) -> None:
    """A wave of its own, of objects without a health to wait for; everything else is in one wave."""
    waves = {
        (made["kind"], made["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", "0"))
        for made in objects(profile)
    }

    assert {("AnalysisTemplate", "-1")} == {(kind, wave) for kind, wave in waves if wave != "0"}
    assert ("AnalysisTemplate", "0") not in waves
