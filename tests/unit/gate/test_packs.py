"""Policy packs: found by name, merged with the service's rules, each number with its reason."""

import re

import pytest

from headgate.errors import PermanentError
from headgate.gate.judge import policy_name
from headgate.gate.packs import FOLDER, load, names
from headgate.specs.gate import AnyRule, Floor, Gain, Gate, NonInferior, Pack


def test_an_unknown_pack_is_refused_with_the_one_that_may_be_meant() -> None:
    """Did you mean, what there is, what to do."""
    with pytest.raises(PermanentError) as caught:
        load(Gate(policy="balnced"))

    assert caught.value.message == "there is no policy pack 'balnced'. Did you mean 'balanced'?"
    assert caught.value.found == "packs: balanced, permissive, strict"


@pytest.mark.parametrize("policy", ["../balanced", "balanced.yaml", "", "BALANCED"])
def test_a_pack_is_a_name_and_not_a_path(policy: str) -> None:
    """Nothing outside the packs' folder can be read."""
    with pytest.raises(PermanentError, match="no policy pack"):
        load(Gate(policy=policy))


def test_a_rule_about_an_unknown_metric_is_refused() -> None:
    """A typing error in service.yaml does not become a rule that never applies."""
    with pytest.raises(PermanentError, match=r"gate rule 'gain' names metric 'acu'\. Did you mean 'auc'\?"):
        load(Gate(rules=(Gain(metric="acu"),)))


@pytest.mark.parametrize("name", names())
def test_every_pack_reads_and_bears_its_files_name(name: str) -> None:
    """Packs are checked like what people write."""
    assert load(Gate(policy=name)).pack == name


@pytest.mark.parametrize("name", names())
def test_every_number_of_a_pack_has_its_reason_beside_it(name: str) -> None:
    """A number without a reason cannot be argued with."""
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()

    without = [line for line in lines if re.search(r":\s+[\d.]+", line) and "#" not in line]

    assert without == []


def test_a_services_rule_takes_the_place_of_the_packs() -> None:
    """Same kind and metric: replaced, in the pack's order."""
    pack = load(Gate())
    mine = Gain(more_than=0.01)

    changed = load(Gate(rules=(mine,)))

    assert [type(rule) for rule in changed.rules] == [type(rule) for rule in pack.rules]
    assert [rule for rule in changed.rules if isinstance(rule, Gain)] == [mine]


def test_a_rule_on_another_metric_is_added() -> None:
    """Same kind, other metric: both are judged, the service's last."""
    mine = Floor(metric="accuracy", limit=0.8)

    changed = load(Gate(rules=(mine,)))

    assert changed.rules == (*load(Gate()).rules, mine)


def test_a_rule_against_another_role_is_added() -> None:
    """Keeping up with the champion is another question than keeping up with the anchor."""
    mine: AnyRule = NonInferior(against="champion")

    assert load(Gate(rules=(mine,))).rules[-1] == mine


def test_naming_the_leading_metric_is_the_same_as_naming_none() -> None:
    """`gain auc` replaces `gain` where AUC leads."""
    mine = Gain(metric="auc", more_than=0.02)

    rules = load(Gate(rules=(mine,)), lead="auc").rules

    assert [rule for rule in rules if isinstance(rule, Gain)] == [mine]


def test_the_policys_name_changes_with_its_rules() -> None:
    """Two policies of one name are told apart; the same one is always called the same."""
    plain, again, mine = load(Gate()), load(Gate()), load(Gate(alpha=0.01))

    assert policy_name(plain) == policy_name(again)
    assert policy_name(plain) != policy_name(mine)
    assert re.fullmatch(r"balanced@[0-9a-f]{12}", policy_name(mine))


def test_a_default_that_changes_in_the_code_changes_the_policys_name() -> None:
    """What a file leaves unsaid is a rule too: a spelled-out default is the same policy, another default another."""

    class Stricter(Gain, frozen=True, kw_only=True, tag="gain"):
        """Gain, as a later version of the code may have it."""

        detect: float = 0.02

    unsaid, said, later = (
        Pack(pack="mine", why="a trial", rules=(rule,)) for rule in (Gain(), Gain(detect=0.01), Stricter())
    )

    assert policy_name(unsaid) == policy_name(said)
    assert policy_name(unsaid) != policy_name(later)


def test_the_reason_for_a_pack_is_no_rule() -> None:
    """Better words for the same rules leave verdicts comparable."""
    assert policy_name(Pack(pack="mine", why="a", rules=())) == policy_name(Pack(pack="mine", why="b", rules=()))
