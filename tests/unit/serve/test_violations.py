"""What Prometheus reads about inputs that are not as promised: bounded labels, whatever clients send."""

from prometheus_client import CollectorRegistry, generate_latest

from headgate.contract.watch import Notice
from headgate.serve.door.violations import MOST_INPUTS, Violations


def exposed(violations: Violations) -> list[str]:
    registry = CollectorRegistry()
    registry.register(violations)
    return [line for line in generate_latest(registry).decode().splitlines() if line[0] != "#"]


def test_names_that_clients_make_up_are_one_label() -> None:
    """A thousand of them are one series."""
    violations = Violations("rides", ["city"])

    for number in range(1000):
        violations.refused(f'x{number}"\n', "unknown")

    expected = 'headgate_violations_total{input="other",kind="unknown",level="reject",service="rides"} 1000.0'
    assert exposed(violations) == [expected]


def test_a_wide_contract_is_not_a_wide_scrape() -> None:
    """Inputs beyond a hundred share a label."""
    violations = Violations("rides", [f"c{number}" for number in range(500)])

    for number in range(500):
        violations.refused(f"c{number}", "type")

    lines = exposed(violations)
    assert len(lines) == MOST_INPUTS + 1
    assert 'headgate_violations_total{input="other",kind="type",level="reject",service="rides"} 400.0' in lines


def test_refusals_count_requests_and_notices_values_of_requests() -> None:
    """By what was done about them."""
    violations = Violations("rides", ["city", "temp"])

    violations.refused("city", "unseen")
    violations.noticed([Notice("temp", "above", "clip", 3), Notice("city", "unseen", "flag", 2)])
    violations.noticed([Notice("temp", "above", "clip", 1)])

    assert {
        ("city", "unseen", "reject"): 1,
        ("temp", "above", "clip"): 4,
        ("city", "unseen", "flag"): 2,
    } == violations.counts
