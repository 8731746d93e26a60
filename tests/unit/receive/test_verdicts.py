"""What AnalysisRuns say counts for no more than they were told: a terminated one has answered nothing."""

import pytest
from msgspec.structs import replace

from headgate.records.cluster import Examination, Measured
from headgate.records.codec import decode
from headgate.records.live import LiveTag
from unit.receive.world import B, World


def terminated(world: World, phase: str, *measured: Measured) -> None:
    """Let the step's analysis be terminated with these results, and the canary be ended."""
    world.examine("Error")
    rollout = world.cluster.kept["flights"]
    (one,) = (one for one in rollout.examinations if one.pods == rollout.current)
    ended: Examination = replace(one, phase=phase, measured=measured)
    others = tuple(each for each in rollout.examinations if each != one)
    world.cluster.kept["flights"] = replace(rollout, examinations=(*others, ended))


def errors(phase: str, last: str) -> Measured:
    return Measured(metric="errors", phase=phase, last=last, message="Prometheus cannot be reached")  # type: ignore[arg-type]


ONLY_ERRORS = errors("Successful", "Error")
"""As Rollouts 1.9 writes it when a run is terminated that had not come to an answer."""
UNANSWERED: dict[str, tuple[str, tuple[Measured, ...], str]] = {
    "read as successful": ("Successful", (ONLY_ERRORS,), "error"),
    "read as inconclusive": ("Inconclusive", (errors("Inconclusive", "Inconclusive"),), "inconclusive"),
    "read as an error": ("Error", (errors("Error", "Error"),), "error"),
    "held until then": ("Successful", (errors("Successful", "Inconclusive"),), "inconclusive"),
    "never measured": ("Successful", (errors("Successful", "Pending"),), "inconclusive"),
    "without a metric": ("Successful", (), "inconclusive"),
    "one of two answered": (
        "Successful",
        (ONLY_ERRORS, replace(ONLY_ERRORS, metric="p99", last="Successful")),
        "error",
    ),
}


@pytest.mark.parametrize("case", UNANSWERED)
def test_a_terminated_analysis_is_neither_a_pass_nor_guilt(world: World, case: str) -> None:
    """Whatever Rollouts calls it: no revert, no ban, and the tag does not say that it passed."""
    phase, measured, outcome = UNANSWERED[case]
    world.name(B)
    terminated(world, phase, *measured)

    world.look()

    (tag,) = (decode(tag.message.encode(), LiveTag) for tag in world.forge.tags("aborted/"))
    assert [outcome] == [analysis.outcome for analysis in tag.analyses]
    assert "pass" not in {answer.outcome for answer in tag.analyses[0].answers if answer.question == "errors"}
    assert world.pulls() == []
    assert world.desired().bans("prod", "flights") == ()


def test_a_step_that_was_terminated_was_not_passed(world: World) -> None:
    """What is judged beside the steps was judged at the first one's weight."""
    world.name(B)
    terminated(world, "Successful", ONLY_ERRORS)
    rollout = world.cluster.kept["flights"]
    beside = replace(rollout.examinations[-1], name="beside", step=None, phase="Failed", measured=())
    world.cluster.kept["flights"] = replace(rollout, examinations=(*rollout.examinations, beside))

    world.look()

    (tag,) = (decode(tag.message.encode(), LiveTag) for tag in world.forge.tags("aborted/"))
    assert [10, 10] == [analysis.weight for analysis in tag.analyses]
