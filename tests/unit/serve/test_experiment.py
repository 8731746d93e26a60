"""A/B: sticky by key, each row answered and logged by its own arm, and a verdict that may be looked at every day."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headgate.errors import PermanentError
from headgate.names import Name
from headgate.records.codec import decode, encode
from headgate.records.comparison import ExperimentReport
from headgate.serve.experiment.divided import Divided, ExperimentOptions
from headgate.serve.experiment.division import CONTROL, TREATMENT, UNASSIGNED, Division
from headgate.serve.experiment.report import Arms, mismatch, read_arms, report
from headgate.serve.logs.prediction_log import read
from headgate.serve.logs.segment import Assignment
from headgate.serve.model.predictor import Predictor
from headgate.serve.protocols.v2 import decode as decode_request
from headgate.serve.setup.preparing import prepare
from headgate.serve.setup.served import Served
from headgate.specs.reading import parse
from headgate.specs.service import Service
from unit.serve.running import SERVICE_YAML, World, changed, refused, rides, running, world
from unit.serve.second import second

NAME = Name("colours")


def test_a_key_stays_in_its_arm_whatever_the_server() -> None:
    """Nothing is remembered: another process, another day, the same arm."""
    one, other = Division("colours", "rider", 0.3), Division("colours", "rider", 0.3)

    assert [one.arm(key) for key in range(500)] == [other.arm(key) for key in reversed(range(500))][::-1]


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5])
def test_chance_divides_keys_by_the_share_and_experiments_from_one_another(share: float) -> None:
    """Of 20,000 keys as many as the share says; two experiments' arms know nothing of each other."""
    arms = [np.array([Division(name, "rider", share).arm(key) for key in range(20_000)]) for name in ("one", "two")]

    for arm in arms:
        assert stats.binomtest(int(arm.sum()), len(arm), share).pvalue > 1e-6
    both = np.histogram2d(*arms, bins=2)[0]
    assert stats.chi2_contingency(both).pvalue > 1e-6


@given(st.none() | st.just(float("nan")) | st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False))
def test_every_key_has_an_arm_and_no_key_has_none(key: Any) -> None:
    """A missing key takes no part."""
    arm = Division("colours", "rider", 0.5).arm(key)

    assert (arm == UNASSIGNED) == (key is None or (str(key) == "nan" and not isinstance(key, str)))


@dataclass
class Lab:
    """Two models on the same requests."""

    made: World
    served: Served
    options: ExperimentOptions

    @property
    def both(self) -> Divided:
        assert isinstance(self.served.predictor, Divided)
        return self.served.predictor

    def ask(self, request: dict[str, Any]) -> np.ndarray:
        rows = self.served.door.admit(decode_request(json.dumps(request).encode()))
        scores = self.served.predictor.answer(rows)
        assert self.served.recorder is not None
        self.served.recorder.record(rows, scores.tolist())
        for observer in self.served.background.observers:
            observer.offer(rows, scores)
        return scores


@pytest.fixture(params=["binary", "multiclass", "regression"])
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """One of each kind of answer."""
    made = world(tmp_path, task=request.param)
    model, sha256 = second(made, task=request.param)
    options = ExperimentOptions(name=NAME, model=model, sha256=sha256, key="rider", share=0.5)
    served = prepare(made.options(experiment=options, flush_seconds=0), made.sha256)
    yield Lab(made, served, options)
    served.background.stop()


def test_each_row_is_answered_and_logged_by_the_model_of_its_arm(lab: Lab) -> None:
    """Also within one request; the log has model, arm, key and propensity."""
    request = rides(40)

    answered = lab.ask(request)

    division = lab.both.division
    rows = lab.served.door.admit(decode_request(json.dumps(request).encode()))
    control, treatment = Predictor.answer(lab.both, rows), lab.both.treatment.answer(rows)
    codes = np.array([division.arm(1 + k) for k in range(40)])
    assert {CONTROL, TREATMENT} == set(codes.tolist())
    for k, code in enumerate(codes):
        np.testing.assert_array_equal(answered[k], (treatment if code == TREATMENT else control)[k])
    found = read_arms(lab.made.log_dir, NAME)
    by_key = dict(found.rows.select("key", "arm").iter_rows())
    assert by_key == {str(1 + k): division_name(code) for k, code in enumerate(codes.tolist())}
    assert (0.5, 0.5) == tuple(found.assignments[arm].propensity for arm in ("control", "treatment"))
    assert (lab.made.sha256, lab.options.sha256) == (found.models["control"], found.models["treatment"])


def division_name(code: int) -> str:
    return {CONTROL: "control", TREATMENT: "treatment"}[code]


def test_the_log_is_read_by_everybody_else_as_ever(lab: Lab) -> None:
    """Every row once, whole, under the model that answered it: drift and join need to know nothing of experiments."""
    answered = lab.ask(changed(rides(40), "distance", data=[None, *([1.5] * 39)]))

    rows = read(lab.made.log_dir)

    ordered = rows.sort(pl.col("id").str.extract(r"^(\d+)").cast(pl.Int64))
    names = [name for name in rows.columns if name.startswith("prediction")]
    np.testing.assert_allclose(ordered.select(names).to_numpy().ravel(), answered.ravel())
    assert {lab.made.sha256, lab.options.sha256} == set(rows["model"])
    assert [None, *([1.5] * 39)] == ordered["inputs"].struct.field("distance").to_list()


def test_a_sketch_is_of_control_alone(lab: Lab) -> None:
    """Its counters bear the champion's digest."""
    lab.ask(rides(40))
    for k in range(20):
        lab.ask(rides(1, rider=k))
    lab.served.background.fold()

    sketch = lab.served.documents["/sketch"]()

    control = sum(lab.both.division.arm(1 + k) == CONTROL for k in range(40))
    control += sum(lab.both.division.arm(k) == CONTROL for k in range(20))
    assert control == sum(day["rows"] for day in json.loads(sketch)["days"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "ridr"}, "no request has such an input. Did you mean 'rider'?"),
        ({"sha256": "a" * 64}, "sha256"),
        ({"name": "Über/../x"}, "experiment"),
    ],
)
def test_an_experiment_that_cannot_be_is_not_served(tmp_path: Path, change: dict[str, str], said: str) -> None:
    """Unlike a shadow it answers people: nothing is ready until it is right."""
    made = world(tmp_path)
    model, sha256 = second(made)
    options = ExperimentOptions(name=NAME, model=model, sha256=sha256, key="rider")

    code, told = refused(made.options(experiment=msgspec.structs.replace(options, **change)))

    assert 1 == code
    assert said in told


def test_an_answer_says_which_arm_gave_it(tmp_path: Path) -> None:
    """In a header, for a request of one arm or of both; the counter has rows by arm."""
    made = world(tmp_path)
    model, sha256 = second(made)
    options = ExperimentOptions(name=NAME, model=model, sha256=sha256, key="rider")
    division = Division(NAME, "rider", 0.5)
    treated = next(k for k in range(100) if division.arm(k) == TREATMENT)

    with running(made.options(experiment=options)) as server:
        alone, mixed = server.infer(rides(1, rider=treated)), server.infer(rides(60))

        assert ("treatment", "control, treatment") == tuple(one.headers["headgate-arm"] for one in (alone, mixed))
        labels = f'arm="treatment",experiment="colours",model="{sha256[:12]}",service="rides"'
        expected = 1 + sum(division.arm(1 + k) == TREATMENT for k in range(60))
        assert expected == server.metric(f"headgate_experiment_rows_total{{{labels}}}")


def test_two_shares_under_one_name_are_no_experiment(lab: Lab) -> None:
    """Propensities would be wrong; and a name that is none is asked back."""
    lab.ask(rides(40))
    other = prepare(
        lab.made.options(experiment=msgspec.structs.replace(lab.options, share=0.2), flush_seconds=0), lab.made.sha256
    )
    Lab(lab.made, other, lab.options).ask(rides(40, rider=500))
    other.background.stop()

    with pytest.raises(PermanentError, match="another model, key or share"):
        read_arms(lab.made.log_dir, NAME)
    with pytest.raises(PermanentError, match="Did you mean 'colours'"):
        read_arms(lab.made.log_dir, "colors")


SPEC = parse(SERVICE_YAML.format(task="binary", features="null"), Service, "service.yaml")


def played(random: np.random.Generator, keys: int, per_key: int, better: float = 0.0, share: float = 0.5) -> Any:
    """Return arms and labels: treatment's probabilities are nearer to what happens by `better`."""
    division = Division(NAME, "rider", share)
    key = np.repeat(np.arange(keys), per_key)
    treated = np.array([division.arm(int(one)) == TREATMENT for one in range(keys)])[key]
    truth = np.clip(random.beta(2, 2, keys), 0.02, 0.98)[key]
    label = random.random(len(key)) < truth
    noise = random.normal(scale=0.15, size=keys)[key]
    score = np.clip(truth + noise * np.where(treated, 1 - better, 1), 0, 1)
    rows = pl.DataFrame(
        {
            "id": [str(place) for place in range(len(key))],
            "at": range(len(key)),
            "prediction": score,
            "key": key.astype(str),
            "arm": np.where(treated, "treatment", "control"),
        }
    )
    assignments = {
        arm: Assignment(experiment=NAME, key="rider", arm=arm, propensity=chance, classes=("false", "true"))
        for arm, chance in (("control", 1 - share), ("treatment", share))
    }
    models = {"control": "a" * 64, "treatment": "b" * 64}
    return Arms(assignments, models, rows), pl.DataFrame({"id": rows["id"], "label": label})


def judged(arms: Arms, labels: pl.DataFrame, **changed_: Any) -> ExperimentReport:
    return report(arms, labels, SPEC, NAME, **{"metric": "brier", "effect": 0.005, "alpha": 0.05, **changed_})


def test_labels_that_have_not_come_judge_nothing() -> None:
    """Nor do those of a handful of keys; an outcome that is none is asked back."""
    arms, labels = played(np.random.default_rng(1), keys=300, per_key=1)

    assert "insufficient_data" == judged(arms, labels.clear()).outcome
    few = judged(arms, labels[:30])
    assert ("insufficient_data", True) == (few.outcome, "25 needed" in few.reason)
    with pytest.raises(PermanentError, match=r"Did you mean 'brier'"):
        judged(arms, labels, metric="briar")


def test_rows_that_are_not_logged_are_a_mismatch_and_no_verdict() -> None:
    """Half of treatment's keys are gone: whoever stayed away is no matter of chance."""
    arms, labels = played(np.random.default_rng(2), keys=800, per_key=1, better=1.0)
    kept = arms.rows.filter((pl.col("arm") == "control") | (pl.col("key").cast(pl.Int64) % 2 == 0))

    found = judged(arms._replace(rows=kept), labels)

    assert "mismatch" == found.outcome
    assert found.difference is None
    assert "some rows are not logged" in found.reason


def test_a_key_in_both_arms_is_a_mismatch() -> None:
    """Nobody was divided by it."""
    arms, _ = played(np.random.default_rng(2), keys=200, per_key=2)
    torn = arms.rows.with_columns(arm=pl.when(pl.col("id") == "0").then(pl.lit("treatment")).otherwise(pl.col("arm")))
    torn = torn.with_columns(arm=pl.when(pl.col("id") == "1").then(pl.lit("control")).otherwise(pl.col("arm")))

    assert "1 keys are in both arms" == mismatch(torn, 0.5)


@pytest.mark.parametrize(("better", "outcome"), [(0.9, "treatment"), (-1.5, "control")])
def test_the_better_arm_is_found(better: float, outcome: str) -> None:
    """In either direction, with the difference and its bounds; the record can be written and read."""
    arms, labels = played(np.random.default_rng(3), keys=6000, per_key=3, better=better)

    found = judged(arms, labels)

    assert outcome == found.outcome
    assert found.difference is not None
    assert found.difference.low * found.difference.high > 0
    control, treatment = found.arms
    assert treatment.mean is not None
    assert control.mean is not None
    assert found.difference.value == pytest.approx(treatment.mean - control.mean)
    assert decode(encode(found), ExperimentReport) == found


def test_arms_that_are_alike_are_not_told_apart_however_often_one_looks() -> None:
    """A/A: 15 looks, 40 experiments, errors by key; wrong in no more than alpha's share of them."""
    ever = 0
    for seed in range(40):
        arms, labels = played(np.random.default_rng(seed), keys=400, per_key=4)
        looks = np.linspace(400, 1600, 15).astype(int)
        ever += any(
            judged(arms._replace(rows=arms.rows[:look]), labels).outcome in {"treatment", "control"} for look in looks
        )

    assert stats.binom.cdf(ever - 1, 40, 0.05) < 0.999


def test_the_label_itself_may_be_the_outcome() -> None:
    """What the answers brought about: its mean by arm."""
    arms, labels = played(np.random.default_rng(4), keys=300, per_key=1)

    found = judged(arms, labels, metric="label")

    for arm in found.arms:
        own = arms.rows.filter(pl.col("arm") == arm.name)["id"].implode()
        assert arm.mean == pytest.approx(labels.filter(pl.col("id").is_in(own))["label"].mean())
